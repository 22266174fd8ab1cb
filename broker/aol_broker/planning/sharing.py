"""What do changes of who may have access, and of what a service asks for, come to?"""

from collections.abc import Iterable, Iterator, Mapping

from aol_broker.access.limits import Limits
from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.planning.changes import Action, Change, Consumer, Grade
from aol_broker.planning.context import Context
from aol_broker.registry.snapshot import Permission
from aol_wire.datetimes import from_us
from aol_wire.paths import format_path

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
            broken = _losing(collection_id, key, context)
            grade = Grade.BREAKING if broken else Grade.SAFE
            reason = "access that is in use ends" if broken else "nobody has access by it, or keeps it by a grant"
            yield Change(service, where, Action.REMOVED, grade, reason, before=shown(old[key]), consumers=broken)
        elif old[key] != new[key]:
            wider = _reaches_all(new[key].limits, old[key].limits)
            broken = () if wider else _losing(collection_id, key, context)
            grade = Grade.BREAKING if broken else Grade.SAFE
            reason = "access that is in use reaches less" if broken else "nobody has access by it"
            reason = "access by it reaches further" if wider else reason
            yield Change(service, where, Action.CHANGED, grade, reason, shown(old[key]), shown(new[key]), broken)
        elif _revoked(collection_id, key, context):
            reason = "it was revoked by a call, and this manifest gives it back; take the entry out to keep it revoked"
            yield Change(service, where, Action.CHANGED, Grade.NEEDS_REVIEW, reason, "revoked", shown(new[key]))


def requests(before: Manifest | None, after: Manifest, context: Context) -> Iterator[Change]:
    """Yield what a service asks for, and no longer does."""
    old = {(item.collection_id, item.permission): item for item in before.access_requests} if before else {}
    new = {(item.collection_id, item.permission): item for item in after.access_requests}
    for key in sorted({*old, *new}):
        where = f"{after.service}.accessRequests.{key[0]}.{key[1]}"
        if key not in old:
            yield _asking(after.service, new[key], where, context)
        elif key not in new:
            yield _asking_no_more(after.service, old[key], where, context)
        elif old[key] != new[key]:
            reason = "what is said about a request is something else"
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


def _asking_no_more(service: str, request: AccessRequest, where: str, context: Context) -> Change:
    collection_id, permission = request.collection_id, request.permission
    said = f"{permission} on {collection_id}"
    broken: tuple[Consumer, ...] = ()
    if context.consumers.granted_by_call(collection_id, service, permission):
        reason = f"it is still granted by a call; `aol revoke {collection_id} {service} {permission}` ends that"
        return Change(service, where, Action.REMOVED, Grade.NEEDS_REVIEW, reason, before=said)
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


def _losing(collection_id: str, key: _Key, context: Context) -> tuple[Consumer, ...]:
    """Return what is known of a service whose access ends, or changes, with an entry of the owner's."""
    service, permission = key
    if context.consumers.granted_by_call(collection_id, service, permission):
        return ()
    if _revoked(collection_id, key, context) or _still_shared(collection_id, service, permission, context):
        return ()
    declared = context.consumers.declaring(collection_id, service, permission)
    return declared + context.consumers.observed(collection_id, service, permission)


def _revoked(collection_id: str, key: _Key, context: Context) -> bool:
    """Whether a call has taken away what an entry of the owner's gives."""
    return any(key[1].covers(lost) for lost in context.deployments.revoked.get((collection_id, key[0]), ()))


def _still_shared(collection_id: str, service: str, permission: Permission, context: Context) -> bool:
    return context.shares(collection_id, service, permission) and permission not in _own(
        collection_id, service, context
    )


def _own(collection_id: str, service: str, context: Context) -> set[Permission]:
    """Return the permissions that the owner's planned manifest shares with a service, each by its own entry."""
    owner, _, name = collection_id.partition(".")
    planned = context.planned.get(owner)
    found = (item for item in planned.collections if item.name == name) if planned is not None else ()
    return {share.permission for item in found for share in item.sharing if share.service == service}


def _shared_now(collection_id: str, service: str, permission: Permission, context: Context) -> bool:
    held = context.deployments.shared.get((collection_id, service), frozenset())
    return any(item.covers(permission) for item in held)


def _keyed(collection: DeclaredCollection | None) -> Mapping[_Key, Sharing]:
    shares: Iterable[Sharing] = collection.sharing if collection is not None else ()
    return {(item.service, item.permission): item for item in shares}


def _reaches_all(new: Limits, old: Limits) -> bool:
    """Whether limits let through all that others do."""
    fields = not new.fields or (bool(old.fields) and set(new.fields) >= set(old.fields))
    lasting = not new.expires_us or (old.expires_us and new.expires_us >= old.expires_us)
    return fields and new.where in ("", old.where) and bool(lasting)


def shown(item: Sharing) -> str:
    """Return what is shared, within which limits."""
    limits, words = item.limits, [f"{item.permission} for {item.service}"]
    words += [f"fields {', '.join(map(format_path, limits.fields))}"] if limits.fields else []
    words += [f"where {limits.where}"] if limits.where else []
    words += [f"until {from_us(limits.expires_us)}"] if limits.expires_us else []
    return " ".join(words)
