"""What of a secured collection does a call reach? The scope of a call, by its collection's policy and its context."""

import hashlib
from dataclasses import replace
from enum import Enum, auto
from functools import lru_cache

import orjson

from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.scope import WHOLE, Scope
from aol_broker.security.access_list import READ, WRITE, entries_of
from aol_broker.security.conditions import fill_in, names_of
from aol_broker.security.context import OWN_NAMES, Context
from aol_broker.security.policy import SecurityPolicy, TenantRule
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import And, Compare, ContainsAny, Filter, Operator, Or, Path
from aol_wire.metadata import ACL, OWNER

_KEPT = 1024
_BYPASS = b"\1bypass"
_OF_SOMEBODY = frozenset({"teams", "roles"})


class Reach(Enum):
    """What a verb does with documents, which decides which entries of their access control lists count."""

    READ = auto()
    """It finds them."""
    CHANGE = auto()
    """It changes or deletes those that there are."""
    INSERT = auto()
    """It makes new ones."""


def scope_within(scope: Scope, record: CollectionRecord, context: Context, reach: Reach) -> Scope:
    """Return what a call reaches that is made for a context.

    :param scope: what its caller's rights let it reach.
    :raises DataError: CONTEXT_REQUIRED, the context does not say all that is needed; CAPABILITY_UNSUPPORTED, it names a
        tenant and the collection has none; BAD_REQUEST, it does not fit a condition.
    """
    policy = record.security
    missing = missing_parts(policy, context)
    if missing:
        raise context_required(record, missing)
    if context.tenant and not policy.tenant:
        raise DataError(
            Reason.CAPABILITY_UNSUPPORTED,
            f"The call is made for a tenant, and the documents of '{record.collection_id}' have none, so that it would "
            "reach more than is meant. Its owner declares `security: {tenant: ...}` when the collection is made; "
            "otherwise make the call without a tenant.",
            applied=Applied.NO,
        )
    secured = _secured(policy, context, record.datetime_paths, reach is Reach.CHANGE)
    if scope is WHOLE:
        return secured
    conditions, identity = (*secured.conditions, *scope.conditions), scope.identity + secured.identity
    return replace(secured, conditions=conditions, identity=identity, fields=scope.fields)


def scope_beyond(scope: Scope, record: CollectionRecord, reach: Reach) -> Scope:
    """Return what a call reaches that bypasses the security of a collection.

    :raises DataError: CONTEXT_REQUIRED, it inserts, and nobody says whose the documents are.
    """
    policy = record.security
    if reach is Reach.INSERT:
        missing = [
            part
            for part, needed in (("tenant", policy.tenant is TenantRule.REQUIRED), ("user", policy.owner))
            if needed
        ]
        if missing:
            raise context_required(record, missing)
        return replace(scope, identity=scope.identity + _BYPASS)
    return replace(scope, tenant=None if policy.tenant else "", identity=scope.identity + _BYPASS)


def missing_parts(policy: SecurityPolicy, context: Context) -> list[str]:
    """Return what a context would have to say more."""
    missing = []
    if policy.tenant is TenantRule.REQUIRED and not context.tenant:
        missing.append("tenant")
    if policy.owner and not context.user:
        missing.append("user")
    asked = frozenset[str]().union(*map(names_of, policy.attributes))
    # That somebody is in no team and has no role is said by naming none, but not that nobody is meant.
    if asked & _OF_SOMEBODY and not (context.user or context.teams or context.roles):
        asked |= {"user"}
    for name in sorted(asked - _OF_SOMEBODY):
        if context.value(name) is None and name not in missing:
            missing.append(name if name in OWN_NAMES else f"attributes.{name}")
    return missing


def context_required(record: CollectionRecord, missing: list[str]) -> DataError:
    """Return the error for a call that does not say on whose behalf it is made."""
    parts = ", ".join(missing)
    given = ", ".join(f"{part}=..." for part in missing if not part.startswith("attributes."))
    attributes = [part.removeprefix("attributes.") for part in missing if part.startswith("attributes.")]
    if attributes:
        named = ", ".join(f"{name!r}: ..." for name in attributes)
        given += f"{', ' if given else ''}attributes={{{named}}}"
    return DataError(
        Reason.CONTEXT_REQUIRED,
        f"Collection '{record.collection_id}' keeps record-level security, and the call does not say on whose behalf "
        f"it is made: its context lacks {parts}. Give it, client.with_context(SecurityContext({given})) or context=... "
        "of a method, or the user's token, SecurityContext(token=...). A service that has to reach all documents needs "
        f"'bypass-security', which an operator gives: aol grant {record.collection_id} SERVICE bypass-security",
        metadata={"collection": record.collection_id, "missing": parts},
        applied=Applied.NO,
    )


@lru_cache(maxsize=_KEPT)
def _secured(policy: SecurityPolicy, context: Context, datetime_paths: frozenset[Path], changes: bool) -> Scope:
    conditions: list[Filter] = []
    if policy.owner:
        conditions.append(_reached_by(policy, context, WRITE if changes else READ))
    conditions += [fill_in(text, context, datetime_paths) for text in policy.attributes]
    # Whose pages they are, and not by which token that is known: another one must not end them.
    who = orjson.dumps([context.tenant, context.user])
    return Scope(
        context.tenant,
        tuple(conditions),
        owner=context.user if policy.owner else "",
        identity=b"\2" + hashlib.sha256(who).digest(),
    )


def _reached_by(policy: SecurityPolicy, context: Context, key: str) -> Filter:
    own = Compare((OWNER,), Operator.EQ, context.user)
    if not policy.acl:
        return own
    return Or((own, ContainsAny((ACL, key), entries_of(context))))


def owned(scope: Scope, filter: Filter | None) -> Filter | None:
    """Return the part of what a filter finds whose access control lists a caller may change: what its user owns.

    A scope without an owner is of a call that bypasses security.
    """
    if not scope.owner:
        return filter
    own = Compare((OWNER,), Operator.EQ, scope.owner)
    return own if filter is None else And((filter, own))
