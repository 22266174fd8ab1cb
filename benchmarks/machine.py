"""On what machine was it measured? What tells whether two runs can be compared, and whether this one was disturbed."""

import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SYNCS = 50


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine before the run.

    :ivar load: how many processes wanted a core, on the average of the last minute.
    :ivar sync_ms: how long half of the syncs of a small write took at most; next to nothing means that they are not
        durable, as on a disk in memory.
    """

    cores: int
    system: str
    python: str
    load: float
    sync_ms: float

    def as_json(self) -> dict[str, Any]:
        """Return it as `--json` shows it."""
        return asdict(self)

    def sentence(self) -> str:
        """Return it for people."""
        disturbed = ". Others are using this machine: believe no figure" if self.load > self.cores / 2 else ""
        return (
            f"{self.cores} cores, {self.system}, Python {self.python}; load {self.load:.1f} before the run, "
            f"a sync takes {self.sync_ms:.2f} ms{disturbed}."
        )


def look_at(folder: Path) -> Machine:
    """Return what the machine is like whose disk holds a folder."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=platform.system(),
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
        sync_ms=round(_sync_ms(folder / "sync"), 3),
    )


def _sync_ms(path: Path) -> float:
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 512)
            started = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return statistics.median(took)
