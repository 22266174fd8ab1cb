"""What of a snapshot is made of its rows only once somebody asks for it? The values of a mapping, one by one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

K = TypeVar("K")
R = TypeVar("R")
V = TypeVar("V")

_NOT_MADE: Any = object()


class LazyMapping(Mapping[K, V], Generic[K, R, V]):
    """A mapping that holds rows, and makes the value of a key of its row when that is first read.

    To know its keys costs nothing. `make` gives the same value each time, so threads may read at once; all of them get
    one object. What `make` raises, reading that key raises.
    """

    def __init__(self, rows: Mapping[K, R], make: Callable[[K, R], V]) -> None:
        self._rows = dict(rows)
        self._make = make
        self._made: dict[K, V] = {}

    def changed(self, is_gone: Callable[[K], bool], rows: Mapping[K, R]) -> "LazyMapping[K, R, V]":
        """Return one without some keys and with further rows, for which nothing is made again."""
        after = LazyMapping({key: row for key, row in self._rows.items() if not is_gone(key)} | dict(rows), self._make)
        # A copy, as others may be reading meanwhile.
        made = self._made.copy()
        after._made = {key: value for key, value in made.items() if not is_gone(key) and key not in rows}
        return after

    def __getitem__(self, key: K) -> V:
        value: V = self._made.get(key, _NOT_MADE)
        if value is _NOT_MADE:
            value = self._made.setdefault(key, self._make(key, self._rows[key]))
        return value

    def get(self, key: K, default: Any = None) -> Any:
        """Return the value of a key, or `default`. As the inherited one, in half the time: each call asks twice."""
        value = self._made.get(key, _NOT_MADE)
        return super().get(key, default) if value is _NOT_MADE else value

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
