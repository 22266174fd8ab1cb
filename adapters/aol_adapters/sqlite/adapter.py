"""How does SQLite keep the adapter contract? Each call becomes work on the right thread of the service's data file."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import apsw

from aol_adapters.kit.access import declared
from aol_adapters.kit.gathering import Gathering
from aol_adapters.sqlite import building, explaining, finding, writing
from aol_adapters.sqlite.builds import Builds
from aol_adapters.sqlite.files import Files
from aol_adapters.sqlite.session import Settings
from aol_adapters.sqlite.upkeep import Upkeep
from aol_wire.adapter import (
    Adapter,
    Capability,
    CollectionSpec,
    Count,
    Deleted,
    Description,
    Ensured,
    Explanation,
    Find,
    Found,
    Outcome,
    Target,
    Write,
)
from aol_wire.capabilities import required_by_indexes, required_by_storage
from aol_wire.errors import DataError, Reason
from aol_wire.gets import wanted_id
from aol_wire.ids import now_us
from aol_wire.indexes import IndexStatus
from aol_wire.names import check_collection

CAPABILITIES = frozenset(
    {
        Capability.REGEX,
        Capability.REGEX_FULL,
        Capability.TEXT,
        Capability.TTL,
        Capability.UNIQUE,
        Capability.ATOMIC,
        Capability.ATOMIC_MANY,
        Capability.EXPLAIN,
    }
)


class SqliteAdapter(Adapter):
    """Documents in SQLite files, `<data_dir>/<service>.db`.

    :param max_open_files: how many services' files are open at once; each has up to 1 + `readers` connections.
    :param readers: how many reads of one service run at once.
    :param busy_timeout_s: how long to wait for another process's lock on a file.
    :param max_file_pages: the size in pages (of 4,096 bytes) at which a file counts as full; None: when the disk is.
    :param at_once_up_to: how many documents a collection has at most whose indexes `ensure_collection` builds before it
        returns. Those of larger ones are built in the background; writers wait while SQLite makes the index itself.
    :param sweep_interval_s: how long between two rounds that remove expired documents, which are invisible before.
    :param clock: by which documents expire, in microseconds since 1970.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        max_open_files: int = 64,
        readers: int = 2,
        busy_timeout_s: float = 5.0,
        max_file_pages: int | None = None,
        at_once_up_to: int = 20_000,
        sweep_interval_s: float = 60.0,
        clock: Callable[[], int] = now_us,
    ) -> None:
        if max_open_files < 1 or readers < 1:
            raise ValueError("max_open_files and readers are at least 1")
        self._data_dir = data_dir
        self._at_once_up_to = at_once_up_to
        settings = Settings(busy_timeout_s, max_file_pages, clock)
        self.files = Files(data_dir, limit=max_open_files, readers=readers, settings=settings)
        self._builds = Builds(self.files)
        self._upkeep = Upkeep(self.files, self._builds, sweep_interval_s)
        self._writes = Gathering[str, Write, list[Outcome]](self._write_batch, writes=True, waits=True)
        self._gets = Gathering[tuple[Target, Deleted], Find, Found](self._get_batch, writes=False)
        self._is_open = False

    async def start(self) -> None:
        try:
            await asyncio.to_thread(self._data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise self._unusable() from None
        self._is_open = True
        await self.check()
        self._upkeep.start()

    async def close(self) -> None:
        self._is_open = False
        await self._upkeep.close()
        await self._writes.close()
        await self._gets.close()
        await self._builds.close()
        await self.files.close()

    async def describe(self) -> Description:
        versions = f"{version('aol-data-broker')} (SQLite {apsw.sqlite_lib_version()})"
        return Description("sqlite", versions, CAPABILITIES)

    async def check(self) -> None:
        self._require_open()
        usable = await asyncio.to_thread(os.access, self._data_dir, os.R_OK | os.W_OK | os.X_OK)
        if not usable:
            raise self._unusable()

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        self._require_open()
        needed = required_by_indexes(spec.indexes) | required_by_storage(spec.storage)
        lacking = sorted(needed - CAPABILITIES)
        if lacking:
            raise _unsupported(lacking)
        check_collection(spec.target.collection)
        async with self.files.use(spec.target.service) as file:
            ensured = await file.writer.run(partial(building.ensure, spec=spec, at_once_up_to=self._at_once_up_to))
        self._upkeep.notice(spec.target.service, ensured.indexes)
        return replace(ensured, indexes=declared(ensured.indexes))

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        self._require_open()
        async with self.files.use(target.service) as file:
            return await file.readers.run(partial(building.inspect, name=target.collection))

    async def drop_collection(self, target: Target) -> None:
        self._require_open()
        async with self.files.use(target.service) as file:
            await file.writer.run(partial(building.drop, name=target.collection))

    async def write(self, request: Write) -> list[Outcome]:
        self._require_open()
        return await self._writes.submit(
            request.target.service, request, weight=writing.weight(request), timeout_s=request.timeout_s
        )

    async def find(self, request: Find) -> Found:
        self._require_open()
        if wanted_id(request) is not None:
            return await self._gets.submit((request.target, request.deleted), request, timeout_s=request.timeout_s)
        async with self.files.use(request.target.service) as file:
            return await file.readers.run(partial(finding.find, request=request), request.timeout_s)

    async def count(self, request: Count) -> int:
        self._require_open()
        async with self.files.use(request.target.service) as file:
            return await file.readers.run(partial(finding.count, request=request), request.timeout_s)

    async def explain(self, request: Find) -> Explanation:
        self._require_open()
        async with self.files.use(request.target.service) as file:
            return await file.readers.run(partial(explaining.explain, request=request), request.timeout_s)

    async def sweep(self) -> int:
        """Do now what is done every `sweep_interval_s`; return how many expired documents were removed."""
        self._require_open()
        return await self._upkeep.sweep()

    async def settle(self) -> None:
        """Wait until no index is being built in the background."""
        await self._upkeep.look()
        await self._builds.settle()

    async def _write_batch(
        self, service: str, requests: list[Write], timeout_s: float | None
    ) -> Sequence[list[Outcome] | DataError]:
        """Apply requests in one transaction, or, if one of them is to blame that it cannot be, in smaller ones."""
        try:
            async with self.files.use(service) as file:
                return await file.writer.run(partial(writing.write_all, requests=requests), timeout_s)
        except DataError as error:
            if len(requests) == 1 or error.reason is not Reason.TOO_LARGE:
                raise
        half = len(requests) // 2
        return [
            *await self._write_batch(service, requests[:half], timeout_s),
            *await self._write_batch(service, requests[half:], timeout_s),
        ]

    async def _get_batch(
        self, place: tuple[Target, Deleted], requests: list[Find], timeout_s: float | None
    ) -> list[Found]:
        async with self.files.use(place[0].service) as file:
            return await file.readers.run(partial(finding.get, requests=requests), timeout_s)

    def _require_open(self) -> None:
        if not self._is_open:
            raise DataError(Reason.ADAPTER_DOWN, "the SQLite adapter is not started, or closed")

    def _unusable(self) -> DataError:
        return DataError(
            Reason.ADAPTER_DOWN,
            f"the data folder {self._data_dir} cannot be made, or cannot be read and written",
            retry_after_s=1.0,
        )


def _unsupported(lacking: Iterable[Capability]) -> DataError:
    names = ", ".join(lacking)
    return DataError(Reason.CAPABILITY_UNSUPPORTED, f"the SQLite adapter lacks {names}", metadata={"capability": names})
