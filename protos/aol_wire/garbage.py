"""When does a server process look for cycles of garbage? Seldom: calls free what they made as they end."""

import contextlib
import gc
from collections.abc import Iterator

# Objects made and not freed before the youngest are looked through, and how often that is followed by the older ones.
# Python's own 700 are fewer than a few dozen calls under way hold, so that it would look at the same ones all the time.
_YOUNG_OBJECTS = 20_000
_YOUNG_ROUNDS = 20
_MIDDLE_ROUNDS = 20


def calm() -> None:
    """Take what there is for there to stay, and look for cycles less often. For a process that serves from here on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_ROUNDS, _MIDDLE_ROUNDS)


@contextlib.contextmanager
def collecting_nothing() -> Iterator[None]:
    """Have no garbage collected: of what is made here all is kept, and to look for some holds up calls again and again.

    A broker spent a tenth of its start so while its modules were loaded. Of several that overlap, the one that found it
    on turns it on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
