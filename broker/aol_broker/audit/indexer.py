"""Who sees to it that closed audit files get their indexes? A task that runs the program which makes them."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import structlog

from aol_broker import programs

_PROGRAM = "aol_broker.audit.indexing"
# After a failure, and to notice an index that was lost or damaged.
_AGAIN_EVERY_S = 600.0

_log = structlog.get_logger("aol.audit")


class Indexer:
    """Keeps the indexes of an audit folder. Nothing waits for it: a search without an index takes longer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._due = asyncio.Event()

    def wake(self) -> None:
        """Say that a file was closed. To be called in the event loop; does nothing else."""
        self._due.set()

    async def run(self, every_s: float = _AGAIN_EVERY_S) -> None:
        """Make what is missing, now, whenever a file was closed, and now and then; until cancelled."""
        while True:
            self._due.clear()
            await self.once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), every_s)

    async def once(self) -> None:
        """Make what is missing."""
        # A process of its own: decoding all records of a file in a thread would take turns with the calls.
        try:
            # Killed half-way it does no harm: an index is put in its place when it is whole.
            ended = await programs.run((sys.executable, "-m", _PROGRAM, str(self._directory)), stderr=True)
        except OSError as error:
            _log.warning("audit files cannot be indexed", error=error.strerror)
            return
        if ended.returncode:
            lines = ended.stderr.decode(errors="replace").splitlines()
            _log.warning("audit files cannot be indexed", error=lines[-1] if lines else f"exit {ended.returncode}")
