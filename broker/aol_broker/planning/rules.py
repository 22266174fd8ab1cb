"""What do changes of the rules of fields come to? Documents are held to them as `validation` says."""

from collections.abc import Iterator
from dataclasses import fields as parts_of

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Consumer, Grade
from aol_broker.planning.context import Context
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_wire.field_rules import NO_RULES, FieldRules


def rules(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the changes of the rules, field by field."""
    for path in sorted({*before.field_rules, *after.field_rules}):
        old, new = before.field_rules.get(path, NO_RULES), after.field_rules.get(path, NO_RULES)
        if old == new:
            continue
        grade, reason, broken = _judged(before, after, old, new, context)
        action = Action.ADDED if old == NO_RULES else Action.REMOVED if new == NO_RULES else Action.CHANGED
        where = f"{before.collection_id}.schemaHint.{path}.rules"
        yield Change(before.service, where, action, grade, reason, _shown(old), _shown(new), broken)


def _judged(
    before: CollectionRecord, after: DeclaredCollection, old: FieldRules, new: FieldRules, context: Context
) -> tuple[Grade, str, tuple[Consumer, ...]]:
    if new == NO_RULES:
        return Grade.SAFE, "documents are held to less", ()
    if after.validation is Validation.OFF:
        return Grade.SAFE, "documents are not held to it while validation is off", ()
    if after.validation is Validation.WARN:
        return Grade.SAFE, "the broker's log tells of documents that do not keep to it", ()
    what = "documents without it are refused" if new.required and not old.required else "what breaks it is refused"
    broken = context.consumers.writers(before.collection_id)
    if broken:
        return Grade.BREAKING, f"{what}, whoever writes them", broken
    return Grade.NEEDS_REVIEW, f"{what}; only the owner writes", ()


def _shown(said: FieldRules) -> str:
    """Return the rules that are said, as a manifest says them."""
    words = []
    for part in parts_of(said):
        value, default = getattr(said, part.name), getattr(NO_RULES, part.name)
        if value != default:
            words.append(part.name if value is True else f"{part.name}: {_text(part.name, value)}")
    return ", ".join(words)


def _text(name: str, value: object) -> str:
    if name == "items":
        return "…"
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)
