"""On whose behalf does a service call? The security context that collections with record-level security need."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aol.data.v1 import context_pb2
from aol_client.arguments import text_argument
from aol_client.encoding import encode_argument
from aol_client.exceptions import invalid_request
from aol_wire.errors import Reason


@dataclass(frozen=True, slots=True)
class SecurityContext:
    """The end user for whom a service calls.

    `tenant`, `user`, `teams` and `roles` are names; `attributes` maps names to strings, numbers, booleans, or lists of
    these, for the conditions of the collection. What a collection's security does not ask for may be left out.

    A service may say these of collections that it owns, and of others where it was granted `assert-context`. With
    `token`, the user's own signed JWT, the broker verifies who it is, and nothing else may be given.
    """

    tenant: str = ""
    user: str = ""
    teams: Iterable[str] = ()
    roles: Iterable[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    token: str = field(default="", repr=False)


Context = SecurityContext | Mapping[str, Any]
"""A `SecurityContext`, or a dict with its fields."""


def context_message(context: Context) -> context_pb2.SecurityContext:
    """Return what is sent of a context.

    :raises InvalidRequestError: BAD_REQUEST, it cannot be one; it says nothing, which would be a call without one.
    """
    if isinstance(context, Mapping):
        try:
            context = SecurityContext(**context)
        except TypeError:
            names = ", ".join(SecurityContext.__dataclass_fields__)
            raise invalid_request(Reason.BAD_REQUEST, "context", f"its keys are {names}") from None
    if not isinstance(context, SecurityContext):
        description = f"a SecurityContext or a dict is needed, not {type(context).__qualname__}"
        raise invalid_request(Reason.BAD_REQUEST, "context", description)
    message = context_pb2.SecurityContext(
        tenant=text_argument("context.tenant", context.tenant),
        user=text_argument("context.user", context.user),
        teams=_names("context.teams", context.teams),
        roles=_names("context.roles", context.roles),
        attributes=encode_argument("context.attributes", context.attributes or None, Reason.BAD_REQUEST),
        token=text_argument("context.token", context.token),
    )
    if not message.ByteSize():
        raise invalid_request(Reason.BAD_REQUEST, "context", "it says nothing; leave it out for a call without one")
    return message


def _names(where: str, names: Iterable[str]) -> list[str]:
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise invalid_request(Reason.BAD_REQUEST, where, "a list of names is needed")
    return [text_argument(where, name) for name in names]
