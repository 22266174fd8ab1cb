"""How are the indexes of collections built? One after the other; readers and writers go on meanwhile."""

import asyncio
from contextvars import Context

import structlog
from pymongo.errors import DuplicateKeyError

from aol_adapters.kit.access import ACLS_INDEX, is_access
from aol_adapters.mongodb import indexing
from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.preparing import prepare
from aol_adapters.mongodb.server import Deadline, Server
from aol_wire.adapter import Target
from aol_wire.errors import DataError
from aol_wire.faults import describe_fault
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType

_ATTEMPTS = 3

_log = structlog.get_logger("aol.adapter")


class Builds:
    """Builds what the catalogue says is BUILDING. Several adapters may do so at once: MongoDB makes an index once.

    Before an index is built, the server holds to its rule what is written: what does not fit is there already.
    """

    def __init__(self, server: Server, catalogue: Catalogue) -> None:
        self._server = server
        self._catalogue = catalogue
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def build(self, target: Target, known: Collection, *, is_new: bool) -> None:
        """Build what is to be built of a collection: now, or if it is large in the background."""
        task = self.begin(target)
        if is_new or not await self._is_large(known):
            # A caller who gives up does not end the build, and one whose server is slow need not wait for it.
            await asyncio.wait([task], timeout=self._server.settings.at_once_s)

    def begin(self, target: Target) -> "asyncio.Task[None]":
        """Build in the background."""
        key = target.service, target.collection
        task = self._tasks.get(key)
        if task is None:
            # Without the deadline of the call that began it.
            task = asyncio.get_running_loop().create_task(self._run(target), context=Context())
            self._tasks[key] = task
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return task

    async def settle(self) -> None:
        """Wait until there is nothing to build."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Stop. What is half built is begun again at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, target: Target) -> None:
        try:
            with self._server.within(Deadline(None)):
                done: set[tuple[str, IndexSpec]] = set()
                known = None
                while (known := await self._next(target, known, done)) is not None:
                    spec = _waiting(known, done)[0]
                    done.add((known.made, spec))
                    offenders = await self._build(known, spec)
                    state = IndexState.FAILED if offenders else IndexState.READY
                    await self._catalogue.put_status(known, IndexStatus(spec, state, offenders))
        except DataError as error:
            _log.warning(
                "adapter.build_failed", service=target.service, collection=target.collection, reason=error.reason.value
            )
        except Exception as error:  # a driver's text may hold what a user stored
            _log.error(
                "adapter.build_failed",
                service=target.service,
                collection=target.collection,
                fault=describe_fault(error),
            )

    async def _next(
        self, target: Target, last: Collection | None, done: set[tuple[str, IndexSpec]]
    ) -> Collection | None:
        """Return a collection in which something is still to be built, with all of its places held to the rules of what
        there is: also of what is to be built, and no more of what failed; None when all is done."""
        known = await self._catalogue.read(target)
        if known is None or known.is_going:
            return None
        if last is None or (last.made, last.checked) != (known.made, known.checked):
            known = await prepare(self._server, self._catalogue, known)
        return known if known is not None and _waiting(known, done) else None

    async def _build(self, known: Collection, spec: IndexSpec) -> int:
        """Build an index in every place of its collection; return how many documents stand in its way."""
        offenders = 0
        for place in self._catalogue.places(known):
            offenders += await self._build_at(place, known, spec)
        return offenders

    async def _build_at(self, place: Place, known: Collection, spec: IndexSpec) -> int:
        for _ in range(_ATTEMPTS):
            offenders = await self._offenders(place, known, spec)
            if offenders:
                return offenders
            if spec.type is IndexType.TEXT:
                # By then every writer knows of the index, and keeps the words of what it writes.
                await asyncio.sleep(self._server.settings.catalogue_age_s)
                await indexing.fill_words(self._server, place, known)
            if spec == ACLS_INDEX:
                await indexing.fill_access(self._server, place)
            try:
                await indexing.create(self._server, place, spec)
            except DuplicateKeyError:
                continue
            return 0
        return 1

    async def _offenders(self, place: Place, known: Collection, spec: IndexSpec) -> int:
        if is_access(spec) or await self._server.collection(*place).find_one({}, {"_id": 1}) is None:
            return 0
        offenders = await indexing.count_misfits(self._server, place, known, spec)
        if spec.type is IndexType.UNIQUE:
            await indexing.remove_expired(self._server, place, known)
            offenders += await indexing.count_repeats(self._server, place, known, spec)
        return offenders

    async def _is_large(self, known: Collection) -> bool:
        size = 0
        for place in self._catalogue.places(known):
            size += await self._server.collection(*place).estimated_document_count()
        return size > self._server.settings.at_once_up_to


def _waiting(known: Collection, done: set[tuple[str, IndexSpec]]) -> list[IndexSpec]:
    building = [it.spec for it in known.indexes if it.state is IndexState.BUILDING]
    return [spec for spec in building if (known.made, spec) not in done]
