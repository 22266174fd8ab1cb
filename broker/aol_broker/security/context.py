"""On whose behalf is a call made? A request's SecurityContext, checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import orjson

from aol.data.v1.context_pb2 import SecurityContext
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.json_text import decode
from aol_wire.json_values import examine
from aol_wire.limits import CONTEXT_ATTRIBUTES_MAX_BYTES, CONTEXT_MAX_NAMES, CONTEXT_NAME_MAX_BYTES
from aol_wire.paths import below

_KEPT = 1024
NAME_FORM = f"1 to {CONTEXT_NAME_MAX_BYTES} bytes of printable characters"


@dataclass(frozen=True, slots=True)
class Context:
    """Who a call is made for. `teams` and `roles` are in an order that says nothing, each once.

    `attributes` is the text of a JSON object with sorted keys, rather than the object: as values, 1 and true would
    be the same.
    """

    tenant: str = ""
    user: str = ""
    teams: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    attributes: str = "{}"

    def value(self, name: str) -> Json:
        """Return what `"$context.NAME"` stands for; None where the context says nothing of it."""
        match name:
            case "tenant" | "user":
                said: str = self.tenant if name == "tenant" else self.user
                return said or None
            case "teams" | "roles":
                return list(self.teams if name == "teams" else self.roles)
            case _:
                attributes: dict[str, Json] = orjson.loads(self.attributes)
                return attributes.get(name)


OWN_NAMES = frozenset({"tenant", "user", "teams", "roles"})
"""What a context says beside its attributes."""


def read_context(message: SecurityContext) -> Context:
    """Return what a request's context says, its token aside.

    :raises DataError: BAD_REQUEST or TOO_LARGE, with the path that is wrong.
    """
    # A service makes many calls for one user, and each carries the same bytes.
    return _read(message.SerializeToString(deterministic=True))


@lru_cache(maxsize=_KEPT)
def _read(encoded: bytes) -> Context:
    message = SecurityContext.FromString(encoded)
    return make_context(
        message.tenant,
        message.user,
        message.teams[:],
        message.roles[:],
        decode(message.attributes, Reason.BAD_REQUEST, _ATTRIBUTES, CONTEXT_ATTRIBUTES_MAX_BYTES)
        if message.attributes
        else {},
    )


_ATTRIBUTES = "context.attributes"


def make_context(tenant: str, user: str, teams: Iterable[str], roles: Iterable[str], attributes: Json) -> Context:
    """Return a context of these parts; an empty tenant or user is none.

    :raises DataError: BAD_REQUEST or TOO_LARGE, with the path that is wrong.
    """
    for place, name in (("tenant", tenant), ("user", user)):
        if name:
            _check_name(name, f"context.{place}")
    return Context(tenant, user, _names(teams, "teams"), _names(roles, "roles"), _attributes(attributes))


def is_name(name: str) -> bool:
    """Whether something can be called so: a tenant, a user, a team, a role."""
    # What is printable holds no lone surrogate, which could not be encoded.
    return bool(name) and name.isprintable() and len(name.encode()) <= CONTEXT_NAME_MAX_BYTES


def _check_name(name: str, where: str) -> None:
    if not is_name(name):
        raise DataError.invalid(Reason.BAD_REQUEST, where, NAME_FORM)


def _names(names: Iterable[str], place: str) -> tuple[str, ...]:
    given = tuple(names)
    if len(given) > CONTEXT_MAX_NAMES:
        raise DataError.invalid(Reason.TOO_LARGE, f"context.{place}", f"at most {CONTEXT_MAX_NAMES}")
    for index, name in enumerate(given):
        _check_name(name, f"context.{place}.{index}")
    return tuple(sorted(set(given)))


def _attributes(attributes: Json) -> str:
    """Return the text of attributes, which are changed as `examine` changes them."""
    attributes = examine(attributes, Reason.BAD_REQUEST, _ATTRIBUTES)
    if not isinstance(attributes, dict):
        raise DataError.invalid(Reason.BAD_REQUEST, _ATTRIBUTES, "a JSON object is needed")
    for name, value in attributes.items():
        where = below(_ATTRIBUTES, name)
        if not is_name(name):
            raise DataError.invalid(Reason.BAD_REQUEST, where, f"an attribute's name has {NAME_FORM}")
        if name in OWN_NAMES:
            description = f"the context has a field of its own for it, context.{name}"
            raise DataError.invalid(Reason.BAD_REQUEST, where, description)
        # Null is left out: to a condition it would be like a document's missing value.
        if not all(isinstance(item, str | int | float) for item in (value if isinstance(value, list) else [value])):
            description = "a string, a number, a boolean or a list of these is needed"
            raise DataError.invalid(Reason.BAD_REQUEST, where, description)
    encoded = orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS)
    if len(encoded) > CONTEXT_ATTRIBUTES_MAX_BYTES:
        raise DataError.invalid(Reason.TOO_LARGE, _ATTRIBUTES, f"at most {CONTEXT_ATTRIBUTES_MAX_BYTES:,} bytes")
    return encoded.decode()
