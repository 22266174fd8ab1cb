"""May this document stand in these indexes? The one rule about values at indexed paths."""

from collections.abc import Iterable

from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Json, Path
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.limits import INDEXED_STRING_MAX_BYTES
from aol_wire.paths import format_path


def check_indexed(document: dict[str, Json], indexes: Iterable[IndexSpec]) -> None:
    """Return if a document fits all these indexes.

    At an indexed path stands nothing, null, a boolean, a number or a string of at most 1,024 bytes (any string for a
    text index), and no array stands on the way to it.

    :raises DataError: BAD_DOCUMENT, with the index's name in the message and in `metadata["index"]`.
    """
    for index in indexes:
        for field in index.fields:
            problem = _problem(document, field.path, index.type is IndexType.TEXT)
            if problem is not None:
                place = format_path(field.path)
                description = f"index {index.name} {problem}"
                raise DataError(
                    Reason.BAD_DOCUMENT,
                    f"{place}: {description}",
                    violations=(Violation(place, description),),
                    metadata={"index": index.name},
                )


def fits(document: dict[str, Json], index: IndexSpec) -> bool:
    """Return whether a document fits an index; see `check_indexed`."""
    text = index.type is IndexType.TEXT
    return all(_problem(document, field.path, text) is None for field in index.fields)


def _problem(document: Json, path: Path, text: bool) -> str | None:
    value = document
    for segment in path:
        if isinstance(value, list):
            return "reaches its values through objects only, and here an array is on the way"
        if not isinstance(value, dict) or segment not in value:
            return None
        value = value[segment]
    if isinstance(value, dict | list):
        return "holds null, booleans, numbers and strings, not arrays and objects"
    # Characters are at most 4 bytes: most strings need no encoding to be known as short.
    if text or not isinstance(value, str) or len(value) * 4 <= INDEXED_STRING_MAX_BYTES:
        return None
    if len(value.encode()) > INDEXED_STRING_MAX_BYTES:
        return f"takes strings of at most {INDEXED_STRING_MAX_BYTES} bytes"
    return None
