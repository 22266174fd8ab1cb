"""Who holds what it does not use, and who uses what it did not ask for?"""

from collections.abc import Iterator, Mapping

from aol_broker.drift.finding import Edit, Finding, Kind, Known, Section
from aol_broker.registry.snapshot import Grant, GrantState, Origin, Permission
from aol_broker.usage.uses import Use
from aol_wire.filters import Json

READING = frozenset({"query", "count"})
"""The verbs that read documents; all others that are counted change them."""
_USED_BY: Mapping[Permission, str] = {Permission.READ: "read", Permission.WRITE: "written", Permission.ADMIN: "used"}


def unused_grants(known: Known) -> Iterator[Finding]:
    """Yield what was granted before the time that is looked at, and not used in it."""
    for grant in _active(known):
        if grant.created_us >= known.uses.since_us or _uses(known, grant):
            continue
        if grant.origin is Origin.SHARING and not _asks(known, grant):
            continue  # it ends with the next time that the manifest is applied, which is told elsewhere
        detail = f"{grant.service} holds {grant.permission} and has not {_USED_BY[grant.permission]} it."
        edit = _request(grant, remove=True) if _asks(known, grant) else None
        # What sharing gives ends with the request; what was granted by call does not.
        command = "" if grant.origin is Origin.SHARING else _revoking(grant)
        yield Finding(
            Kind.UNUSED_GRANT, grant.collection_id, grant.service, grant.permission.value, detail, edit, command
        )


def undeclared_uses(known: Known) -> Iterator[Finding]:
    """Yield what services use by a grant that their manifests do not ask for."""
    for grant in _active(known):
        used = _uses(known, grant)
        if not used or _asks(known, grant):
            continue
        calls = sum(use.calls for use in used)
        detail = f"{grant.service} uses {grant.permission} ({calls:,} calls), granted by {grant.granted_by}."
        edit = _request(grant, remove=False)
        yield Finding(Kind.UNDECLARED_USE, grant.collection_id, grant.service, grant.permission.value, detail, edit)


def _active(known: Known) -> Iterator[Grant]:
    for held in known.snapshot.grants.values():
        yield from (grant for grant in held if grant.state is GrantState.ACTIVE)


def _uses(known: Known, grant: Grant) -> list[Use]:
    """Return what a service did that this permission of it allows."""
    return [
        use
        for use in known.uses.uses(grant.collection_id)
        if use.service == grant.service
        and (grant.permission is Permission.ADMIN or (use.verb in READING) == (grant.permission is Permission.READ))
    ]


def _asks(known: Known, grant: Grant) -> bool:
    """Whether the service's manifest asks for a permission."""
    manifest = known.manifests.get(grant.service)
    requests = () if manifest is None else manifest.access_requests
    return any(
        item.collection_id == grant.collection_id and item.permission.covers(grant.permission) for item in requests
    )


def _request(grant: Grant, *, remove: bool) -> Edit:
    entry: dict[str, Json] = {"collection": grant.collection_id, "permission": grant.permission.value}
    if grant.reason and not remove:
        entry["reason"] = grant.reason
    return Edit(grant.service, Section.ACCESS_REQUESTS, entry, remove=remove)


def _revoking(grant: Grant) -> str:
    return f"aol revoke {grant.collection_id} {grant.service} {grant.permission}"
