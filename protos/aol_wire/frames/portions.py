"""How much of a frame is taken in at once? A portion, so that nobody waits for its end who could work on its beginning.

A large frame that is taken in as a whole makes the processes of a chain work one after another: while one is at it, the
others idle. In portions, what the first calls ask for is on its way to the next process while others are begun. With
256 reads in flight through SDK, broker and adapter, on two cores, that gave a fifth more of them a second; 256 inserts,
whose parts are costlier (a sync for the audit log, a commit), gained a tenth; 32 of either fit into one portion.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_PORTION_BYTES = 64 << 10

# What a call costs besides its bytes: not more than so many of them are in one portion, however small they are.
_CALLS = 64
_CALL_BYTES = _PORTION_BYTES // _CALLS

# So many turns of the event loop after a call was begun, what it asks of another process is on its way, as a rule.
_TURNS = 3


def portions(items: Sequence[T], size_bytes: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Yield the items in their order, a portion at a time, each of at least one."""
    begin = taken = 0
    for index, item in enumerate(items):
        if taken >= _PORTION_BYTES:
            yield items[begin:index]
            begin, taken = index, 0
        taken += max(size_bytes(item), _CALL_BYTES)
    if items:
        yield items[begin:]


async def let_go_on() -> None:
    """Let the calls of the portion before go on to where they wait for others."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
