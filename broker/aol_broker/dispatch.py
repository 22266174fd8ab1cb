"""How does a request reach its adapter?"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from aol_broker.backends import Backends, spec_of, target_of
from aol_broker.registry.move_changes import moving
from aol_broker.registry.snapshot import CollectionRecord, Snapshot
from aol_broker.registry.store import Registry
from aol_broker.scope import Scope
from aol_wire.adapter import Adapter, Count, Deleted, Ensured, Explanation, Find, Found, Mutation, Outcome, Write
from aol_wire.errors import DataError, Reason
from aol_wire.indexes import IndexStatus

T = TypeVar("T")


class Dispatch:
    """Hands requests to the adapter of their collection. What would change one that is being copied is refused."""

    def __init__(self, backends: Backends, registry: Registry) -> None:
        self._backends = backends
        self._registry = registry
        self._dropping: set[str] = set()

    async def ensure(self, record: CollectionRecord) -> Ensured:
        """Make sure that the adapter has the collection and its indexes.

        :raises DataError: OVERLOADED while it is being copied.
        """
        _refuse_moving(record, self._registry.snapshot)
        return await self._backends.of(record).adapter.ensure_collection(spec_of(record))

    async def inspect(self, record: CollectionRecord) -> tuple[IndexStatus, ...]:
        """Return how the indexes of a collection stand."""
        return await self._call(record, lambda adapter: adapter.inspect_collection(target_of(record)))

    @contextmanager
    def dropping(self, record: CollectionRecord) -> Iterator[None]:
        """While a collection is dropped, a call that does not find it must not make it again."""
        self._dropping.add(record.collection_id)
        try:
            yield
        finally:
            self._dropping.discard(record.collection_id)

    async def drop(self, record: CollectionRecord) -> None:
        """Drop a collection with its documents; one that is not there is fine."""
        await self._backends.of(record).adapter.drop_collection(target_of(record))

    async def count_all(self, record: CollectionRecord, *, timeout_s: float) -> int:
        """Return how many documents a collection holds: of all tenants, soft-deleted ones too."""
        everywhere = replace(target_of(record), tenant=None)
        return await self.count(record, Count(everywhere, None, Deleted.INCLUDE, timeout_s))

    async def write(
        self,
        record: CollectionRecord,
        scope: Scope,
        mutations: Sequence[Mutation],
        *,
        timeout_s: float,
        atomic: bool = False,
    ) -> list[Outcome]:
        """Apply mutations, which keep to the scope already, to a collection; one outcome each.

        :raises DataError: OVERLOADED while it is being copied; REGISTRY_UNAVAILABLE when that cannot be known.
        """
        # What passes leaves for its adapter at most `KNOWN_WITHIN_S` after a copy has begun, and ends with its call.
        _refuse_moving(record, await self._registry.known())
        request = Write(scope.target(record), mutations, atomic, timeout_s=timeout_s)
        return await self._call(record, lambda adapter: adapter.write(request))

    async def write_one(
        self, record: CollectionRecord, scope: Scope, mutation: Mutation, *, timeout_s: float
    ) -> Outcome:
        """Apply one mutation.

        :raises DataError: the mutation failed.
        """
        outcome = (await self.write(record, scope, (mutation,), timeout_s=timeout_s))[0]
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def find(self, record: CollectionRecord, request: Find) -> Found:
        """Return one page."""
        return await self._call(record, lambda adapter: adapter.find(request))

    async def count(self, record: CollectionRecord, request: Count) -> int:
        """Return how many documents match."""
        return await self._call(record, lambda adapter: adapter.count(request))

    async def explain(self, record: CollectionRecord, request: Find) -> Explanation:
        """Return how a query is answered."""
        return await self._call(record, lambda adapter: adapter.explain(request))

    async def _call(self, record: CollectionRecord, call: Callable[[Adapter], Awaitable[T]]) -> T:
        adapter = self._backends.of(record).adapter
        try:
            return await call(adapter)
        except DataError as error:
            if error.reason is not Reason.COLLECTION_NOT_FOUND or self._ends(record):
                raise
        # The registry knows the collection and the database does not: a new database, or one that keeps nothing over
        # a restart. Nothing was applied, so making it and asking again is safe.
        await adapter.ensure_collection(spec_of(record))
        return await call(adapter)

    def _ends(self, record: CollectionRecord) -> bool:
        """Whether a collection is being dropped, or was, since the call on it began."""
        id_ = record.collection_id
        return id_ in self._dropping or id_ not in self._registry.snapshot.collections


def _refuse_moving(record: CollectionRecord, snapshot: Snapshot) -> None:
    """Look at the newest snapshot: what holds is where the collection is now, not where it was when the call came."""
    now = snapshot.collections.get(record.collection_id, record)
    if now.moving_to or now.adapter != record.adapter:
        raise moving(now)
