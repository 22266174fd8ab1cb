"""How is a collection seeded? SeedCollection."""

import asyncio
from dataclasses import asdict

from aol.admin.v1 import seed_pb2 as pb
from aol_broker.backends import Backends
from aol_broker.commands import known, newest
from aol_broker.commands.manifests import parse_aside
from aol_broker.dispatch import Dispatch
from aol_broker.manifest.declaration import Seed
from aol_broker.registry.manifest_history import ManifestHistory
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Principal, Request
from aol_broker.seeding.preparing import SeededDocument, prepare
from aol_broker.seeding.storing import Seeding
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason

SEED_SECRET = "seed-ids"  # noqa: S105 - the name of one


class SeedCollection:
    """Stores what the newest manifest seeds a collection with, and nothing else."""

    def __init__(self, registry: Registry, backends: Backends, dispatch: Dispatch) -> None:
        self._registry = registry
        self._history = ManifestHistory(registry)
        self._backends = backends
        self._dispatch = dispatch

    async def admit(
        self, request: Request[pb.SeedCollectionRequest], record: CollectionRecord | None
    ) -> list[SeededDocument]:
        """Put the values of the variables in, and check every document."""
        record = await newest(self._registry, known(record))
        if record.security.tenant or record.security.owner:
            raise DataError.invalid(
                Reason.BAD_REQUEST,
                "collection",
                f"documents of '{record.collection_id}' are somebody's, by its security, and are not seeded",
            )
        secret = await self._registry.secret(SEED_SECRET)
        seeds = await self._seeds(record, request.principal)
        return await asyncio.to_thread(prepare, seeds, dict(request.arguments.variables), record, secret)

    async def dispatch(
        self, request: Request[pb.SeedCollectionRequest], record: CollectionRecord | None, work: list[SeededDocument]
    ) -> Answer:
        """Store them."""
        record = known(record)
        description = self._backends.of(record).description
        atomic = description is not None and Capability.ATOMIC in description.capabilities
        seeding = Seeding(self._dispatch, record, lambda: request.remaining_s, atomic=atomic)
        seeded = asdict(await seeding.store(work))
        return Answer(pb.SeedCollectionResponse(**seeded), seeded["inserted"] + seeded["updated"], seeded)

    async def _seeds(self, record: CollectionRecord, principal: Principal) -> tuple[Seed, ...]:
        versions = await self._history.versions(record.service)
        keys = [(record.service, versions[0].version)] if versions else []
        for key, text in (await self._history.texts(keys)).items():
            manifest = await parse_aside(text, f"{key[0]} version {key[1]}", principal)
            for collection in manifest.collections:
                if collection.name == record.name and collection.seeds:
                    return collection.seeds
        raise DataError.invalid(
            Reason.BAD_REQUEST, "collection", f"the newest manifest of {record.service} has no seeds for it"
        )
