"""Do the rules of a field let through less than before, or more? What they say, compared rule by rule."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from aol_wire.field_rules import NO_RULES, FieldRules, SchemaHint, write_rules
from aol_wire.filters import Json

_SHOWN_CHARACTERS = 200
# Whether a rule is tightened by a greater number, and its name in a manifest.
_BOUNDS = (
    ("min", True, "min"),
    ("max", False, "max"),
    ("min_length", True, "minLength"),
    ("max_length", False, "maxLength"),
)


class Ruled(NamedTuple):
    """One rule that is another: whether documents can be refused by it that were not, and what it says now."""

    refuses: bool
    words: str


def compared(old: FieldRules, new: FieldRules) -> Iterator[Ruled]:
    """Yield the rules of a field that are others."""
    if old.required is not new.required:
        yield Ruled(new.required, "it is required" if new.required else "it is no longer required")
    if old.enum != new.enum:
        yield _enum(old.enum, new.enum)
    if old.pattern != new.pattern:
        yield Ruled(bool(new.pattern), "its pattern is another" if new.pattern else "it has no pattern any more")
    for name, is_lower, said in _BOUNDS:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            tighter = after is not None and (before is None or (after > before) is is_lower)
            yield Ruled(tighter, f"it has no {said} any more" if after is None else f"its {said} is {after:,}")
    if old.items != new.items:
        yield from _items(old.items, new.items)


def shown(kind: str, rules: FieldRules) -> str:
    """Return a field's type and rules for people, cut to a bearable length."""
    said = write_rules(rules, kind)
    del said["type"]
    if not said:
        return kind
    text = f"{kind} {orjson.dumps(said).decode()}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _enum(old: Sequence[Json], new: Sequence[Json]) -> Ruled:
    if not new:
        return Ruled(False, "it has no enum any more")
    if not old:
        return Ruled(True, "it is one of an enum")
    gone = [value for value in old if value not in new]
    return Ruled(bool(gone), "its enum lacks values that it had" if gone else "its enum has the same values or more")


def _items(old: SchemaHint | None, new: SchemaHint | None) -> Iterator[Ruled]:
    """Compare what is said of the elements of an array."""
    before, after = old or SchemaHint(), new or SchemaHint()
    for path in sorted({*before.types, *after.types}):
        where = f"of its elements, {path}" if path else "of its elements"
        if path not in after.types:
            yield Ruled(False, f"{where}: they may be anything")
        elif before.types.get(path) != after.types[path]:
            yield Ruled(True, f"{where}: they are {after.types[path]}")
        else:
            for ruled in compared(before.rules.get(path, NO_RULES), after.rules.get(path, NO_RULES)):
                yield Ruled(ruled.refuses, f"{where}: {ruled.words}")
