"""What is a schema hint? Field paths and the types that their values usually have."""

from collections.abc import Iterator, Mapping

from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Json
from aol_wire.paths import parse_path

TYPES = ("string", "number", "boolean", "datetime", "object", "array")


def parse_schema_hint(hint: Json) -> dict[str, str]:
    """Return a hint as dotted path -> type name; an object inside stands for a nested path.

    :raises DataError: BAD_REQUEST, with everything that is wrong.
    """
    if not isinstance(hint, dict):
        raise DataError.invalid(Reason.BAD_REQUEST, "schema_hint", "it is an object: field path -> type name")
    violations: list[Violation] = []
    flat = dict(_flatten(hint, "", violations))
    if violations:
        message = "; ".join(f"schema_hint.{item.path}: {item.description}" for item in violations)
        raise DataError(Reason.BAD_REQUEST, message, violations=tuple(violations))
    return flat


def _flatten(hint: Mapping[str, Json], prefix: str, violations: list[Violation]) -> Iterator[tuple[str, str]]:
    for key, value in hint.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}.", violations)
        elif isinstance(value, str) and value in TYPES:
            try:
                parse_path(path, index=True)
            except DataError as error:
                violations.append(Violation(path, error.message))
            else:
                yield path, value
        else:
            violations.append(Violation(path, f"its type is one of {', '.join(TYPES)}"))
