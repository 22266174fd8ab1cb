"""A program for tests: the memory adapter with oddities that a collection's name asks for, and a switch for health."""

import asyncio
import os
import sys
from pathlib import Path

from aol_adapters.kit import serve
from aol_adapters.memory.adapter import MemoryAdapter
from aol_wire.adapter import Count, Outcome, Write
from aol_wire.errors import Applied, DataError, Reason, Violation

SECRET = "hunter2"


class ToyAdapter(MemoryAdapter):
    """`slow` never answers, `bug` fails on a bug, `long` fails with a long error, `die` ends the process."""

    async def start(self) -> None:
        if os.environ.get("TOY_START") == "fails":
            raise ValueError(SECRET)
        if os.environ.get("TOY_START") == "refuses":
            raise DataError(Reason.ADAPTER_DOWN, "The data folder belongs to a newer version.")
        await super().start()

    async def check(self) -> None:
        if Path(os.environ.get("TOY_SICK", "/nowhere")).exists():
            raise DataError(Reason.ADAPTER_DOWN, "The database does not answer.")
        await super().check()

    async def write(self, request: Write) -> list[Outcome]:
        await self._oddity(request.target.collection)
        return await super().write(request)

    async def count(self, request: Count) -> int:
        await self._oddity(request.target.collection)
        return await super().count(request)

    async def _oddity(self, collection: str) -> None:
        match collection:
            case "slow":
                Path(os.environ["TOY_MARK"]).write_text("entered")
                try:
                    await asyncio.Event().wait()
                finally:
                    Path(os.environ["TOY_MARK"]).write_text("left")
            case "draining":
                Path(os.environ["TOY_MARK"]).write_text("entered")
                while not Path(os.environ["TOY_GO"]).exists():
                    await asyncio.sleep(0.01)
            case "bug":
                raise KeyError(SECRET)
            case "long":
                violations = tuple(Violation(f"p{number}", "x" * 100) for number in range(1000))
                raise DataError(Reason.BAD_DOCUMENT, "y" * 100_000, violations=violations, applied=Applied.NO)
            case "die":
                os._exit(9)


if __name__ == "__main__":
    sys.exit(serve(ToyAdapter(), name="toy"))
