"""On whose behalf is a call made, and may its caller say so? What the line asks between permission and admission."""

from typing import NamedTuple, Protocol

from aol.data.v1.context_pb2 import SecurityContext
from aol_broker.authorize import Allowed
from aol_broker.registry.snapshot import CollectionRecord, GrantState, Permission, Snapshot
from aol_broker.request import Principal
from aol_broker.scope import Scope
from aol_broker.security.context import Context, read_context
from aol_broker.security.scoping import Reach, scope_beyond, scope_within
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.ids import now_us
from aol_wire.limits import CONTEXT_TOKEN_MAX_BYTES

ASSERTED, BYPASS, TOKEN = BASES = ("asserted", "bypass", "token")
"""How it is known on whose behalf a call is made; or that it reaches all documents."""


class UserTokens(Protocol):
    """Verifies the tokens of end users."""

    async def context_of(self, token: str) -> Context:
        """Return on whose behalf a call with this token is made.

        :raises DataError: BAD_CREDENTIALS, the token is no good; its text is in no message.
        """


class Decision(NamedTuple):
    """What a call reaches, and how that is known: ASSERTED by its caller, by a TOKEN, or all of it, by BYPASS.

    `basis` is empty where the collection keeps no record-level security, or needs none of this call.
    """

    scope: Scope
    context: Context = Context()
    basis: str = ""


class RecordSecurity:
    """Decides what calls on documents reach."""

    def __init__(self, tokens: UserTokens | None = None) -> None:
        """`tokens` is None where the broker verifies none."""
        self._tokens = tokens

    async def decide(
        self, said: SecurityContext, allowed: Allowed, reach: Reach, principal: Principal, snapshot: Snapshot
    ) -> Decision:
        """Return what a call on documents reaches.

        :param said: the request's context, which may be empty.
        :param allowed: what authorization found for a verb that names an existing collection.
        :raises DataError: CONTEXT_REQUIRED, GRANT_MISSING, BAD_CREDENTIALS, CAPABILITY_UNSUPPORTED, BAD_REQUEST,
            TOO_LARGE.
        """
        record = allowed.record
        given = said.ByteSize() > 0
        if record is None or not record.security:
            if given:
                raise _narrows_nothing(record)
            return Decision(allowed.scope)
        if not given:
            if holds(record, principal, Permission.BYPASS_SECURITY, snapshot):
                return Decision(scope_beyond(allowed.scope, record, reach), Context(), BYPASS)
            # Where all that is needed is a tenant, and that is optional, this is a call for the documents without one.
            return Decision(scope_within(allowed.scope, record, Context(), reach))
        if said.token:
            context, basis = await self._verified(said), TOKEN
        else:
            _require_assertion(record, principal, snapshot)
            context, basis = read_context(said), ASSERTED
        return Decision(scope_within(allowed.scope, record, context, reach), context, basis)

    async def _verified(self, said: SecurityContext) -> Context:
        if len(said.ListFields()) > 1:
            raise DataError.invalid(
                Reason.BAD_REQUEST, "context", "beside a token stands nothing else: the token says it"
            )
        if self._tokens is None:
            raise DataError(
                Reason.CAPABILITY_UNSUPPORTED,
                "This broker verifies no tokens of users: its configuration has no security.user_tokens.",
                applied=Applied.NO,
            )
        if len(said.token) > CONTEXT_TOKEN_MAX_BYTES:
            raise DataError.invalid(Reason.TOO_LARGE, "context.token", f"at most {CONTEXT_TOKEN_MAX_BYTES:,} bytes")
        return await self._tokens.context_of(said.token)


def _require_assertion(record: CollectionRecord, principal: Principal, snapshot: Snapshot) -> None:
    """Return if a caller is believed that it acts for whom it says.

    Who may reach all documents may also reach fewer.
    """
    if record.service == principal.service or any(
        holds(record, principal, permission, snapshot)
        for permission in (Permission.ASSERT_CONTEXT, Permission.BYPASS_SECURITY)
    ):
        return
    command = f"aol grant {record.collection_id} {principal.service} {Permission.ASSERT_CONTEXT.value}"
    raise DataError(
        Reason.GRANT_MISSING,
        f"Permission denied for collection '{record.collection_id}': {principal.service} may not say on whose behalf "
        f"it calls. Send the user's own token, SecurityContext(token=...), or let {record.service} or an operator give "
        f"'{Permission.ASSERT_CONTEXT.value}': {command}",
        metadata={
            "collection": record.collection_id,
            "service": principal.service,
            "permission": Permission.ASSERT_CONTEXT.value,
            "command": command,
        },
        applied=Applied.NO,
    )


def holds(record: CollectionRecord, principal: Principal, permission: Permission, snapshot: Snapshot) -> bool:
    """Whether a caller was given just this permission; neither the owner's rights nor `admin` count."""
    at_us = now_us()
    return any(
        grant.permission is permission and grant.state_at(at_us) is GrantState.ACTIVE
        for grant in snapshot.grants_of(record.collection_id, principal.service)
    )


def _narrows_nothing(record: CollectionRecord | None) -> DataError:
    collection = "it" if record is None else f"collection '{record.collection_id}'"
    return DataError(
        Reason.CAPABILITY_UNSUPPORTED,
        f"The call carries a security context, but {collection} keeps no record-level security, so that the call would "
        "reach more than is meant. Make it without a context, or let the collection's owner declare `security` in its "
        "manifest.",
        applied=Applied.NO,
    )
