"""What do changes of a schema hint, and of how documents are held to it, come to?"""

from collections.abc import Iterator

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.context import Context
from aol_broker.registry.snapshot import CollectionRecord, Validation

_ORDER = (Validation.OFF, Validation.WARN, Validation.STRICT)


def fields(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the changes of the schema hint, path by path."""
    old, new = before.schema_hint, after.schema_hint
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path):
            continue
        where = f"{before.collection_id}.schemaHint.{path}"
        if path not in old:
            yield _added(before, after, path, where)
            continue
        broken = context.consumers.readers(before.collection_id, path)
        if after.validation is Validation.STRICT and path in new:
            broken = tuple(dict.fromkeys((*broken, *context.consumers.writers(before.collection_id))))
        if path not in new:
            action, what = Action.REMOVED, "whoever reads the field can no longer count on it; documents keep it"
        else:
            action, what = Action.CHANGED, "whoever reads the field finds values of another type"
        grade = Grade.BREAKING if broken else Grade.NEEDS_REVIEW
        reason = what if broken else f"{what}; no other service is known to read it"
        yield Change(before.service, where, action, grade, reason, str(old[path]), str(new.get(path, "")), broken)


def _added(before: CollectionRecord, after: DeclaredCollection, path: str, where: str) -> Change:
    kind = after.schema_hint[path]
    if after.validation is Validation.STRICT:
        grade, reason = Grade.NEEDS_REVIEW, "documents with another type there are refused from now on"
    elif kind == "datetime":
        grade, reason = Grade.NEEDS_REVIEW, "its values are stored and compared as times from now on"
    else:
        grade, reason = Grade.SAFE, "a field that is named for the first time"
    return Change(before.service, where, Action.ADDED, grade, reason, after=str(kind))


def validation(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the change of `validation`, if there is one."""
    if before.validation is after.validation:
        return
    consumers = context.consumers.writers(before.collection_id)
    if after.validation is not Validation.STRICT:
        grade, reason, consumers = Grade.SAFE, "nothing is refused that was not", ()
        if _ORDER.index(after.validation) < _ORDER.index(before.validation):
            grade, reason = Grade.NEEDS_REVIEW, "documents that do not fit the schema hint are let through"
    elif consumers:
        grade, reason = Grade.BREAKING, "what does not fit the schema hint is refused, whoever writes it"
    else:
        grade, reason = Grade.NEEDS_REVIEW, "what does not fit the schema hint is refused; only the owner writes"
    where = f"{before.collection_id}.validation"
    yield Change(
        before.service,
        where,
        Action.CHANGED,
        grade,
        reason,
        before.validation.value,
        after.validation.value,
        consumers,
    )
