"""What do changes of who may have access, and of what a service asks for, come to?"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.planning.changes import Action, Change, Consumer, Grade
from aol_broker.planning.context import Context
from aol_broker.planning.limits import Narrowed, narrowed, words
from aol_broker.planning.orphans import orphans
from aol_broker.registry.snapshot import Grant, GrantState, Permission

_Key = tuple[str, Permission]


def sharing(
    service: str, before: DeclaredCollection | None, after: DeclaredCollection | None, context: Context
) -> Iterator[Change]:
    """Yield what the owner shares of a collection, and no longer does. None: the collection is not declared."""
    declared = before or after
    if declared is None:
        return
    collection_id = f"{service}.{declared.name}"
    old, new = _keyed(before), _keyed(after)
    for key in sorted({*old, *new}):
        consumer, permission = key
        where = f"{collection_id}.sharing.{consumer}.{permission}"
        if key not in old:
            yield Change(
                service, where, Action.ADDED, Grade.SAFE, _gives(collection_id, key, context), after=shown(new[key])
            )
        elif key not in new:
            broken = _losing(collection_id, old[key], after, context)
            grade = Grade.BREAKING if broken else Grade.SAFE
            reason = "access that is in use ends" if broken else "nobody has access by it, or keeps it without"
            yield Change(service, where, Action.REMOVED, grade, reason, before=shown(old[key]), consumers=broken)
        elif old[key] != new[key]:
            yield _limited(collection_id, old[key], new[key], after, context)
        elif _revoked(collection_id, key, context):
            reason = "it was revoked by a call, and this manifest gives it back; take the entry out to keep it revoked"
            yield Change(service, where, Action.CHANGED, Grade.NEEDS_REVIEW, reason, "revoked", shown(new[key]))


def requests(before: Manifest | None, after: Manifest, context: Context) -> Iterator[Change]:
    """Yield what a service asks for, and no longer does."""
    old = {(item.collection_id, item.permission): item for item in before.access_requests} if before else {}
    new = {(item.collection_id, item.permission): item for item in after.access_requests}
    ending = orphans(after, context.snapshot)
    for key in sorted({*old, *new}):
        where = f"{after.service}.accessRequests.{key[0]}.{key[1]}"
        if key not in old:
            yield _asking(after.service, new[key], where, context)
        elif key not in new:
            yield _asking_no_more(after.service, old[key], where, ending, context)
        elif old[key] != new[key]:
            reason = "what is said about a request is something else"
            if _is_refused(after.service, new[key], context):
                reason = "it was refused, and is asked anew"
            yield Change(after.service, where, Action.CHANGED, Grade.SAFE, reason, old[key].reason, new[key].reason)


def _asking(service: str, request: AccessRequest, where: str, context: Context) -> Change:
    collection_id, permission = request.collection_id, request.permission
    if context.shares(collection_id, service, permission):
        reason = "the owner shares it: it is granted at once"
    elif context.consumers.granted_by_call(collection_id, service, permission):
        reason = "it is granted by a call already"
    else:
        reason = f"it waits until {collection_id.partition('.')[0]} agrees; calls are denied until then"
    return Change(service, where, Action.ADDED, Grade.SAFE, reason, after=f"{permission} on {collection_id}")


def _is_refused(service: str, request: AccessRequest, context: Context) -> bool:
    grants = context.snapshot.grants_of(request.collection_id, service)
    return any(item.state is GrantState.REFUSED and item.permission is request.permission for item in grants)


def _asking_no_more(
    service: str, request: AccessRequest, where: str, ending: Collection[Grant], context: Context
) -> Change:
    """:param ending: the grants that end with requests that are gone; their own changes say what that comes to."""
    collection_id, permission = request.collection_id, request.permission
    said = f"{permission} on {collection_id}"
    broken: tuple[Consumer, ...] = ()
    if context.consumers.granted_by_call(collection_id, service, permission, besides=ending):
        reason = f"it is still granted by a call; `aol revoke {collection_id} {service} {permission}` ends that"
        return Change(service, where, Action.REMOVED, Grade.NEEDS_REVIEW, reason, before=said)
    if context.consumers.granted_by_call(collection_id, service, permission):
        reason = "what was granted as the answer to it ends with it"
        return Change(service, where, Action.REMOVED, Grade.SAFE, reason, before=said)
    if _shared_now(collection_id, service, permission, context):
        broken = context.consumers.declaring(collection_id, service, permission)
        broken += context.consumers.observed(collection_id, service, permission)
    grade = Grade.BREAKING if broken else Grade.SAFE
    reason = "access that is in use ends" if broken else "nothing is known to use it"
    return Change(service, where, Action.REMOVED, grade, reason, before=said, consumers=broken)


def _gives(collection_id: str, key: _Key, context: Context) -> str:
    service, permission = key
    if any(permission.covers(asked) for asked in context.asks(service, collection_id)):
        return f"{service} has asked for it, and has it at once"
    return f"{service} has it as soon as its manifest asks for it"


def _limited(
    collection_id: str, old: Sharing, new: Sharing, after: DeclaredCollection | None, context: Context
) -> Change:
    """Return what other limits of an entry come to: they may take away fields, documents, or time."""
    consumers = context.consumers
    lost = narrowed(old.limits, new.limits)
    broken = _losing(collection_id, old, after, context) if lost else ()
    kept = bool(broken) and lost.fields and not lost.documents and not lost.time
    if kept and (seen := consumers.observed(collection_id, old.service, old.permission)):
        # What it was seen to do tells more than that it may do anything.
        losing = consumers.losing(collection_id, old.service, old.permission, old.limits, new.limits)
        broken = (*(item for item in broken if item not in seen), *losing) if losing else ()
    if broken:
        grade, reason = Grade.BREAKING, f"access that is in use reaches less: {_less(lost)}"
    elif kept:
        grade, reason = Grade.NEEDS_REVIEW, f"{_less(lost)}; no call was seen that uses what it loses"
    else:
        what = "nobody has access by it, or keeps it without" if lost else "it reaches as much, or more"
        grade, reason = Grade.SAFE, what
    where, owner = f"{collection_id}.sharing.{old.service}.{old.permission}", collection_id.partition(".")[0]
    return Change(owner, where, Action.CHANGED, grade, reason, shown(old), shown(new), broken)


def _less(lost: Narrowed) -> str:
    what = {"fewer fields": lost.fields, "other documents": lost.documents, "an earlier end": lost.time}
    return ", ".join(name for name, is_lost in what.items() if is_lost)


def _losing(
    collection_id: str, entry: Sharing, after: DeclaredCollection | None, context: Context
) -> tuple[Consumer, ...]:
    """Return what is known of a service whose access ends, or reaches less, with an entry of the owner's."""
    service, permission = entry.service, entry.permission
    if context.consumers.granted_by_call(collection_id, service, permission, entry.limits):
        return ()
    if _revoked(collection_id, (service, permission), context) or _shared_otherwise(entry, after):
        return ()
    declared = context.consumers.declaring(collection_id, service, permission)
    return declared + context.consumers.observed(collection_id, service, permission)


def _revoked(collection_id: str, key: _Key, context: Context) -> bool:
    """Whether a call has taken away what an entry of the owner's gives."""
    return any(key[1].covers(lost) for lost in context.deployments.revoked.get((collection_id, key[0]), ()))


def _shared_otherwise(entry: Sharing, after: DeclaredCollection | None) -> bool:
    """Whether another entry of the planned collection gives all that one gave."""
    return any(
        item.service == entry.service
        and item.permission is not entry.permission
        and item.permission.covers(entry.permission)
        and not narrowed(entry.limits, item.limits)
        for item in (after.sharing if after is not None else ())
    )


def _shared_now(collection_id: str, service: str, permission: Permission, context: Context) -> bool:
    held = context.deployments.shared.get((collection_id, service), frozenset())
    return any(item.covers(permission) for item in held)


def _keyed(collection: DeclaredCollection | None) -> Mapping[_Key, Sharing]:
    shares: Iterable[Sharing] = collection.sharing if collection is not None else ()
    return {(item.service, item.permission): item for item in shares}


def shown(item: Sharing) -> str:
    """Return what is shared, within which limits."""
    limits = words(item.limits)
    return f"{item.permission} for {item.service}{': ' if limits else ''}{limits}"
