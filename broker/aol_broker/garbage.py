"""When is no garbage looked for? While much is made of which all is kept."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Have no garbage collected: of what is made here all is kept, and to look for some holds up calls again and again.

    Of several that overlap, the one that found it on turns it on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
