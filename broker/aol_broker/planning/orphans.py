"""Which grants does a service ask for no more, and what does removing them come to?"""

from collections.abc import Iterator

from aol_broker.manifest.declaration import Manifest
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.context import Context
from aol_broker.planning.limits import words
from aol_broker.registry.grants import is_asked
from aol_broker.registry.snapshot import Grant, GrantState, Origin, Snapshot


def orphans(manifest: Manifest, snapshot: Snapshot) -> tuple[Grant, ...]:
    """Return the grants that answered requests of a service, and that this manifest of it does not ask for."""
    return tuple(
        grant
        for grant in _granted(manifest.service, snapshot)
        if grant.answers_request
        and not is_asked(
            grant.permission,
            (item.permission for item in manifest.access_requests if item.collection_id == grant.collection_id),
        )
    )


def removed(manifest: Manifest, context: Context) -> Iterator[Change]:
    """Yield the removal of each grant that is orphaned once the manifest is applied.

    It is `breaking` when its use was seen, or a version that may be running asks for it.
    """
    gone = orphans(manifest, context.snapshot)
    for grant in gone:
        service, collection_id, permission = grant.service, grant.collection_id, grant.permission
        consumers = context.consumers
        broken = consumers.declaring(collection_id, service, permission)
        broken += consumers.observed(collection_id, service, permission)
        if grant.state_at(context.at_us) is GrantState.EXPIRED:
            grade, reason, broken = Grade.SAFE, "the request that it answered is gone, and its time is over", ()
        elif consumers.granted_by_call(collection_id, service, permission, grant.limits, besides=gone):
            grade, reason, broken = Grade.SAFE, "the request that it answered is gone; another grant gives as much", ()
        elif broken:
            grade, reason = Grade.BREAKING, "access that is in use ends: the request that it answered is gone"
        else:
            grade, reason = Grade.NEEDS_REVIEW, "the request that it answered is gone; nothing is known to use it"
        where = f"{service}.grants.{collection_id}.{permission}"
        yield Change(service, where, Action.REMOVED, grade, reason, before=_shown(grant), consumers=broken)


def _granted(service: str, snapshot: Snapshot) -> Iterator[Grant]:
    """Yield what was granted by call to a service by its name."""
    for collection_id in snapshot.granted_to(service):
        for grant in snapshot.grants.get((collection_id, service), ()):
            if grant.origin is Origin.GRANT:
                yield grant


def _shown(grant: Grant) -> str:
    limits = words(grant.limits)
    return f"{grant.permission} on {grant.collection_id} by {grant.granted_by}{', ' if limits else ''}{limits}"
