"""May this JSON value be stored? The rules for integers, strings, keys and depth, whatever the value stands in."""

import math
import re
from collections.abc import Iterable
from functools import reduce
from typing import Any

from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.limits import DOCUMENT_MAX_DEPTH, INT64_MAX, INT64_MIN
from aol_wire.paths import below

INEXACT = "an integer beyond 64 bits that no double equals cannot be kept exactly"
_KNOWN_KEYS_MAX = 4096
_KNOWN_KEY_MAX_CHARACTERS = 64
_known_keys: set[str] = set()
_SURROGATE = re.compile("[\ud800-\udfff]")


def exact(number: int) -> int | float | None:
    """Return an integer as it is stored: itself in int64, else the double that equals it, else None."""
    if INT64_MIN <= number <= INT64_MAX:
        return number
    try:
        double = float(number)
    except OverflowError:
        return None
    return double if double == number else None


def sound(value: Json, *, keys: bool, levels: int = 0) -> bool:
    """Return whether depth, integers and, with `keys`, the keys of a decoded value are as they should be.

    One walk that keeps no paths: it runs for every document that is stored. Where it says no, `examine` finds what is
    wrong.
    """
    return _sound_within((value,), keys, levels - 1)


def _sound_within(container: Any, keys: bool, levels: int) -> bool:
    if levels >= DOCUMENT_MAX_DEPTH:
        return False
    children = container
    if type(container) is dict:
        if keys and not _known_keys.issuperset(container) and not _keys_sound(container):
            return False
        children = container.values()
    for child in children:
        kind = type(child)
        if kind is str:
            continue
        if kind is int:
            if not INT64_MIN <= child <= INT64_MAX:
                return False
        elif (kind is dict or kind is list) and not _sound_within(child, keys, levels + 1):
            return False
    return True


def _keys_sound(container: dict[str, Json]) -> bool:
    for key in container:
        if not key or key[0] == "$" or "." in key:
            return False
        # Documents of a collection have the same keys, so that few are looked at twice.
        if len(_known_keys) < _KNOWN_KEYS_MAX and len(key) <= _KNOWN_KEY_MAX_CHARACTERS:
            _known_keys.add(key)
    return True


def examine(value: Json, reason: Reason, where: str, *, keys: bool = False, levels: int = 0) -> Json:
    """Return a decoded value if it could be stored; integers beyond int64 that are doubles become doubles, in place.

    :param where: the path of the value, for errors.
    :param keys: whether keys must be such as documents have.
    :param levels: how many levels there are around the value.
    :raises DataError: `reason`, with the path that is wrong.
    """
    try:
        return _examined(value, keys, levels)
    except _Wrong as wrong:
        raise DataError.invalid(reason, reduce(below, reversed(wrong.segments), where), wrong.description) from None


class _Wrong(Exception):
    """Something is wrong at a place that is told while the search ends, so that no path is built for what is right."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description
        # From the innermost outwards.
        self.segments: list[str | int] = []


def _examined(value: Json, keys: bool, levels: int) -> Json:
    if isinstance(value, str):
        _check_string(value)
    elif isinstance(value, dict | list):
        if levels >= DOCUMENT_MAX_DEPTH:
            raise _Wrong(f"nested deeper than {DOCUMENT_MAX_DEPTH} levels")
        _examine_within(value, keys, levels + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Wrong("NaN and infinities cannot be stored")
    elif isinstance(value, int) and not isinstance(value, bool):
        number = exact(value)
        if number is None:
            raise _Wrong(INEXACT)
        return number
    elif value is not None and not isinstance(value, bool):
        raise _Wrong(f"{type(value).__name__} is no type of JSON")
    return value


def _examine_within(container: Any, keys: bool, levels: int) -> None:
    is_object = isinstance(container, dict)
    items: Iterable[tuple[Any, Any]] = container.items() if is_object else enumerate(container)
    for segment, child in items:
        try:
            if is_object:
                _check_key(segment, keys)
            container[segment] = _examined(child, keys, levels)
        except _Wrong as wrong:
            wrong.segments.append(segment)
            raise


def _check_key(key: str, keys: bool) -> None:
    _check_string(key)
    if keys and not key:
        raise _Wrong("a key is not empty")
    if keys and key[0] == "$":
        raise _Wrong("a key does not start with '$'; operators stand directly under a path, and a path is written a.b")
    if keys and "." in key:
        raise _Wrong("a key holds no '.'")


def _check_string(value: str) -> None:
    if "\0" in value or _SURROGATE.search(value):
        raise _Wrong("a string holds no NUL and no lone surrogate")
