"""What is a path? Text such as `a.b.0` made into segments, checked for where it is used."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, pairwise

from aol_wire.adapter import SortKey
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Path
from aol_wire.limits import INDEX_PATH_MAX_BYTES, PATH_MAX_SEGMENTS, PROJECTION_MAX_PATHS, SORT_MAX_KEYS
from aol_wire.metadata import RESERVED
from aol_wire.values import array_index

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_CHARACTERS = 120
_PLACE_CHARACTERS = 240
# Services name the same paths in all their calls.
_PATHS_KEPT = 4096
_KEPT_CHARACTERS = 64


def parse_path(text: str, *, projection: bool = False, index: bool = False) -> Path:
    """Return the segments of a path.

    A projection and an index walk objects only, so their paths hold no array index; an index is over the document, so
    its path holds no metadata.

    :raises DataError: BAD_PATH.
    """
    if len(text) <= _KEPT_CHARACTERS:
        return _parsed(text, projection, index)
    # Not kept: however long the paths are that somebody sends, what is kept stays small.
    return _parsed.__wrapped__(text, projection, index)


@lru_cache(maxsize=_PATHS_KEPT)
def _parsed(text: str, projection: bool, index: bool) -> Path:
    count = text.count(".") + 1
    if count > PATH_MAX_SEGMENTS:
        # Before it is split: a text of megabytes would be millions of segments.
        description = f"a path has at most {PATH_MAX_SEGMENTS} segments, not {count}"
        raise DataError.invalid(Reason.BAD_PATH, shown([text]), description)
    segments = tuple(text.split("."))
    problem = _problem(segments)
    if problem is None and (projection or index) and any(array_index(segment) is not None for segment in segments):
        problem = "an array index cannot stand in a projection or an index"
    if problem is None and index:
        problem = _index_problem(text, segments)
    if problem is not None:
        raise DataError.invalid(Reason.BAD_PATH, shown(segments), problem)
    return segments


def format_path(path: Path) -> str:
    """Return a path as text: the reverse of `parse_path`."""
    return ".".join(path)


def shown(segments: Iterable[str]) -> str:
    """Return segments as an error message names them: cut to a bearable length, without control characters."""
    text = ".".join(segments)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def below(place: str, segment: str | int) -> str:
    """Return the place of something in a request, for errors: the end of it, when all of it would be long."""
    text = f"{place}.{segment if isinstance(segment, int) else shown([segment])}"
    return text if len(text) <= _PLACE_CHARACTERS else "…" + text[-_PLACE_CHARACTERS:]


def parse_sort(keys: Iterable[tuple[str, bool]]) -> tuple[SortKey, ...]:
    """Return the keys of a sort order, given as (path, whether largest first).

    :raises DataError: BAD_PATH, BAD_FILTER (a path twice), TOO_LARGE (more than 4 keys).
    """
    given = list(islice(keys, SORT_MAX_KEYS + 1))
    if len(given) > SORT_MAX_KEYS:
        raise DataError.invalid(Reason.TOO_LARGE, "sort", f"at most {SORT_MAX_KEYS} keys")
    sort = tuple(SortKey(parse_path(text), descending) for text, descending in given)
    if len({key.path for key in sort}) < len(sort):
        raise DataError.invalid(Reason.BAD_FILTER, "sort", "a path stands in it twice")
    return sort


def parse_projection(paths: Iterable[str]) -> tuple[Path, ...]:
    """Return the paths of a projection, without those that another of them covers.

    :raises DataError: BAD_PATH, TOO_LARGE (more than 256 paths).
    """
    given = list(islice(paths, PROJECTION_MAX_PATHS + 1))
    if len(given) > PROJECTION_MAX_PATHS:
        raise DataError.invalid(Reason.TOO_LARGE, "projection", f"at most {PROJECTION_MAX_PATHS} paths")
    parsed = dict.fromkeys(parse_path(text, projection=True) for text in given)
    return tuple(path for path in parsed if not any(path[:size] in parsed for size in range(1, len(path))))


def overlap(paths: Iterable[Path]) -> tuple[Path, Path] | None:
    """Return two paths of which one is the other or lies in it; None when there are none."""
    ordered = sorted(paths)
    # In sorted order a path is followed directly by what lies in it.
    for first, second in pairwise(ordered):
        if second[: len(first)] == first:
            return first, second
    return None


def overlaps(one: Path, other: Path) -> bool:
    """Whether one path is the other, or lies in it."""
    size = min(len(one), len(other))
    return one[:size] == other[:size]


def _problem(segments: Path) -> str | None:
    for segment in segments:
        if not segment:
            return "a path has no empty segments"
        if segment[0] == "$":
            return "a segment of a path does not start with '$'"
        if "\0" in segment or (not segment.isascii() and _SURROGATE.search(segment)):
            return "a path holds no NUL and no lone surrogate"
    return _metadata_problem(segments)


def _index_problem(text: str, segments: Path) -> str | None:
    if segments[0] in RESERVED:
        return "metadata cannot be in an index"
    if len(text.encode()) > INDEX_PATH_MAX_BYTES:
        return f"a path in an index has at most {INDEX_PATH_MAX_BYTES} bytes"
    return None


def _metadata_problem(segments: Path) -> str | None:
    if segments[0][0] != "_":
        return None
    if segments[0] not in RESERVED:
        return f"top-level names that start with '_' are metadata, which are {', '.join(sorted(RESERVED))}"
    return "metadata has no parts" if len(segments) > 1 else None
