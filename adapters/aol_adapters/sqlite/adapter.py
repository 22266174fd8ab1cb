"""How does SQLite keep the adapter contract? Each call becomes work on the right thread of the service's data file."""

import asyncio
import os
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import apsw

from aol_adapters.sqlite import building, finding, writing
from aol_adapters.sqlite.files import Files
from aol_adapters.sqlite.session import Settings
from aol_wire.adapter import (
    Adapter,
    Capability,
    CollectionSpec,
    Count,
    Description,
    Ensured,
    Find,
    Found,
    Outcome,
    Target,
    Write,
)
from aol_wire.capabilities import required_by_indexes
from aol_wire.errors import DataError, Reason
from aol_wire.indexes import IndexStatus
from aol_wire.names import check_collection

CAPABILITIES = frozenset(
    {
        Capability.REGEX,
        Capability.REGEX_FULL,
        Capability.TEXT,
        Capability.UNIQUE,
        Capability.ATOMIC,
        Capability.ATOMIC_MANY,
    }
)


class SqliteAdapter(Adapter):
    """Documents in SQLite files, `<data_dir>/<service>.db`.

    :param max_open_files: how many services' files are open at once; each has up to 1 + `readers` connections.
    :param readers: how many reads of one service run at once.
    :param busy_timeout_s: how long to wait for another process's lock on a file.
    :param max_file_pages: the size in pages (of 4,096 bytes) at which a file counts as full; None: when the disk is.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        max_open_files: int = 64,
        readers: int = 2,
        busy_timeout_s: float = 5.0,
        max_file_pages: int | None = None,
    ) -> None:
        if max_open_files < 1 or readers < 1:
            raise ValueError("max_open_files and readers are at least 1")
        self._data_dir = data_dir
        settings = Settings(busy_timeout_s, max_file_pages)
        self.files = Files(data_dir, limit=max_open_files, readers=readers, settings=settings)
        self._is_open = False

    async def start(self) -> None:
        try:
            await asyncio.to_thread(self._data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise self._unusable() from None
        self._is_open = True
        await self.check()

    async def close(self) -> None:
        self._is_open = False
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
        lacking = sorted(required_by_indexes(spec.indexes) - CAPABILITIES)
        if lacking:
            raise _unsupported(lacking)
        check_collection(spec.target.collection)
        async with self.files.use(spec.target.service) as file:
            return await file.writer.run(partial(building.ensure, spec=spec))

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
        async with self.files.use(request.target.service) as file:
            return await file.writer.run(partial(writing.write, request=request), request.timeout_s)

    async def find(self, request: Find) -> Found:
        self._require_open()
        async with self.files.use(request.target.service) as file:
            return await file.readers.run(partial(finding.find, request=request), request.timeout_s)

    async def count(self, request: Count) -> int:
        self._require_open()
        async with self.files.use(request.target.service) as file:
            return await file.readers.run(partial(finding.count, request=request), request.timeout_s)

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
