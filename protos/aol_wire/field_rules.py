"""What may the value of a field be, beyond its type? The rules that a schema hint has, and how they are written."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aol_wire.errors import DataError
from aol_wire.filters import Json
from aol_wire.limits import ENUM_MAX_VALUES, INT64_MAX, INT64_MIN
from aol_wire.regexes import classify
from aol_wire.values import sort_key

TYPES = ("string", "number", "boolean", "datetime", "object", "array")

TYPE, PROPERTIES, ITEMS = "type", "properties", "items"

RULES: Mapping[str, tuple[str, ...]] = {
    "required": TYPES,
    "enum": ("string", "number", "boolean"),
    "pattern": ("string",),
    "minLength": ("string",),
    "maxLength": ("string",),
    "min": ("number",),
    "max": ("number",),
    ITEMS: ("array",),
    PROPERTIES: ("object",),
}
"""The names of rules, and the types of the fields that can have them."""

Problem = tuple[tuple[str, ...], str]
"""Where in the rules of a field (a rule's name, and what is in it), and what is wrong there."""


@dataclass(frozen=True, slots=True)
class FieldRules:
    """The rules of a field. Lengths are in characters; what is not said is not held to.

    `required`: wherever the object that has the field is there, the field is there and not null. `pattern` (RE2)
    matches somewhere in the string. `items`: what each element of the array keeps to.
    """

    required: bool = False
    enum: tuple[str | int | float, ...] = ()
    pattern: str = ""
    min: int | float | None = None
    max: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    items: "SchemaHint | None" = None


@dataclass(frozen=True, slots=True)
class SchemaHint:
    """Dotted field paths and their types; and the rules of those fields that have some.

    In the hint of an array's elements, the empty path is the element itself.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, FieldRules] = field(default_factory=dict)


NO_RULES = FieldRules()


def means_rules(said: Mapping[str, Json]) -> bool:
    """Whether an object in a hint says of one field its type and rules, rather than naming fields under it.

    It has a `type`, and something that no field under it could be said to be. `{type: string, min: number}` names two
    fields; `{type: string}` alone is a field that is a string.
    """
    kind = said.get(TYPE)
    if not isinstance(kind, str):
        return False
    if len(said) == 1 or (kind == "array" and ITEMS in said) or (kind == "object" and PROPERTIES in said):
        return True
    return not all(isinstance(value, dict) or (isinstance(value, str) and value in TYPES) for value in said.values())


def read_rules(said: Mapping[str, Json], kind: str, items: "SchemaHint | None") -> tuple[FieldRules, list[Problem]]:
    """Return the rules of a field of a type, and everything that is wrong with them.

    :param items: what `items` says, if it is said.
    """
    problems = list(_problems(said, kind))
    if problems:
        return NO_RULES, problems
    rules = FieldRules(
        required=said.get("required") is True,
        enum=tuple(_listed(said.get("enum"))),
        pattern=str(said.get("pattern", "")),
        min=_number(said.get("min")),
        max=_number(said.get("max")),
        min_length=_length(said.get("minLength")),
        max_length=_length(said.get("maxLength")),
        items=items,
    )
    return rules, list(_contradictions(rules))


def write_rules(rules: FieldRules, kind: str) -> dict[str, Json]:
    """Return a field's type and rules as a hint says them."""
    said: dict[str, Any] = {
        TYPE: kind,
        "required": rules.required or None,
        "enum": list(rules.enum) or None,
        "pattern": rules.pattern or None,
        "minLength": rules.min_length,
        "maxLength": rules.max_length,
        "min": rules.min,
        "max": rules.max,
        ITEMS: None if rules.items is None else _write_items(rules.items),
    }
    return {name: value for name, value in said.items() if value is not None}


def write_field_rules(rules: Mapping[str, FieldRules], types: Mapping[str, str]) -> dict[str, Json]:
    """Return the rules of the fields that have some, by path, each with its type."""
    return {path: write_rules(said, types[path]) for path, said in rules.items()}


def write_hint(hint: SchemaHint) -> dict[str, Json]:
    """Return a hint as an object of dotted paths: a type name each, or an object of type and rules."""
    return {
        path: write_rules(hint.rules[path], kind) if path in hint.rules else kind for path, kind in hint.types.items()
    }


def stored_rules(said: Mapping[str, Any]) -> FieldRules:
    """Return the rules that `write_rules` wrote. They were checked, by the rules of their time."""
    items = said.get(ITEMS)
    return FieldRules(
        required=said.get("required", False),
        enum=tuple(said.get("enum", ())),
        pattern=said.get("pattern", ""),
        min=said.get("min"),
        max=said.get("max"),
        min_length=said.get("minLength"),
        max_length=said.get("maxLength"),
        items=None if items is None else _stored_items(items),
    )


def _stored_items(said: str | Mapping[str, Any]) -> SchemaHint:
    if isinstance(said, str):
        return SchemaHint({"": said})
    fields = {"": said, **said.get(PROPERTIES, {})}
    ruled = {path: stored_rules(field) for path, field in fields.items() if not isinstance(field, str)}
    return SchemaHint(
        {path: field if isinstance(field, str) else field[TYPE] for path, field in fields.items()},
        {path: rules for path, rules in ruled.items() if rules != NO_RULES},
    )


def _write_items(items: SchemaHint) -> Json:
    said = write_hint(items)
    element = said.pop("")
    if not said:
        return element
    return {**(element if isinstance(element, dict) else {TYPE: element}), PROPERTIES: said}


def _problems(said: Mapping[str, Json], kind: str) -> Iterator[Problem]:
    """Yield what is wrong with single rules."""
    for name, value in said.items():
        if name == TYPE:
            continue
        if name not in RULES:
            yield (name,), f"is no rule of a field; rules are {', '.join(RULES)}"
        elif kind not in RULES[name]:
            yield (name,), f"is a rule for {' or '.join(RULES[name])}, and the field is {kind}"
        elif name == "enum":
            yield from _enum_problems(value, kind)
        elif name in _FORMS and (problem := _FORMS[name](value)):
            yield (name,), problem


def _enum_problems(value: Json, kind: str) -> Iterator[Problem]:
    if not isinstance(value, list) or not 1 <= len(value) <= ENUM_MAX_VALUES:
        yield ("enum",), f"is a list of 1 to {ENUM_MAX_VALUES} values"
        return
    seen = set()
    for position, item in enumerate(value):
        good = _number(item) is not None if kind == "number" else isinstance(item, str if kind == "string" else bool)
        # The first is told, as there may be hundreds.
        if not good:
            yield ("enum", str(position)), f"is no {kind}, which the field is"
            return
        if sort_key(item) in seen:
            yield ("enum", str(position)), "stands in the list twice"
            return
        seen.add(sort_key(item))


def _contradictions(rules: FieldRules) -> Iterator[Problem]:
    """Yield the rules that no value keeps together."""
    if rules.min is not None and rules.max is not None and rules.min > rules.max:
        yield ("min",), f"is more than max, {rules.max}: no number is both"
    if rules.min_length is not None and rules.max_length is not None and rules.min_length > rules.max_length:
        yield ("minLength",), f"is more than maxLength, {rules.max_length}: no string is both"


def _required_problem(value: Json) -> str:
    return "" if isinstance(value, bool) else "is true or false"


def _pattern_problem(value: Json) -> str:
    if not isinstance(value, str) or not value:
        return "is a regular expression, as text that is not empty"
    try:
        classify(value, ignore_case=False, where="")
    except DataError as error:
        return error.violations[0].description
    return ""


def _number_problem(value: Json) -> str:
    return "is a number of the range of documents" if _number(value) is None else ""


def _length_problem(value: Json) -> str:
    return "is a whole number of characters, 0 or more" if _length(value) is None else ""


def _properties_problem(value: Json) -> str:
    return "" if isinstance(value, dict) else "is an object: field path -> type name or rules"


_FORMS: Mapping[str, Callable[[Json], str]] = {
    "required": _required_problem,
    "pattern": _pattern_problem,
    "min": _number_problem,
    "max": _number_problem,
    "minLength": _length_problem,
    "maxLength": _length_problem,
    PROPERTIES: _properties_problem,
}


def _listed(value: Json) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Json) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    exact = INT64_MIN <= value <= INT64_MAX if isinstance(value, int) else math.isfinite(value)
    return value if exact else None


def _length(value: Json) -> int | None:
    return None if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT64_MAX else value
