"""How does PostgreSQL keep the adapter contract? Each call becomes statements on a connection of the pool."""

from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import TypeVar

from aol_adapters.kit.gathering import Gathering
from aol_adapters.postgres import building, explaining, finding, getting, writing
from aol_adapters.postgres.builds import Builds
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.database import Database, Deadline
from aol_adapters.postgres.inserting import Item, item
from aol_adapters.postgres.settings import Settings
from aol_adapters.postgres.upkeep import Upkeep
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
from aol_wire.capabilities import required_by_filter, required_by_indexes
from aol_wire.errors import Applied, DataError, Reason
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
        Capability.EXPLAIN,
    }
)

T = TypeVar("T")


class PostgresAdapter(Adapter):
    """Documents in a PostgreSQL database: see `settings.Settings` for what can be chosen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings)
        self._builds = Builds(self._database)
        self._upkeep = Upkeep(self._database, self._builds)
        self._inserts = Gathering[Target, Sequence[Item], list[Outcome]](self._insert_batch, writes=True)
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
        await self._inserts.close()
        await self._gets.close()
        await self._database.close()

    async def describe(self) -> Description:
        versions = f"{version('aol-data-broker')} (asyncpg {version('asyncpg')})"
        return Description("postgres", versions, CAPABILITIES)

    async def check(self) -> None:
        self._require_open()
        await self._database.check()

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        self._require_open()
        _require(required_by_indexes(spec.indexes))
        check_collection(spec.target.collection)
        return await building.ensure(self._database, self._builds, spec)

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        self._require_open()
        return await building.inspect(self._database, target)

    async def drop_collection(self, target: Target) -> None:
        self._require_open()
        await building.drop(self._database, target)

    async def write(self, request: Write) -> list[Outcome]:
        self._require_open()
        try:
            return await self._write(request, Deadline(request.timeout_s))
        except DataError as error:
            error.applied = error.applied or Applied.NO
            raise

    async def find(self, request: Find) -> Found:
        self._require_open()
        if getting.wanted_id(request) is not None:
            lane = getting.Lane(request.target, request.deleted)
            return await self._gets.submit(lane, request, timeout_s=request.timeout_s)
        _require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        return await self._read(
            request.target, until, lambda known: finding.find(self._database, known, request, until)
        )

    async def count(self, request: Count) -> int:
        self._require_open()
        _require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        return await self._read(
            request.target, until, lambda known: finding.count(self._database, known, request, until)
        )

    async def explain(self, request: Find) -> Explanation:
        self._require_open()
        _require(required_by_filter(request.filter))
        until = Deadline(request.timeout_s)
        return await self._read(
            request.target, until, lambda known: explaining.explain(self._database, known, request, until)
        )

    async def sweep(self) -> int:
        """Do now what is done every `upkeep_interval_s`; return how many expired documents were removed."""
        self._require_open()
        return await self._upkeep.sweep()

    async def settle(self) -> None:
        """Wait until no index is being built by this adapter."""
        await self._builds.settle()

    async def _write(self, request: Write, until: Deadline) -> list[Outcome]:
        target = request.target
        for mutation in request.mutations:
            if not isinstance(mutation, Insert):
                _require(required_by_filter(mutation.filter))
            elif target.tenant is None:
                raise DataError.invalid(Reason.BAD_REQUEST, "target.tenant", "an insert needs one tenant")
        await self._database.collection(target.service, target.collection, until)
        if request.atomic:
            return await writing.change_together(self._database, request, until)
        outcomes: list[Outcome] = []
        for run in writing.runs(request):
            try:
                outcomes += await self._write_run(request, run, until)
            except DataError as error:
                if not outcomes:
                    raise
                # What came before is done, and keeps its outcomes.
                error.applied = error.applied or Applied.NO
                outcomes += [Outcome(error=error)] * len(run)
        return outcomes

    async def _write_run(self, request: Write, run: writing.Run, until: Deadline) -> list[Outcome]:
        if not run.inserts:
            mutation = run.others[0]
            return [await writing.change(self._database, request, mutation, until)]
        items = [item(request.target.tenant or "", insert) for insert in run.inserts]
        weight = sum(len(item.text) for item in items)
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
        return await writing.insert_batch(self._database, target, batch, Deadline(timeout_s))

    async def _get_batch(self, lane: getting.Lane, batch: list[Find], timeout_s: float | None) -> list[Found]:
        until = Deadline(timeout_s)
        return await self._read(
            lane.target, until, lambda known: getting.get(self._database, known, lane, batch, until)
        )

    async def _read(self, target: Target, until: Deadline, work: Callable[[Collection], Awaitable[T]]) -> T:
        async def once() -> T:
            return await work(await self._database.collection(target.service, target.collection, until))

        return await self._database.again(once, until, target)

    def _require_open(self) -> None:
        if not self._is_open:
            raise DataError(Reason.ADAPTER_DOWN, "the PostgreSQL adapter is not started, or closed")


def _require(needed: frozenset[Capability]) -> None:
    lacking = sorted(needed - CAPABILITIES)
    if lacking:
        names = ", ".join(lacking)
        raise DataError(
            Reason.CAPABILITY_UNSUPPORTED, f"the PostgreSQL adapter lacks {names}", metadata={"capability": names}
        )
