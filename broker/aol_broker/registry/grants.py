"""Who may do what? Grants follow from what is shared, asked for, granted and revoked, in whatever order that came.

The rules:

- A request is active (origin `sharing`) when the owner's manifest shares the collection with that service, with a
  permission that covers it. Sharing that nobody asks for gives nothing.
- A grant by call is active (origin `grant`) until it is revoked, asked for or not.
- A request that neither covers is pending (origin `request`).
- A revocation of a permission takes away every grant by call that covers it, and what sharing gives of it. The latter
  comes back when the owner's manifest is applied with another text: the newest word of the owner counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aol_broker.registry.snapshot import Grant, GrantState, Origin, Permission


@dataclass(frozen=True, slots=True)
class AccessFact:
    """A permission that was asked for or granted by call; `by` is who granted it."""

    permission: Permission
    reason: str
    created_us: int
    by: str = ""


def grants_for(
    collection_id: str,
    service: str,
    *,
    shared: Iterable[Permission] = (),
    revoked: Iterable[Permission] = (),
    requested: Iterable[AccessFact] = (),
    granted: Iterable[AccessFact] = (),
) -> tuple[Grant, ...]:
    """Return what one service holds on one collection of another or waits for; active first, then by permission."""
    shared, revoked, granted = tuple(shared), tuple(revoked), tuple(granted)
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
        )
        for fact in granted
    ]
    for fact in requested:
        given = any(item.covers(fact.permission) for item in shared)
        withdrawn = any(fact.permission.covers(item) for item in revoked)
        if given and not withdrawn:
            state, origin, by = GrantState.ACTIVE, Origin.SHARING, owner
        elif any(item.permission.covers(fact.permission) for item in granted):
            continue
        else:
            state, origin, by = GrantState.PENDING, Origin.REQUEST, ""
        grants.append(Grant(collection_id, service, fact.permission, state, origin, by, fact.reason, fact.created_us))
    return tuple(sorted(grants, key=lambda grant: (grant.state, grant.permission, grant.origin)))
