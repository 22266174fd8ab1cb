"""What remains of a document when only some paths are asked for?"""

from collections.abc import Iterable

from aol_wire.filters import Json, Path
from aol_wire.metadata import RESERVED


def project(document: dict[str, Json], paths: Iterable[Path]) -> dict[str, Json]:
    """Return a new object with the values at the paths, nested as in the document; what is missing is absent.

    Paths go through objects only. Those of metadata are left aside: metadata travels beside the document.
    """
    result: dict[str, Json] = {}
    for path in paths:
        if path[0] not in RESERVED:
            _copy(document, result, path)
    return result


def _copy(source: dict[str, Json], result: dict[str, Json], path: Path) -> None:
    *parents, last = path
    found: Json = source
    for segment in parents:
        found = found.get(segment) if isinstance(found, dict) else None
    if not isinstance(found, dict) or last not in found:
        return
    for segment in parents:
        # `parse_projection` leaves no path inside another, so what is here already was made here.
        made = result.setdefault(segment, {})
        if not isinstance(made, dict):
            return
        result = made
    result[last] = found[last]
