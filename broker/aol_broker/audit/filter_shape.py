"""What is a filter's shape? Its paths and operators, with the name of its type in the place of each value."""

from collections.abc import Mapping
from types import NoneType

from aol_wire.filters import Json

_TYPE_NAMES: Mapping[type, str] = {
    NoneType: "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
}
MORE = "…"
"""Stands at the end of a list of types for the values that are of one of them, too."""


def filter_shape(value: Json) -> Json:
    """Return the shape of a filter's JSON, which nobody need have checked."""
    if not isinstance(value, dict):
        return type_name(value)
    return {key: _entry(key, operand) for key, operand in value.items()}


def type_name(value: Json) -> str:
    """Return the name of a value's type, as schema hints have it, or `null`."""
    return _TYPE_NAMES[type(value)]


def member_types(values: list[Json]) -> list[Json]:
    """Return the types of a list's values, each once."""
    types: list[Json] = list(dict.fromkeys(map(type_name, values)))
    return types if len(types) == len(values) else [*types, MORE]


def _entry(key: str, operand: Json) -> Json:
    if key in {"$and", "$or"} and isinstance(operand, list):
        return [filter_shape(item) for item in operand]
    if key == "$not":
        return filter_shape(operand)
    if isinstance(operand, dict) and not key.startswith("$") and any(name.startswith("$") for name in operand):
        return {name: _operand(name, item) for name, item in operand.items()}
    return type_name(operand)


def _operand(operator: str, operand: Json) -> Json:
    """An operator's own switch is no value: it shows what is asked."""
    if (operator == "$exists" and isinstance(operand, bool)) or (operator == "$options" and operand in ("i", "")):
        return operand
    if operator in {"$in", "$nin"} and isinstance(operand, list):
        return list(member_types(operand))
    return type_name(operand)
