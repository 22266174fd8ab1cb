"""How does a call get on its way while its caller goes on with something else?"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# So many turns of the event loop after it was begun, a call has been handed to gRPC, as a rule.
_TURNS_TO_SEND = 8


async def begun(call: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Return the task of a call that has been sent, as a rule.

    Whoever reads a page, or encodes documents, without waiting for anything lets nothing else run meanwhile: a call
    that was no more than begun would be sent after that.
    """
    task = asyncio.ensure_future(call)
    try:
        for _ in range(_TURNS_TO_SEND):
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        task.cancel()  # nobody else has it yet
        await asyncio.gather(task, return_exceptions=True)
        raise
    return task
