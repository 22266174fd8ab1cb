"""Which data files are open? At most so many; the one that was used longest ago makes room."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aol_adapters.sqlite.lane import Lane
from aol_adapters.sqlite.session import Session, Settings
from aol_wire.errors import DataError, Reason
from aol_wire.names import SERVICE, check_service


class OpenFile:
    """A service's data file: one thread that writes and some that read. Nothing is opened before it is used."""

    def __init__(self, path: Path, readers: int, settings: Settings) -> None:
        def make_session() -> Session:
            return Session(path, settings)

        self.writer = Lane(f"{path.stem}-writer", make_session, width=1, writes=True)
        self.readers = Lane(f"{path.stem}-reader", make_session, width=readers, writes=False)
        self.users = 0

    def close(self) -> None:
        """Finish what is under way and close the connections. Blocks."""
        self.readers.close()
        # The last connection that closes writes the journal back into the file.
        self.writer.close()


class Files:
    """The open files of a data folder, by service.

    :ivar opened: called with the service whenever a file that is there was opened for `use`.
    """

    def __init__(self, folder: Path, *, limit: int, readers: int, settings: Settings) -> None:
        self.opened: Callable[[str], None] | None = None
        self._folder = folder
        self._limit = limit
        self._readers = readers
        self._settings = settings
        self._open: OrderedDict[str, OpenFile] = OrderedDict()
        self._closing = 0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open) + self._closing

    @asynccontextmanager
    async def use(self, service: str) -> AsyncIterator[OpenFile]:
        """Keep a service's file open for a block.

        :raises DataError: OVERLOADED when all files that may be open stay in use.
        """
        file = self._open.get(service) or await self._add(service)
        self._open.move_to_end(service)
        file.users += 1
        try:
            yield file
        finally:
            file.users -= 1
            self._changed.set()

    @asynccontextmanager
    async def aside(self, service: str) -> AsyncIterator[Lane]:
        """Give a block a reader of its own on a service's file, beside the one that is open or not.

        It is for reads that take long: calls do not wait behind them, and no open file makes room for it.
        """
        path = self._path(service)
        lane = Lane(f"{service}-aside", lambda: Session(path, self._settings), width=1, writes=False)
        try:
            yield lane
        finally:
            await _run_to_its_end(lane.close)

    def services(self) -> list[str]:
        """Return the services that have a data file."""
        return sorted(path.stem for path in self._folder.glob("*.db") if SERVICE.fullmatch(path.stem))

    async def close(self) -> None:
        """Close all files."""
        while self._open:
            await self._close(next(iter(self._open)))

    async def _add(self, service: str) -> OpenFile:
        path = self._path(service)
        while service not in self._open:
            if len(self) < self._limit:
                self._open[service] = OpenFile(path, self._readers, self._settings)
                if self.opened is not None and path.exists():
                    self.opened(service)
                break
            unused = next((name for name, file in self._open.items() if not file.users), None)
            if unused is not None:
                await self._close(unused)
            else:
                await self._wait_for_change()
        return self._open[service]

    def _path(self, service: str) -> Path:
        return self._folder / f"{check_service(service)}.db"

    async def _close(self, service: str) -> None:
        file = self._open.pop(service)
        self._closing += 1
        try:
            await _run_to_its_end(file.close)
        finally:
            self._closing -= 1
            self._changed.set()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self._settings.busy_timeout_s):
                await self._changed.wait()
        except TimeoutError:
            raise DataError(
                Reason.OVERLOADED, f"all {self._limit} data files that may be open are in use", retry_after_s=1.0
            ) from None


async def _run_to_its_end(close: Callable[[], None]) -> None:
    """Close something on a thread; who is cancelled meanwhile goes on when it is closed."""
    closing = asyncio.create_task(asyncio.to_thread(close))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise
