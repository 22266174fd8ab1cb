"""How does a thread that computes let calls go first? By resting after every few items."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_ITEMS = 20
_REST_S = 0.0001

T = TypeVar("T")


def giving_way(items: Iterable[T]) -> Iterator[T]:
    """Yield items. An interpreter takes itself away from a thread only after 5 ms, which a call would wait for."""
    for count, item in enumerate(items, 1):
        yield item
        if count % _ITEMS == 0:
            time.sleep(_REST_S)
