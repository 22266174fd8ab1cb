"""What does a schema hint ask of the value at each place? The hint as a tree, made once for all documents."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from aol_wire.datetimes import normalise
from aol_wire.errors import Violation
from aol_wire.field_rules import NO_RULES, FieldRules, SchemaHint
from aol_wire.filters import Json
from aol_wire.regexes import CompiledRegex, compile_regex
from aol_wire.values import sort_key

REQUIRED = "it is required: there, and not null"

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "datetime": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


class Shape:
    """What the hint says of one place: its type (empty: any), its rules, and what is under it and in its elements."""

    def __init__(self) -> None:
        self.kind = ""
        self.rules = NO_RULES
        self.children: dict[str, Shape] = {}
        self.items: Shape | None = None

    @cached_property
    def required_children(self) -> tuple[str, ...]:
        """The names of what must be under it when it is there."""
        return tuple(name for name, child in self.children.items() if child.rules.required)

    @cached_property
    def pattern(self) -> CompiledRegex | None:
        """The compiled pattern; it is made by the first string that needs it, as a registry may hold many."""
        return compile_regex(self.rules.pattern, ignore_case=False) if self.rules.pattern else None

    @cached_property
    def allowed(self) -> frozenset[object]:
        """The sort keys of the values that it may have; empty when it may have any."""
        return frozenset(sort_key(value) for value in self.rules.enum)

    def misfits(self, value: Json, place: str) -> Iterator[Violation]:
        """Yield all that is wrong with a value, which is not null, and with what is in it."""
        if self.kind and not fits(value, self.kind):
            yield Violation(place, f"the schema hint says {self.kind}")
            return
        if self.rules is not NO_RULES:
            for what in self._broken(value):
                yield Violation(place, what)
        if self.items is not None and isinstance(value, list):
            for position, element in enumerate(value):
                yield from self.items.misfit_or_missing(element, f"{place}.{position}")
        if self.children:
            yield from self.misfits_under(value, f"{place}.")

    def misfits_under(self, value: Json, prefix: str) -> Iterator[Violation]:
        """Yield what is wrong under a value; `prefix` is its path, with a dot where it has one."""
        inside = value if isinstance(value, dict) else {}
        for name, child in self.children.items():
            found = inside.get(name)
            if found is not None:
                yield from child.misfits(found, prefix + name)
            elif child.rules.required:
                yield Violation(prefix + name, REQUIRED)

    def misfit_or_missing(self, value: Json, place: str) -> Iterator[Violation]:
        """Yield what is wrong with a value that may be null, which only a required one may not be."""
        if value is not None:
            yield from self.misfits(value, place)
        elif self.rules.required:
            yield Violation(place, REQUIRED)

    def _broken(self, value: Json) -> Iterator[str]:
        rules = self.rules
        if self.allowed and sort_key(value) not in self.allowed:
            yield f"it is none of the {len(self.allowed)} values of its enum"
        if isinstance(value, str):
            yield from self._broken_by_text(value)
        elif isinstance(value, int | float):
            if rules.min is not None and value < rules.min:
                yield f"its min is {rules.min}"
            if rules.max is not None and value > rules.max:
                yield f"its max is {rules.max}"

    def _broken_by_text(self, value: str) -> Iterator[str]:
        rules = self.rules
        if rules.min_length is not None and len(value) < rules.min_length:
            yield f"its minLength is {rules.min_length:,} characters, and it has {len(value):,}"
        if rules.max_length is not None and len(value) > rules.max_length:
            yield f"its maxLength is {rules.max_length:,} characters, and it has {len(value):,}"
        if self.pattern is not None and self.pattern.search(value) is None:
            yield "its pattern does not match"


def shape_of(types: Mapping[str, str], rules: Mapping[str, FieldRules]) -> Shape:
    """Return the tree of a hint."""
    root = Shape()
    for path, kind in types.items():
        place = root
        for segment in path.split(".") if path else ():
            place = place.children.setdefault(segment, Shape())
        place.kind = kind
        place.rules = rules.get(path, NO_RULES)
        if place.rules.items is not None:
            place.items = _of_elements(place.rules.items)
    return root


def fits(value: Json, kind: str) -> bool:
    """Whether a value is of a type. Null is of every type."""
    if value is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "datetime":
        return isinstance(value, str) and normalise(value) is not None
    return isinstance(value, _TYPES[kind])


def _of_elements(items: SchemaHint) -> Shape:
    return shape_of(items.types, items.rules)
