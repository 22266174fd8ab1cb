"""Who waits for the disk? A thread of its own, one piece of work at a time; the event loop never does."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, Exception | None], None]
"""Called in the event loop with what the work returned, or how it failed."""


class Writer:
    """The thread. Started by its first piece of work, ended by `stop`.

    An executor would do the same, at twice the cost of a hand-over, which each call of each user pays for.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Work, Done] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        loop = asyncio.get_running_loop()
        # A daemon: a disk that hangs for ever must not keep a broker from ending.
        self._thread = threading.Thread(target=self._run, args=(loop,), name="aol-audit", daemon=True)
        self._thread.start()

    def submit(self, work: Work, done: Done) -> None:
        """Have `work` done after what was submitted before."""
        self._queue.put((work, done))

    async def run(self, work: Work) -> Any:
        """Return what `work` returns.

        :raises Exception: what `work` raises.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.submit(work, done)
        return await future

    def stop(self) -> None:
        """Let the thread end after what was submitted."""
        self._queue.put(None)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while (item := self._queue.get()) is not None:
            work, done = item
            result: Any = None
            failure: Exception | None = None
            try:
                result = work()
            except Exception as error:  # told to whoever waits; the thread goes on
                failure = error
            try:
                loop.call_soon_threadsafe(done, result, failure)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
