"""How does MongoDB keep the adapter contract? Each call becomes commands to the server's primary."""

from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import TypeVar

from aol.data.v1.document_pb2 import Page
from aol_adapters.kit.access import declared
from aol_adapters.kit.gathering import Gathering
from aol_adapters.mongodb import building, explaining, finding, getting, preparing
from aol_adapters.mongodb.builds import Builds
from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.holders import Item
from aol_adapters.mongodb.inserting import item
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.server import Deadline, Server
from aol_adapters.mongodb.settings import Settings
from aol_adapters.mongodb.upkeep import Upkeep
from aol_adapters.mongodb.writing import Run, Writing, runs
from aol_wire.adapter import (
    Adapter,
    Capability,
    CollectionSpec,
    Count,
    Description,
    Ensured,
    Explanation,
    Find,
    Found,
    Insert,
    Outcome,
    Target,
    Write,
)
from aol_wire.capabilities import required_by_filter, required_by_indexes, required_by_storage
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.indexes import IndexStatus
from aol_wire.names import check_collection
from aol_wire.storage import Tenancy

CAPABILITIES = frozenset({Capability.REGEX, Capability.TTL, Capability.UNIQUE, Capability.TENANCY, Capability.EXPLAIN})
"""What it has with any server. With what the connected one does besides, it has more."""

T = TypeVar("T")


class MongodbAdapter(Adapter):
    """Documents in MongoDB: see `settings.Settings` for what can be chosen."""

    def __init__(self, settings: Settings) -> None:
        self._server = Server(settings)
        self._catalogue = Catalogue(self._server)
        self._builds = Builds(self._server, self._catalogue)
        self._upkeep = Upkeep(self._server, self._catalogue, self._builds)
        self._writing = Writing(self._server, self._catalogue)
        self._inserts = Gathering[Target, Sequence[Item], list[Outcome]](self._insert_batch, writes=True)
        self._gets = Gathering[getting.Lane, Find, Found](self._get_batch, writes=False, max_items=getting.MOST_IDS)
        self._is_open = False

    async def start(self) -> None:
        self._server.open()
        self._is_open = True
        self._upkeep.start()

    async def close(self) -> None:
        self._is_open = False
        await self._upkeep.close()
        await self._builds.close()
        await self._inserts.close()
        await self._gets.close()
        await self._server.close()

    async def describe(self) -> Description:
        self._require_open()
        versions = f"{version('aol-data-broker')} (pymongo {version('pymongo')})"
        return Description("mongodb", versions, await self._capabilities())

    async def check(self) -> None:
        self._require_open()
        await self._server.check()

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        self._require_open()
        await self._require(required_by_indexes(spec.indexes) | required_by_storage(spec.storage))
        check_collection(spec.target.collection)

        async def work() -> Ensured:
            return await building.ensure(self._server, self._catalogue, self._builds, spec)

        return await self._again(work, Deadline(None))

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        self._require_open()

        async def work() -> tuple[IndexStatus, ...]:
            self._catalogue.forget()
            return declared((await self._catalogue.collection(target)).indexes)

        return await self._again(work, Deadline(None))

    async def drop_collection(self, target: Target) -> None:
        self._require_open()
        await self._again(lambda: building.drop(self._server, self._catalogue, target), Deadline(None))

    async def write(self, request: Write) -> list[Outcome]:
        self._require_open()
        until = Deadline(request.timeout_s)
        try:
            until.left()
            await self._check(request)
            makes = any(isinstance(mutation, Insert) for mutation in request.mutations)
            if await self._place(request.target, until, make=makes) is None:
                return [Outcome()] * len(request.mutations)
            return await self._write(request, until)
        except DataError as error:
            error.applied = error.applied or Applied.NO
            raise

    async def find(self, request: Find) -> Found:
        self._require_open()
        await self._require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        if getting.wanted_id(request) is not None:
            lane = getting.Lane(request.target, request.deleted)
            return await self._gets.submit(lane, request, timeout_s=until.left())
        found = await self._read(
            request.target, until, lambda place, known: finding.find(self._server, place, known, request)
        )
        return found or Found(Page())

    async def count(self, request: Count) -> int:
        self._require_open()
        await self._require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        counted = await self._read(
            request.target, until, lambda place, known: finding.count(self._server, place, known, request)
        )
        return counted or 0

    async def explain(self, request: Find) -> Explanation:
        self._require_open()
        await self._require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        explained = await self._read(
            request.target, until, lambda place, known: explaining.explain(self._server, place, known, request)
        )
        return explained or Explanation(True, True, None, 0, 0, 0)

    async def sweep(self) -> int:
        """Do now what is done every `upkeep_interval_s`; return how many expired documents were removed."""
        self._require_open()
        return await self._upkeep.sweep()

    async def settle(self) -> None:
        """Wait until no index is being built by this adapter."""
        await self._builds.settle()

    async def _capabilities(self) -> frozenset[Capability]:
        able = await self._server.abilities()
        together = {Capability.ATOMIC, Capability.ATOMIC_MANY} if able.transactions else set()
        spread = {Capability.SHARDING} if able.sharded else set()
        return CAPABILITIES | together | spread | ({Capability.TEXT} if able.text else set())

    async def _require(self, needed: frozenset[Capability]) -> None:
        if needed <= CAPABILITIES:
            return
        lacking = sorted(needed - await self._capabilities())
        if lacking:
            names = ", ".join(lacking)
            raise DataError(
                Reason.CAPABILITY_UNSUPPORTED,
                f"the MongoDB adapter lacks {names}, with the server that it is connected to"
                + (": shards are reached through a mongos" if Capability.SHARDING in lacking else ""),
                metadata={"capability": names},
            )

    async def _check(self, request: Write) -> None:
        if request.atomic:
            await self._require(frozenset({Capability.ATOMIC}))
        for mutation in request.mutations:
            if not isinstance(mutation, Insert):
                await self._require(required_by_filter(mutation.filter))
            elif request.target.tenant is None:
                raise DataError.invalid(Reason.BAD_REQUEST, "target.tenant", "an insert needs one tenant")

    async def _write(self, request: Write, until: Deadline) -> list[Outcome]:
        if request.atomic:
            return await self._writing.change_together(request, until)
        outcomes: list[Outcome] = []
        for run in runs(request):
            try:
                outcomes += await self._write_run(request, run, until)
            except DataError as error:
                if not outcomes:
                    raise
                # What came before is done, and keeps its outcomes.
                error.applied = error.applied or Applied.NO
                outcomes += [Outcome(error=error)] * len(run)
        return outcomes

    async def _write_run(self, request: Write, run: Run, until: Deadline) -> list[Outcome]:
        if not run.inserts:
            return [await self._writing.change(request, run.others[0], until)]
        items = [item(request.target.tenant or "", insert) for insert in run.inserts]
        weight = sum(len(insert.json) for insert in run.inserts)
        outcomes = await self._inserts.submit(request.target, items, weight=weight, timeout_s=until.left())
        if request.return_ids:
            return [
                Outcome(outcome.affected, outcome.was_duplicate, () if outcome.error else (insert.id,), outcome.error)
                for outcome, insert in zip(outcomes, run.inserts, strict=True)
            ]
        return outcomes

    async def _insert_batch(
        self, target: Target, batch: list[Sequence[Item]], timeout_s: float | None
    ) -> list[list[Outcome]]:
        return await self._writing.insert_batch(target, batch, Deadline(timeout_s))

    async def _get_batch(self, lane: getting.Lane, batch: list[Find], timeout_s: float | None) -> list[Found]:
        found = await self._read(
            lane.target,
            Deadline(timeout_s),
            lambda place, known: getting.get(self._server, place, known, lane, batch),
        )
        return found or [Found(Page()) for _ in batch]

    async def _read(
        self, target: Target, until: Deadline, work: Callable[[Place, Collection], Awaitable[T]]
    ) -> T | None:
        """Return what is read of a collection; None when the tenant has no place of its own there yet."""

        async def once() -> T | None:
            place = await self._place(target, until, make=False)
            return None if place is None else await work(place, await self._catalogue.collection(target))

        return await self._again(once, until)

    async def _place(self, target: Target, until: Deadline, *, make: bool) -> Place | None:
        """Return where the documents of a request are; None when that is not there yet, and is not to be made.

        :raises DataError: CAPABILITY_UNSUPPORTED for a request across tenants that are kept apart.
        """
        with self._server.within(until):
            known = await self._catalogue.collection(target)
            tenancy = known.storage.tenancy
            if tenancy is not Tenancy.SHARED and target.tenant is None:
                raise DataError(
                    Reason.CAPABILITY_UNSUPPORTED,
                    f"the collection keeps each tenant in a {tenancy.value} of its own, and a call goes to one of them",
                    metadata={"capability": "tenancy"},
                )
            if tenancy is not Tenancy.SHARED and target.tenant and target.tenant not in known.tenants - known.making:
                if not make:
                    return None
                await preparing.make_of_tenant(self._server, self._catalogue, target, target.tenant)
            return self._catalogue.place(known, target.tenant)

    async def _again(self, work: Callable[[], Awaitable[T]], until: Deadline) -> T:
        try:
            return await self._server.again(work, until, self._catalogue.forget)
        except DataError as error:
            error.applied = None
            raise

    def _require_open(self) -> None:
        if not self._is_open:
            raise DataError(Reason.ADAPTER_DOWN, "the MongoDB adapter is not started, or closed")
