"""What would a broker be without its audit log? This program, which only the benchmark runs: nothing else turns it off.

`python -m benchmarks.unaudited --config FILE` serves as `aol serve --config FILE` does, and records nothing.
"""

import asyncio
import sys
from pathlib import Path

from aol_broker.audit.background import AuditBackground
from aol_broker.audit.log import AuditLog, Intent
from aol_broker.audit.record import AuditRecord
from aol_broker.audit.signing import read_or_make_signing_key
from aol_broker.logs import configure
from aol_broker.running import run
from aol_broker.server import Broker
from aol_broker.settings import load_settings


class _Nothing(AuditLog):
    """Lets every call through, and keeps nothing of it."""

    def check(self) -> None:
        """Let the call through."""

    def intend(self, record: AuditRecord) -> Intent:
        """Let the write through."""
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return Intent(self, 0, done)

    async def complete(self, record: AuditRecord) -> None:
        """Let the answer through."""


class _Unaudited(Broker):
    async def _open_audit(self, background: AuditBackground) -> AuditLog:
        return _Nothing(
            self.settings.audit_dir,
            key=read_or_make_signing_key(self.settings.audit_key_file),
            broker_id=self.settings.broker_id,
        )


async def _say_ready(broker: Broker) -> None:
    print(f"ready on {broker.endpoint}", flush=True)


def main() -> None:
    """Run the broker of a configuration file until it is told to stop."""
    import uvloop

    settings = load_settings(Path(sys.argv[sys.argv.index("--config") + 1]))
    configure(settings.log.level, settings.log.format)
    uvloop.run(run(settings, _say_ready, make=_Unaudited))


if __name__ == "__main__":
    main()
