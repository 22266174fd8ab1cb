"""How does PostgreSQL keep the adapter contract? Each call becomes statements on a connection of the pool."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import NamedTuple, TypeVar

from aol.data.v1.document_pb2 import Page
from aol_adapters.kit.gathering import Gathering
from aol_adapters.postgres import building, explaining, finding, getting, keyed, writing
from aol_adapters.postgres.builds import Builds
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.inserting import Item
from aol_adapters.postgres.settings import Settings
from aol_adapters.postgres.tenants import Place, Tenants
from aol_adapters.postgres.upkeep import Upkeep
from aol_wire.adapter import (
    Adapter,
    Capability,
    CollectionSpec,
    Count,
    Delete,
    Description,
    Ensured,
    Explanation,
    Find,
    Found,
    Insert,
    Outcome,
    Restore,
    Target,
    Update,
    Write,
)
from aol_wire.capabilities import required_by_filter, required_by_indexes, required_by_storage
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.gets import wanted_id
from aol_wire.indexes import IndexStatus
from aol_wire.names import check_collection

CAPABILITIES = frozenset(
    {
        Capability.REGEX,
        Capability.TEXT,
        Capability.TTL,
        Capability.UNIQUE,
        Capability.ATOMIC,
        Capability.ATOMIC_MANY,
        Capability.PARTITION,
        Capability.TENANCY,
        Capability.EXPLAIN,
    }
)

T = TypeVar("T")


class _Deletes(NamedTuple):
    """What deletes must have in common to be one statement."""

    place: Place
    soft: bool
    purge: bool


class PostgresAdapter(Adapter):
    """Documents in a PostgreSQL database: see `settings.Settings` for what can be chosen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings)
        self._builds = Builds()
        self._tenants = Tenants(settings, self._database, self._builds)
        self._upkeep = Upkeep(self._database, self._tenants, self._builds)
        self._inserts = Gathering[Place, Sequence[Item], list[Outcome]](self._insert_batch, writes=True)
        self._updates = Gathering[Place, Update, Outcome](self._update_batch, writes=True)
        self._deletes = Gathering[_Deletes, Delete, Outcome](self._delete_batch, writes=True)
        self._gets = Gathering[getting.Lane, Find, Found](self._get_batch, writes=False)
        self._is_open = False

    async def start(self) -> None:
        await self._database.open()
        self._is_open = True
        self._upkeep.start()

    async def close(self) -> None:
        self._is_open = False
        await self._upkeep.close()
        await self._builds.close()
        for gathering in (self._inserts, self._updates, self._deletes, self._gets):
            await gathering.close()
        await self._tenants.close()
        await self._database.close()

    async def describe(self) -> Description:
        versions = f"{version('aol-data-broker')} (asyncpg {version('asyncpg')})"
        return Description("postgres", versions, CAPABILITIES)

    async def check(self) -> None:
        self._require_open()
        await self._database.check()

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        self._require_open()
        _require(required_by_indexes(spec.indexes) | required_by_storage(spec.storage))
        check_collection(spec.target.collection)
        ensured = await building.ensure(self._database, self._builds, spec)
        async with self._tenants.all(spec.target, Deadline(None)) as places:
            async for place in places:
                theirs = replace(spec, target=place.target)
                more = await building.ensure(place.database, self._builds, theirs)
                ensured = replace(ensured, indexes=building.together(ensured.indexes, more.indexes))
        return ensured

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        self._require_open()
        found = await building.inspect(self._database, target)
        async with self._tenants.all(target, Deadline(None)) as places:
            async for place in places:
                found = building.together(found, await building.inspect(place.database, place.target))
        return found

    async def drop_collection(self, target: Target) -> None:
        self._require_open()
        try:
            async with self._tenants.all(target, Deadline(None)) as places:
                async for place in places:
                    await building.drop(place.database, place.target)
        except DataError as error:
            if error.reason is not Reason.COLLECTION_NOT_FOUND:
                raise
        await building.drop(self._database, target)
        self._tenants.forget(target)

    async def write(self, request: Write) -> list[Outcome]:
        self._require_open()
        until = Deadline(request.timeout_s)
        try:
            inserts = _check(request)
            place = self._tenants.here(request.target)
            if place is not None:
                return await self._write(place, request, until)
            async with self._tenants.use(request.target, until, make=inserts) as place:
                if place is None:
                    return [Outcome()] * len(request.mutations)
                return await self._write(place, replace(request, target=place.target), until)
        except DataError as error:
            error.applied = error.applied or Applied.NO
            raise

    async def find(self, request: Find) -> Found:
        self._require_open()
        _require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        place = self._tenants.here(request.target)
        if place is not None:
            return await self._find(place, request, until)
        async with self._tenants.use(request.target, until, make=False) as place:
            return Found(Page()) if place is None else await self._find(place, request, until)

    async def count(self, request: Count) -> int:
        self._require_open()
        _require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        async with self._tenants.use(request.target, until, make=False) as place:
            if place is None:
                return 0
            return await _read(place, until, lambda known: finding.count(place.database, known, request, until))

    async def explain(self, request: Find) -> Explanation:
        self._require_open()
        _require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        async with self._tenants.use(request.target, until, make=False) as found:
            place = found or Place(self._database, request.target)
            return await _read(place, until, lambda known: explaining.explain(place.database, known, request, until))

    async def sweep(self) -> int:
        """Do now what is done every `upkeep_interval_s`; return how many expired documents were removed."""
        self._require_open()
        return await self._upkeep.sweep()

    async def settle(self) -> None:
        """Wait until no index is being built by this adapter."""
        await self._builds.settle()

    async def _find(self, place: Place, request: Find, until: Deadline) -> Found:
        if wanted_id(request) is not None and await _has_one_of_each_id(place, until):
            lane = getting.Lane(place, request.deleted)
            return await self._gets.submit(lane, request, timeout_s=until.left())
        return await _read(place, until, lambda known: finding.find(place.database, known, request, until))

    async def _write(self, place: Place, request: Write, until: Deadline) -> list[Outcome]:
        await place.database.collection(place.target.service, place.target.collection, until)
        if request.atomic:
            return await writing.change_together(place.database, request, until)
        outcomes: list[Outcome] = []
        for run in writing.runs(request.mutations):
            try:
                if run.inserts:
                    outcomes += await self._insert(place, run.inserts, request.return_ids, until)
                else:
                    outcomes.append(await self._change(place, request, run.others[0], until))
            except DataError as error:
                if not outcomes:
                    raise
                # What came before is done, and keeps its outcomes.
                error.applied = error.applied or Applied.NO
                outcomes += [Outcome(error=error)] * len(run)
        return outcomes

    async def _insert(
        self, place: Place, inserts: Sequence[Insert], return_ids: bool, until: Deadline
    ) -> list[Outcome]:
        tenant = place.target.tenant or ""
        items = [Item(tenant, insert) for insert in inserts]
        weight = sum([len(insert.json) for insert in inserts])
        outcomes = await self._inserts.submit(place, items, weight=weight, timeout_s=until.left())
        if return_ids:
            return [
                Outcome(outcome.affected, outcome.was_duplicate, () if outcome.error else (insert.id,), outcome.error)
                for outcome, insert in zip(outcomes, inserts, strict=True)
            ]
        return outcomes

    async def _change(
        self, place: Place, request: Write, mutation: Update | Delete | Restore, until: Deadline
    ) -> Outcome:
        if place.target.tenant is None or keyed.id_of(mutation) is None or not await _has_one_of_each_id(place, until):
            return await writing.change(place.database, request, mutation, until)
        try:
            if isinstance(mutation, Update):
                outcome = await self._updates.submit(place, mutation, timeout_s=until.left())
            else:
                assert isinstance(mutation, Delete)  # noqa: S101 - a restore has no id
                lane = _Deletes(place, mutation.soft, mutation.purge)
                outcome = await self._deletes.submit(lane, mutation, timeout_s=until.left())
        except DataError as error:
            if error.reason is Reason.DEADLINE:
                raise
            error.applied = error.applied or Applied.NO
            return Outcome(error=error)
        return outcome if request.return_ids else replace(outcome, ids=())

    async def _update_batch(
        self, place: Place, batch: list[Update], timeout_s: float | None
    ) -> Sequence[Outcome | DataError]:
        """Make updates, of which several may be about one document: then one after the other."""
        until = Deadline(timeout_s)
        outcomes: list[Outcome | DataError | None] = [None] * len(batch)
        waiting = list(range(len(batch)))
        while waiting:
            first: dict[str | None, int] = {}
            for number in waiting:
                first.setdefault(keyed.id_of(batch[number]), number)
            numbers = list(first.values())
            done = await keyed.update_batch(place.database, place.target, [batch[it] for it in numbers], until)
            if done is None:
                done = await self._one_by_one(place, [batch[it] for it in numbers], until)
            for number, outcome in zip(numbers, done, strict=True):
                outcomes[number] = outcome
            waiting = [number for number in waiting if outcomes[number] is None]
        return [outcome or keyed.NONE for outcome in outcomes]

    async def _one_by_one(self, place: Place, updates: Sequence[Update], until: Deadline) -> list[Outcome | DataError]:
        request = Write(place.target, updates, return_ids=True)
        return [await writing.change(place.database, request, update, until) for update in updates]

    async def _delete_batch(
        self, lane: "_Deletes", batch: list[Delete], timeout_s: float | None
    ) -> Sequence[Outcome | DataError]:
        return await keyed.delete_batch(lane.place.database, lane.place.target, batch, Deadline(timeout_s))

    async def _insert_batch(
        self, place: Place, batch: list[Sequence[Item]], timeout_s: float | None
    ) -> list[list[Outcome]]:
        return await writing.insert_batch(place.database, place.target, batch, Deadline(timeout_s))

    async def _get_batch(self, lane: getting.Lane, batch: list[Find], timeout_s: float | None) -> list[Found]:
        until = Deadline(timeout_s)
        return await _read(lane.place, until, lambda known: getting.get(lane.place.database, known, lane, batch, until))

    def _require_open(self) -> None:
        if not self._is_open:
            raise DataError(Reason.ADAPTER_DOWN, "the PostgreSQL adapter is not started, or closed")


async def _read(place: Place, until: Deadline, work: Callable[[Collection], Awaitable[T]]) -> T:
    target = place.target

    async def once() -> T:
        return await work(await place.database.collection(target.service, target.collection, until))

    return await place.database.again(once, until, target)


async def _has_one_of_each_id(place: Place, until: Deadline) -> bool:
    """Return whether an id names one document: in a collection that a field partitions, each partition may have it."""
    known = await place.database.collection(place.target.service, place.target.collection, until)
    return known.partitioned is None or known.partitioned.path is None


def _check(request: Write) -> bool:
    """Return whether a request inserts anything.

    :raises DataError: CAPABILITY_UNSUPPORTED, BAD_REQUEST.
    """
    inserts = False
    for mutation in request.mutations:
        if not isinstance(mutation, Insert):
            _require(required_by_filter(mutation.filter))
        elif request.target.tenant is None:
            raise DataError.invalid(Reason.BAD_REQUEST, "target.tenant", "an insert needs one tenant")
        else:
            inserts = True
    return inserts


def _require(needed: frozenset[Capability]) -> None:
    lacking = sorted(needed - CAPABILITIES)
    if lacking:
        names = ", ".join(lacking)
        raise DataError(
            Reason.CAPABILITY_UNSUPPORTED, f"the PostgreSQL adapter lacks {names}", metadata={"capability": names}
        )
