"""Who may do what? Grants follow from what is shared, asked for, granted and revoked, in whatever order that came.

The rules:

- A request is active (origin `sharing`) when the owner's manifest shares the collection with that service, with a
  permission that covers it, within the limits of that sharing. Sharing that nobody asks for gives nothing.
- A grant by call is active (origin `grant`) until it is revoked, asked for or not. One to a pattern of services answers
  no request.
- A request that neither covers is pending (origin `request`), or refused, when the owner or an operator has refused it.
- A grant by call that answered a request is orphaned when the service's manifest asks no more for what it gives. It
  holds until it is removed, by applying a plan that shows its removal.
- A revocation of a permission takes away every grant by call that covers it, and what sharing gives of it. The latter
  comes back when the owner's manifest is applied with another text: the newest word of the owner counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.registry.snapshot import Grant, GrantState, Origin, Permission, Refusal


@dataclass(frozen=True, slots=True)
class AccessFact:
    """A permission that was asked for or granted by call; `by` is who granted it.

    `limits`, `number`, the revision at which it was granted as it is, and `answers_request`, whether it was asked for
    then, are of what was granted.
    """

    permission: Permission
    reason: str
    created_us: int
    by: str = ""
    limits: Limits = UNLIMITED
    number: int = 0
    answers_request: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """A permission that the owner's manifest shares; `number` is the revision at which it was applied."""

    permission: Permission
    limits: Limits = UNLIMITED
    number: int = 0


def is_asked(permission: Permission, requested: Iterable[Permission]) -> bool:
    """Whether requests ask for what a grant gives: for a part of it, or for more, which includes it."""
    return any(permission.covers(asked) or asked.covers(permission) for asked in requested)


def grants_for(
    collection_id: str,
    service: str,
    *,
    shared: Iterable[Share] = (),
    revoked: Iterable[Permission] = (),
    requested: Iterable[AccessFact] = (),
    granted: Iterable[AccessFact] = (),
    refused: Mapping[Permission, Refusal] = MappingProxyType({}),
) -> tuple[Grant, ...]:
    """Return what one service holds on one collection of another or waits for; active first, then by permission."""
    shared, revoked, requested, granted = tuple(shared), tuple(revoked), tuple(requested), tuple(granted)
    owner = collection_id.partition(".")[0]
    grants = [
        Grant(
            collection_id,
            service,
            fact.permission,
            GrantState.ACTIVE,
            Origin.GRANT,
            fact.by,
            fact.reason,
            fact.created_us,
            fact.limits,
            fact.number,
            answers_request=fact.answers_request,
            orphaned=fact.answers_request and not is_asked(fact.permission, (asked.permission for asked in requested)),
        )
        for fact in granted
    ]
    for fact in requested:
        answers = [share for share in shared if share.permission.covers(fact.permission)]
        if any(fact.permission.covers(item) for item in revoked):
            answers = []
        for share in _distinct(answers):
            asked = (fact.permission, GrantState.ACTIVE, Origin.SHARING, owner, fact.reason, fact.created_us)
            grants.append(Grant(collection_id, service, *asked, share.limits, share.number))
        if not answers and not any(item.permission.covers(fact.permission) for item in granted):
            refusal = refused.get(fact.permission)
            state = GrantState.PENDING if refusal is None else GrantState.REFUSED
            asked = (fact.permission, state, Origin.REQUEST, "", fact.reason, fact.created_us)
            grants.append(Grant(collection_id, service, *asked, refusal=refusal))
    return tuple(sorted(grants, key=lambda grant: (grant.state, grant.permission, grant.origin)))


def _distinct(shares: Iterable[Share]) -> Iterable[Share]:
    """Return the shares of different limits; one without any is all that there is to say."""
    by_limits = {share.limits: share for share in shares}
    return (by_limits[UNLIMITED],) if UNLIMITED in by_limits else by_limits.values()
