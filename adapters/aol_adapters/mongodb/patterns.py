"""Which patterns may MongoDB's engine be given? It backtracks: some take it exponential time, or more than it allows.

A pattern is given to it when no more than one part of it can take a varying number of characters, and that part is a
single character or class. Documents that others may match are looked at here, by RE2, which takes linear time.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from aol_adapters.kit.pages import Row
from aol_adapters.mongodb.catalogue import Collection
from aol_wire.evaluate import matches
from aol_wire.filters import And, Filter, Json, Not, Or, Regex
from aol_wire.values import get
from aol_wire.words import split

# An escaped character or class, then a quantifier that may take more or less.
_ATOM = re.compile(r"(?:\\.|\[\^?(?:\\.|[^\\])(?:\\.|[^\]\\])*\]|\(\?:|[^\\\[])", re.DOTALL)
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(?P<low>\d+)(?P<comma>,)?(?P<high>\d*)\})")


def is_for_here(filter: Filter) -> bool:
    """Return whether a filter has a pattern that MongoDB's engine is not given."""
    match filter:
        case And(filters) | Or(filters):
            return any(map(is_for_here, filters))
        case Not(inner):
            return is_for_here(inner)
        case Regex(_, pattern):
            return _backtracks(pattern)
        case _:
            return False


def checker(collection: Collection, filter: Filter) -> Callable[[Row], bool]:
    """Return what tells whether a document matches a filter."""
    paths = [part.path for spec in collection.ready_words for part in spec.fields]

    def is_match(row: Row) -> bool:
        view = row.view()
        return matches(filter, view, _words(view, paths))

    return is_match


def _words(view: dict[str, Json], paths: list[tuple[str, ...]]) -> set[str]:
    strings = (value for path in paths if isinstance(value := get(view, path), str))
    return {word for text in strings for word in split(text)}


@lru_cache(maxsize=512)
def _backtracks(pattern: str) -> bool:
    varying = 0
    at = 0
    while at < len(pattern):
        atom = _ATOM.match(pattern, at)
        if atom is None:
            return True
        at = atom.end()
        quantifier = _QUANTIFIER.match(pattern, at)
        if quantifier is None:
            continue
        at = quantifier.end()
        low, comma, high = quantifier["low"], quantifier["comma"], quantifier["high"]
        if low is not None and (comma is None or low == high):
            varying += atom[0] == ")" and int(low) > 1
        else:
            varying += 2 if atom[0] == ")" and quantifier[0] != "?" else 1
    return varying > 1
