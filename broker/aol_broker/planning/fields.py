"""What do changes of a schema hint, and of how documents are held to it, come to?"""

from collections.abc import Iterator

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Consumer, Grade
from aol_broker.planning.context import Context
from aol_broker.planning.rules import Ruled, compared, shown
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_wire.field_rules import NO_RULES

_ORDER = (Validation.OFF, Validation.WARN, Validation.STRICT)


def fields(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the changes of the schema hint, path by path."""
    old, new = before.schema_hint, after.schema_hint
    for path in sorted({*old, *new}):
        if path not in old:
            yield _added(before, after, path, context)
        elif old[path] != new.get(path):
            yield _gone_or_retyped(before, after, path, context)
        else:
            rules = list(compared(before.field_rules.get(path, NO_RULES), after.field_rules.get(path, NO_RULES)))
            if rules:
                yield _ruled(before, after, path, rules, context)


def _added(before: CollectionRecord, after: DeclaredCollection, path: str, context: Context) -> Change:
    kind = after.schema_hint[path]
    consumers: tuple[Consumer, ...] = ()
    if after.validation is Validation.STRICT and after.field_rules.get(path, NO_RULES).required:
        grade, reason, consumers = _refusing("documents without it are refused", before, context)
    elif after.validation is Validation.STRICT:
        grade, reason = Grade.NEEDS_REVIEW, "documents with another type there are refused from now on"
    elif kind == "datetime":
        grade, reason = Grade.NEEDS_REVIEW, "its values are stored and compared as times from now on"
    else:
        grade, reason = Grade.SAFE, "a field that is named for the first time"
    where, said = _place(before, path), _shown(after, path)
    return Change(before.service, where, Action.ADDED, grade, reason, after=said, consumers=consumers)


def _gone_or_retyped(before: CollectionRecord, after: DeclaredCollection, path: str, context: Context) -> Change:
    broken = context.consumers.readers(before.collection_id, path)
    if path not in after.schema_hint:
        action, what = Action.REMOVED, "whoever reads the field can no longer count on it; documents keep it"
    else:
        action, what = Action.CHANGED, "whoever reads the field finds values of another type"
        if after.validation is Validation.STRICT:
            broken = tuple(dict.fromkeys((*broken, *context.consumers.writers(before.collection_id))))
    grade = Grade.BREAKING if broken else Grade.NEEDS_REVIEW
    reason = what if broken else f"{what}; no other service is known to read it"
    where = _place(before, path)
    return Change(before.service, where, action, grade, reason, _shown(before, path), _shown(after, path), broken)


def _ruled(
    before: CollectionRecord, after: DeclaredCollection, path: str, rules: list[Ruled], context: Context
) -> Change:
    consumers: tuple[Consumer, ...] = ()
    what = "; ".join(rule.words for rule in rules)
    if not any(rule.refuses for rule in rules):
        grade, reason = Grade.SAFE, f"{what}: nothing is refused that was not"
    elif after.validation is Validation.STRICT:
        grade, reason, consumers = _refusing(f"{what}: documents that do not fit are refused", before, context)
    else:
        told = (
            "only logs tell of" if after.validation is Validation.WARN else "nothing holds documents to it, or tells of"
        )
        grade, reason = Grade.SAFE, f"{what}; with validation: {after.validation}, {told} what does not fit"
    where, said = _place(before, path), (_shown(before, path), _shown(after, path))
    return Change(before.service, where, Action.CHANGED, grade, reason, *said, consumers)


def validation(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the change of `validation`, if there is one."""
    if before.validation is after.validation:
        return
    consumers: tuple[Consumer, ...] = ()
    if after.validation is Validation.STRICT:
        grade, reason, consumers = _refusing("what does not fit the schema hint is refused", before, context)
    elif _ORDER.index(after.validation) < _ORDER.index(before.validation):
        grade, reason = Grade.NEEDS_REVIEW, "documents that do not fit the schema hint are let through"
    else:
        grade, reason = Grade.SAFE, "nothing is refused that was not"
    where, said = f"{before.collection_id}.validation", (before.validation.value, after.validation.value)
    yield Change(before.service, where, Action.CHANGED, grade, reason, *said, consumers)


def _refusing(what: str, before: CollectionRecord, context: Context) -> tuple[Grade, str, tuple[Consumer, ...]]:
    """Return what it comes to that documents are refused which were not."""
    writers = context.consumers.writers(before.collection_id)
    if writers:
        return Grade.BREAKING, f"{what}, whoever writes them", writers
    return Grade.NEEDS_REVIEW, f"{what}; only the owner writes", ()


def _place(before: CollectionRecord, path: str) -> str:
    return f"{before.collection_id}.schemaHint.{path}"


def _shown(of: CollectionRecord | DeclaredCollection, path: str) -> str:
    kind = of.schema_hint.get(path, "")
    return shown(kind, of.field_rules.get(path, NO_RULES)) if kind else ""
