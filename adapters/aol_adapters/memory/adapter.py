"""How does the memory adapter keep the contract? Every method in its plainest form."""

from collections.abc import Callable, Iterable
from importlib.metadata import version

from aol_adapters.memory.collection import Changes, Collection
from aol_adapters.memory.mutations import plan
from aol_adapters.memory.pages import page_of
from aol_wire.adapter import (
    Adapter,
    Capability,
    CollectionSpec,
    Count,
    Description,
    Ensured,
    Find,
    Found,
    Insert,
    Outcome,
    Target,
    Write,
)
from aol_wire.capabilities import required_by_filter, required_by_indexes, required_by_storage
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.ids import now_us
from aol_wire.indexes import IndexStatus

CAPABILITIES = frozenset(
    {
        Capability.REGEX,
        Capability.REGEX_FULL,
        Capability.TEXT,
        Capability.TTL,
        Capability.UNIQUE,
        Capability.ATOMIC,
        Capability.ATOMIC_MANY,
    }
)


class MemoryAdapter(Adapter):
    """Collections in this process's memory; they end with it.

    No method awaits anything, so each call is atomic.

    :param capabilities: what it declares, out of `CAPABILITIES`; fewer make it refuse the rest.
    :param clock: by which documents expire, in microseconds since 1970.
    """

    def __init__(
        self, capabilities: frozenset[Capability] = CAPABILITIES, *, clock: Callable[[], int] = now_us
    ) -> None:
        self._capabilities = capabilities & CAPABILITIES
        self._clock = clock
        self._collections: dict[tuple[str, str], Collection] = {}
        self._open = False

    async def start(self) -> None:
        self._open = True

    async def close(self) -> None:
        self._open = False
        self._collections.clear()

    async def describe(self) -> Description:
        return Description("memory", version("aol-data-broker"), self._capabilities)

    async def check(self) -> None:
        if not self._open:
            raise DataError(Reason.ADAPTER_DOWN, "the memory adapter is not started, or closed")

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        await self.check()
        self._require(required_by_indexes(spec.indexes) | required_by_storage(spec.storage))
        key = spec.target.service, spec.target.collection
        created = key not in self._collections
        collection = self._collections.setdefault(key, Collection())
        return Ensured(tuple(collection.ensure_index(index, self._clock()) for index in spec.indexes), created)

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        return (await self._opened(target, None)).statuses()

    async def drop_collection(self, target: Target) -> None:
        await self.check()
        self._collections.pop((target.service, target.collection), None)

    async def write(self, request: Write) -> list[Outcome]:
        collection = await self._opened(request.target, request.timeout_s)
        if request.atomic:
            self._require({Capability.ATOMIC})
        for mutation in request.mutations:
            if not isinstance(mutation, Insert):
                self._require(required_by_filter(mutation.filter))
            elif request.target.tenant is None:
                raise DataError.invalid(Reason.BAD_REQUEST, "target.tenant", "an insert needs one tenant")
        began_us = self._clock()
        outcomes: list[Outcome] = []
        undo: list[Changes] = []
        for mutation in request.mutations:
            collection.remove_expired(began_us)
            try:
                planned = plan(collection, request.target.tenant, mutation)
                undo.append(collection.put(planned.changes))
            except DataError as error:
                if request.atomic:
                    for changes in reversed(undo):
                        collection.put(changes)
                    error.applied = Applied.NO
                    raise
                outcomes.append(Outcome(error=error))
            else:
                outcomes.append(planned.outcome(request.return_ids))
        return outcomes

    async def find(self, request: Find) -> Found:
        collection = await self._opened(request.target, request.timeout_s)
        self._require(required_by_filter(request.filter))
        return page_of(collection.select(request.target.tenant, request.filter, request.deleted), request)

    async def count(self, request: Count) -> int:
        collection = await self._opened(request.target, request.timeout_s)
        self._require(required_by_filter(request.filter))
        return len(collection.select(request.target.tenant, request.filter, request.deleted))

    async def _opened(self, target: Target, timeout_s: float | None) -> Collection:
        await self.check()
        if timeout_s is not None and timeout_s <= 0:
            raise DataError(Reason.DEADLINE, "the caller's time was over before the call began")
        collection = self._collections.get((target.service, target.collection))
        if collection is None:
            raise DataError(Reason.COLLECTION_NOT_FOUND, "the adapter has no such collection; ensure it first")
        # Nobody has seen them since they expired, so this is as good as having removed them then.
        collection.remove_expired(self._clock())
        return collection

    def _require(self, needed: Iterable[Capability]) -> None:
        lacking = sorted(set(needed) - self._capabilities)
        if lacking:
            raise DataError(
                Reason.CAPABILITY_UNSUPPORTED,
                f"this adapter lacks the capability {', '.join(lacking)}",
                metadata={"capability": ",".join(lacking)},
            )
