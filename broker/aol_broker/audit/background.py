"""What goes on behind the audit log? Sinks, anchors, indexes, retention, each at its own pace.

None has a part in any call.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from aol_broker.audit.anchor_places import configured_place
from aol_broker.audit.anchors import Anchors
from aol_broker.audit.indexer import Indexer
from aol_broker.audit.log import AuditLog
from aol_broker.audit.retention import Limits, Retention
from aol_broker.audit.signing import PUBLIC_KEY_FILE, read_public_key
from aol_broker.audit.sinks.follower import SinkStatus
from aol_broker.audit.sinks.running import Sinks
from aol_broker.settings_sections import AuditSettings

ANCHOR = "anchor"
"""The name of the one anchor that can be configured."""

_CANCEL_WAIT_S = 1.0


class AuditBackground:
    """The workers of one log: `start` once it is open, `leave` before it is closed, `stop` after that."""

    def __init__(self, settings: AuditSettings, broker_id: str) -> None:
        """:raises SettingsError: a sink cannot be used as it is configured."""
        self._settings = settings
        self._sinks = Sinks(settings.sinks, broker_id)
        self._anchors: Anchors | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, log: AuditLog) -> None:
        """Begin, each where it had come to before."""
        self._sinks.start(log)
        place = configured_place(self._settings.anchor, self._sinks.places().__getitem__)
        if place is not None:
            self._anchors = Anchors(log, *place, every_s=self._settings.anchor.every_s)
            self._keep_running(self._anchors.run())
        self._tidy(log)

    def _tidy(self, log: AuditLog) -> None:
        """Have closed files indexed, and removed when they are too many or too old."""
        limits = Limits(self._settings.retain_bytes, self._settings.retain_for_s)
        key = read_public_key(log.directory / PUBLIC_KEY_FILE)
        retention = Retention(
            log.directory, limits, log, key, anchored_seq=self._anchored_seq, drained_seq=self._drained_seq
        )
        indexer = Indexer(log.directory)

        def wake(path: Path, line: bytes) -> None:
            indexer.wake()
            retention.wake()

        log.on_closed(wake)
        self._keep_running(indexer.run())
        self._keep_running(retention.run())

    def _anchored_seq(self) -> int | None:
        return None if self._anchors is None else self._anchors.anchored_seq

    def _drained_seq(self) -> int | None:
        return min((sink.seq for sink in self._sinks.statuses()), default=None)

    def _keep_running(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def leave(self) -> None:
        """Begin nothing new."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_WAIT_S)

    async def stop(self) -> None:
        """Anchor and deliver what came last, as far as that is quick."""
        if self._anchors is not None:
            await self._anchors.stop()
        await self._sinks.stop()

    def sinks(self) -> Sequence[SinkStatus]:
        """Return how far each sink is."""
        return self._sinks.statuses()

    def anchors(self) -> Mapping[str, Anchors]:
        """Return the anchors by name."""
        return {} if self._anchors is None else {ANCHOR: self._anchors}
