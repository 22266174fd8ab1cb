"""How do a broker's counts get to the registry? Every few seconds, and at the stop; they wait while it is away."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar

import structlog

from aol_broker.registry.store import Registry
from aol_broker.registry.usage_store import Kept, UsageStore
from aol_broker.settings_sections import UsageSettings
from aol_broker.usage.counter import HOUR_US, Count, Counter
from aol_broker.usage.rows import Names, ShapeKey, UseKey, rows_of
from aol_broker.usage.uses import Uses
from aol_wire.errors import DataError
from aol_wire.garbage import collecting_nothing

WAITING_ROWS_MAX = 100_000
"""While the registry is away, counts are kept in memory up to so many rows; what needs more rows is not counted."""
_FOLD_EVERY_S = 3600.0
_STOP_TIMEOUT_S = 0.9

K = TypeVar("K")

_log = structlog.get_logger("aol.usage")


class UsageKeeper:
    """Counts the calls of one broker. `counter` is what the line notes them in."""

    def __init__(self, registry: Registry, settings: UsageSettings, clock: Callable[[], float] = time.time) -> None:
        """:param clock: seconds since 1970, by which what is old is folded and removed."""
        self.counter = Counter()
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._store = UsageStore(registry.database)
        self._names = Names()
        self._uses: defaultdict[UseKey, Count] = defaultdict(Count)
        self._shapes: defaultdict[ShapeKey, Count] = defaultdict(Count)
        self._flushing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_away = False
        self._left_out = 0

    async def run(self) -> None:
        """Write counts down from time to time, and tidy up, for as long as this runs."""
        next_fold = 0.0
        while True:
            await asyncio.sleep(self._settings.flush_every_s)
            if await self._try_flush() and time.monotonic() >= next_fold:
                next_fold = time.monotonic() + _FOLD_EVERY_S
                await self._try_fold()

    async def stop(self) -> None:
        """Write down what came last, as far as that is quick."""
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._try_flush()
        except TimeoutError:
            _log.warning("uses of the last seconds are not counted: the registry does not answer in time")
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def load(
        self,
        since_us: int = 0,
        *,
        collection_ids: Collection[str] | None = None,
        service: str = "",
        paths: bool = True,
        shapes: bool = True,
    ) -> Uses:
        """Return what was used since a moment: by the callers of this broker until now, by others' a while ago.

        :param collection_ids: of which collections; of all when not given.
        :param service: by whom; by all when not given.
        :param paths: whether the paths that calls name are wanted, or the calls themselves only.
        :param shapes: whether the shapes of filters are wanted.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        await self.flush()
        kept_from_us = int((self._clock() - self._settings.keep_for_s) * 1e6)
        since_us = max(since_us, kept_from_us)
        with collecting_nothing():
            return await self._store.load(since_us, collection_ids, service, paths=paths, shapes=shapes)

    async def load_around(self, service: str, since_us: int = 0) -> Uses:
        """Return the calls of all on the collections of a service, and its own on those of others, without paths.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        await self.flush()
        owned, others = set[str](), set[str]()
        for id_ in await self._store.collections():
            (owned if id_.partition(".")[0] == service else others).add(id_)
        on_owned = await self.load(since_us, collection_ids=owned, paths=False, shapes=False)
        own = await self.load(since_us, collection_ids=others, service=service, paths=False, shapes=False)
        return Uses(on_owned.since_us, {**own.by_collection, **on_owned.by_collection}, {})

    async def flush(self) -> None:
        """Add what was counted to the registry. It goes on when its caller is cancelled, as the end of a call may be.

        Where the answer to a commit is lost, the counts are added again with the next ones: they may be twice there.

        :raises DataError: REGISTRY_UNAVAILABLE; the counts wait.
        """
        task = asyncio.create_task(self._flush())
        self._tasks.add(task)
        task.add_done_callback(self._flushed)
        await asyncio.shield(task)

    async def fold(self) -> None:
        """Add old hours up to days, and remove what is older than anything that is kept."""
        # Names that went make room for others.
        self._names = Names()
        hour = int(self._clock() * 1e6) // HOUR_US
        settings = self._settings
        await self._store.fold(Kept(hour - settings.keep_hours_for_s // 3600, hour - settings.keep_for_s // 3600))

    async def _flush(self) -> None:
        async with self._flushing:
            counts = self.counter.take()
            unseen = self._names.unseen(used.collection_id for used in counts)
            try:
                if unseen:
                    self._names.learn(unseen, *await self._store.names(unseen))
            finally:
                # Without what the database holds more names may be kept than it needs; better than to lose the counts.
                # In a thread, as there may be many.
                collections = self._registry.snapshot.collections
                uses, shapes = await asyncio.to_thread(rows_of, counts, collections, self._names)
                self._left_out += _merge(uses, self._uses) + _merge(shapes, self._shapes)
            await self._write()

    def _flushed(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Reading the exception keeps asyncio from reporting it when the caller was cancelled.
            task.exception()

    async def _write(self) -> None:
        if not self._uses and not self._shapes:
            return
        uses, self._uses = self._uses, defaultdict(Count)
        shapes, self._shapes = self._shapes, defaultdict(Count)
        try:
            await self._store.add(uses, shapes)
        except BaseException:
            self._left_out += _merge(uses, self._uses) + _merge(shapes, self._shapes)
            raise

    async def _try_flush(self) -> bool:
        try:
            await self.flush()
        except DataError as error:
            if not self._is_away:
                _log.warning("uses cannot be written down; they are kept in memory", reason=error.message)
            self._is_away = True
            return False
        if self._left_out:
            _log.warning("uses are not counted: too many different ones waited", rows=self._left_out)
        self._is_away, self._left_out = False, 0
        return True

    async def _try_fold(self) -> None:
        try:
            await self.fold()
        except DataError as error:
            _log.warning("old uses cannot be added up now; it is tried again", reason=error.message)


def _merge(counts: "dict[K, Count]", waiting: "defaultdict[K, Count]") -> int:
    """Add counts to those that wait, and return how many had no place."""
    left_out = 0
    for key, count in counts.items():
        if key not in waiting and len(waiting) >= WAITING_ROWS_MAX:
            left_out += 1
        else:
            waiting[key].add(count.calls, count.last_us)
    return left_out
