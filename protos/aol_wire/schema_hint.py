"""What is a schema hint? Field paths and the types that their values usually have."""

from collections.abc import Iterator, Mapping

from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Json
from aol_wire.json_text import decode
from aol_wire.limits import PATH_MAX_SEGMENTS, SCHEMA_HINT_MAX_BYTES, SCHEMA_HINT_MAX_PATHS
from aol_wire.paths import parse_path, shown

TYPES = ("string", "number", "boolean", "datetime", "object", "array")

_ROOT = "schema_hint"
# Of one entry of the flat form: quotes, colon and comma.
_ENTRY_BYTES = 6


def read_schema_hint(text: str) -> dict[str, str]:
    """Return the hint that a JSON text holds, as `parse_schema_hint` does; an empty text is an empty hint.

    :raises DataError: BAD_REQUEST, TOO_LARGE.
    """
    return parse_schema_hint(decode(text, Reason.BAD_REQUEST, _ROOT, SCHEMA_HINT_MAX_BYTES)) if text else {}


def parse_schema_hint(hint: Json) -> dict[str, str]:
    """Return a hint as dotted path -> type name; an object inside stands for a nested path.

    :raises DataError: BAD_REQUEST, with everything that is wrong; TOO_LARGE.
    """
    if not isinstance(hint, dict):
        raise DataError.invalid(Reason.BAD_REQUEST, _ROOT, "it is an object: field path -> type name")
    violations: list[Violation] = []
    flat: dict[str, str] = {}
    size_bytes = 0
    for number, (path, kind) in enumerate(_leaves(hint, (), violations), 1):
        problem = "the path stands in the hint twice" if path in flat else _problem(path, kind)
        if problem is not None:
            violations.append(Violation(shown([path]), problem))
        else:
            flat[path] = str(kind)
            size_bytes += len(path.encode()) + len(flat[path]) + _ENTRY_BYTES
        if number > SCHEMA_HINT_MAX_PATHS:
            raise DataError.invalid(Reason.TOO_LARGE, _ROOT, f"at most {SCHEMA_HINT_MAX_PATHS:,} paths")
    if size_bytes > SCHEMA_HINT_MAX_BYTES:
        description = f"at most {SCHEMA_HINT_MAX_BYTES:,} bytes with every path written out, not {size_bytes:,}"
        raise DataError.invalid(Reason.TOO_LARGE, _ROOT, description)
    if violations:
        message = "; ".join(f"{_ROOT}.{item.path}: {item.description}" for item in violations)
        raise DataError(Reason.BAD_REQUEST, message, violations=tuple(violations))
    return flat


def _leaves(
    hint: Mapping[str, Json], place: tuple[str, ...], violations: list[Violation]
) -> Iterator[tuple[str, Json]]:
    """Yield dotted paths and what the hint says of them; what nests deeper than a path goes is a violation."""
    for key, value in hint.items():
        path = (*place, key)
        if not isinstance(value, dict):
            yield ".".join(path), value
        elif len(path) < PATH_MAX_SEGMENTS:
            yield from _leaves(value, path, violations)
        else:
            violations.append(Violation(shown(path), f"a path has at most {PATH_MAX_SEGMENTS} segments"))


def _problem(path: str, kind: Json) -> str | None:
    if not isinstance(kind, str) or kind not in TYPES:
        return f"its type is one of {', '.join(TYPES)}"
    try:
        parse_path(path, index=True)
    except DataError as error:
        # The description alone: the violation names the path.
        return error.violations[0].description
    return None
