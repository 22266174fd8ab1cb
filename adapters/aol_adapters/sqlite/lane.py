"""Who runs blocking database work for asyncio? A queue with a bounded number of threads, each with its session."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from aol_adapters.sqlite.failures import deadline, failure
from aol_adapters.sqlite.session import Session, never
from aol_wire.errors import Applied, DataError, Reason

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Session], Any]
    future: asyncio.Future[Any]
    stopped: bool = False


class Lane:
    """Runs work in the order in which it came, on at most `width` threads, which start when there is need.

    :param writes: the work changes data, so that its errors say what was applied, and work that is under way at its
        deadline is waited for: it may have been committed.
    """

    def __init__(self, name: str, make_session: Callable[[], Session], *, width: int, writes: bool) -> None:
        self._name = name
        self._make_session = make_session
        self._width = width
        self._writes = writes
        self._jobs: deque[_Job] = deque()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closing = False

    async def run(self, work: Callable[[Session], T], timeout_s: float | None = None) -> T:
        """Run `work` on a session and return its result.

        Cancelled or out of time, work that has not begun is withdrawn, and work that has begun is interrupted.

        :raises DataError: what `work` raises; for SQLite's failures see `failures`.
        """
        if timeout_s is not None and timeout_s <= 0:
            raise self._overdue()
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future())
        self._submit(job)
        timer = loop.call_later(timeout_s, self._expire, job) if timeout_s is not None else None
        try:
            result: T = await job.future
            return result
        finally:
            if timer is not None:
                timer.cancel()
            # Says nothing to a job that is done; stops one whose caller was cancelled.
            job.stopped = True
            self._withdraw(job)

    def close(self) -> None:
        """Finish all work that is there, and close the sessions. Blocks."""
        with self._ready:
            self._closing = True
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()

    def _submit(self, job: _Job) -> None:
        with self._ready:
            if self._closing:
                raise self._complete(DataError(Reason.ADAPTER_DOWN, "the adapter is closed"))
            self._jobs.append(job)
            if len(self._jobs) > self._idle and len(self._threads) < self._width:
                thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._ready.notify()

    def _withdraw(self, job: _Job) -> bool:
        if job.future.done() and not job.future.cancelled():
            return False
        with self._ready:
            try:
                self._jobs.remove(job)
            except ValueError:
                return False
            return True

    def _expire(self, job: _Job) -> None:
        job.stopped = True
        if job.future.done():
            return
        if self._withdraw(job) or not self._writes:
            job.future.set_exception(self._overdue())

    def _serve(self) -> None:
        session = self._make_session()
        try:
            while self._serve_one(session):
                pass
        finally:
            session.close()

    def _serve_one(self, session: Session) -> bool:
        """Run the next job; false when there will be none. No job is kept while the thread waits for another."""
        job = self._next()
        if job is not None:
            self._perform(session, job)
        return job is not None

    def _next(self) -> _Job | None:
        with self._ready:
            self._idle += 1
            try:
                while not self._jobs and not self._closing:
                    self._ready.wait()
                return self._jobs.popleft() if self._jobs else None
            finally:
                self._idle -= 1

    def _perform(self, session: Session, job: _Job) -> None:
        session.is_stopped = lambda: job.stopped
        try:
            result, error = job.work(session), None
        except BaseException as raised:
            result, error = None, self._explain(session, job, raised)
        finally:
            session.is_stopped = never
        # The loop is gone when the program ended without closing the adapter.
        with suppress(RuntimeError):
            job.future.get_loop().call_soon_threadsafe(_settle, job.future, result, error)

    def _explain(self, session: Session, job: _Job, raised: BaseException) -> BaseException:
        error = raised
        if isinstance(raised, apsw.BusyError) and job.stopped:
            # It gave up the wait for the lock because it was told to.
            error = deadline()
        elif isinstance(raised, apsw.Error):
            error = failure(raised) or raised
        if isinstance(error, DataError):
            if error.reason is Reason.ADAPTER_DOWN:
                # The next call opens the file anew: it may have been repaired or put back.
                session.close()
            self._complete(error)
        return error

    def _overdue(self) -> DataError:
        return self._complete(deadline())

    def _complete(self, error: DataError) -> DataError:
        if self._writes and error.applied is None:
            error.applied = Applied.NO
        return error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
