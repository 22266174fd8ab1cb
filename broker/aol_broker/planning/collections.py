"""What do changes of a service's collections come to?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aol_broker.audit.policy import AuditPolicy
from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.context import Context
from aol_broker.planning.fields import fields, validation
from aol_broker.planning.indexes import indexes
from aol_broker.planning.security import security
from aol_broker.planning.security import shown as security_shown
from aol_broker.planning.seeds import seeds
from aol_broker.planning.sharing import sharing
from aol_broker.registry.snapshot import CollectionRecord, SecretsPolicy
from aol_wire.indexes import IndexType
from aol_wire.paths import format_path
from aol_wire.storage import Storage, Tenancy


@dataclass(frozen=True, slots=True)
class _Value:
    """A part that is one value: what it was, what it will be, and what changing it comes to."""

    name: str
    before: Callable[[CollectionRecord], Any]
    after: Callable[[DeclaredCollection], Any]
    judge: Callable[[Any, Any], tuple[Grade, str]]


def _described(before: str, after: str) -> tuple[Grade, str]:
    del before, after
    return Grade.SAFE, "it is for people"


def _deleting(before: bool, after: bool) -> tuple[Grade, str]:
    del before
    if after:
        return Grade.NEEDS_REVIEW, "delete only marks documents from now on: their ids and unique values stay taken"
    return Grade.NEEDS_REVIEW, "delete removes documents for good from now on"


def _auditing(before: str, after: str) -> tuple[Grade, str]:
    del before, after
    return Grade.NEEDS_REVIEW, "audit records show more, or less, of filters from now on"


def _hiding(before: frozenset[str], after: frozenset[str]) -> tuple[Grade, str]:
    if before <= after:
        return Grade.SAFE, "audit records hide more values from now on"
    return Grade.NEEDS_REVIEW, "audit records show values that they hid"


def _secrets(before: SecretsPolicy, after: SecretsPolicy) -> tuple[Grade, str]:
    del before
    if after is SecretsPolicy.REFUSE:
        return Grade.NEEDS_REVIEW, "documents and updates that seem to hold a credential are refused from now on"
    told = " and only logs tell of it" if after is SecretsPolicy.WARN else ""
    return Grade.NEEDS_REVIEW, f"what seems to hold a credential is stored from now on{told}"


def _level(policy: AuditPolicy) -> str:
    return policy.level.value


def _sensitive(policy: AuditPolicy) -> frozenset[str]:
    return frozenset(map(format_path, policy.sensitive))


# What a manifest says of a collection, and that is one value, is a line here; a part that is more than that has a
# function of its own, as `fields` and `indexes`, which `_changed` calls.
_VALUES = (
    _Value("description", lambda old: old.description, lambda new: new.description, _described),
    _Value("softDelete", lambda old: old.soft_delete, lambda new: new.soft_delete, _deleting),
    _Value("secrets", lambda old: old.secrets, lambda new: new.secrets, _secrets),
    _Value("audit", lambda old: _level(old.audit), lambda new: _level(new.audit), _auditing),
    _Value("sensitive", lambda old: _sensitive(old.audit), lambda new: _sensitive(new.audit), _hiding),
)


def collection(
    service: str,
    record: CollectionRecord | None,
    before: DeclaredCollection | None,
    after: DeclaredCollection | None,
    context: Context,
) -> Iterator[Change]:
    """Yield the changes of one collection.

    :param record: as the registry has it; `before` and `after`: as the newest manifest and the planned one declare it.
    """
    shared = list(sharing(service, before, after, context))
    if after is not None:
        if record is None:
            yield _made(service, after)
        else:
            yield from _changed(record, before, after, context)
        yield from seeds(service, before, after)
    elif record is not None and record.declared:
        yield _dropped(record, shared, context)
    yield from shared


def _made(service: str, after: DeclaredCollection) -> Change:
    said = [f"{len(after.schema_hint)} fields", f"{len(after.indexes)} indexes"]
    said += [f"adapter {after.adapter}"] if after.adapter else []
    said += [*_kept(after.storage), *([f"security by {security_shown(after.security)}"] if after.security else [])]
    grade, reason = Grade.SAFE, "a new collection"
    if any(index.type is IndexType.TTL for index in after.indexes):
        reason = "a new collection, whose documents expire"
    return Change(service, f"{service}.{after.name}", Action.ADDED, grade, reason, after=", ".join(said))


def _kept(storage: Storage) -> Iterator[str]:
    """Yield how a new collection is kept. Of one that exists it stays: a plan that says otherwise is refused."""
    if storage.partition_by:
        yield f"a partition for each {storage.partition_interval} of {storage.partition_by}"
    if storage.retain_for_s is not None:
        yield f"documents kept for {storage.retain_for_s:,} s"
    if storage.tenancy is not Tenancy.SHARED:
        yield f"a {storage.tenancy} for each tenant"
    if storage.shard_key:
        yield f"spread by {storage.shard_key}"


def _changed(
    record: CollectionRecord, before: DeclaredCollection | None, after: DeclaredCollection, context: Context
) -> Iterator[Change]:
    if not record.declared:
        reason = "a collection that exists, with its documents, belongs to the manifest"
        yield Change(record.service, record.collection_id, Action.ADDED, Grade.SAFE, reason, after="declared")
    for part in _VALUES:
        old, new = part.before(record), part.after(after)
        if old != new:
            grade, reason = part.judge(old, new)
            where = f"{record.collection_id}.{part.name}"
            yield Change(record.service, where, Action.CHANGED, grade, reason, _shown(old), _shown(new))
    yield from validation(record, after, context)
    yield from fields(record, after, context)
    yield from indexes(record, before, after, context)
    yield from security(record, after, context)


def _dropped(record: CollectionRecord, shared: list[Change], context: Context) -> Change:
    """Nothing is deleted: the collection stays, and its owner may use it; what was `shared` of it ends."""
    broken = tuple(dict.fromkeys(consumer for change in shared for consumer in change.consumers))
    count = context.documents.get(record.collection_id)
    what = (
        "its documents stay"
        if count is None
        else f"its {count:,} documents stay"
        if count != 1
        else "its document stays"
    )
    reason = f"{what}, and it is no longer shared; `aol collection drop {record.collection_id}` deletes it"
    grade = Grade.BREAKING if broken else Grade.NEEDS_REVIEW
    return Change(
        record.service, record.collection_id, Action.REMOVED, grade, reason, before="declared", consumers=broken
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)
