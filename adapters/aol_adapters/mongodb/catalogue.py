"""Which collections and indexes are there? One document a collection, in the database `<prefix>`.

Every change raises the document's `generation`, and is made only to the generation that was read. A collection that is
dropped and made again is another one, which `made` tells.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from pymongo.errors import DuplicateKeyError

from aol_adapters.kit.access import declared, is_access
from aol_adapters.mongodb.naming import Place, place_of, shared_place
from aol_adapters.mongodb.server import Document, Server
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Path
from aol_wire.indexes import IndexField, IndexSpec, IndexState, IndexStatus, IndexType
from aol_wire.storage import Storage, Tenancy

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as its catalogue says.

    :ivar tenants: those that have a place of their own, and
    :ivar making: those of them whose place may lack something yet; nobody has written there.
    :ivar made: tells the collection from others of its name, before and after it.
    :ivar going_until_us: it is being dropped, and to all but who does so it is not there; until then (microseconds
        since 1970) nobody else takes that over. 0 when it is there.
    :ivar ready: the indexes of values that are ready, and
    :ivar indexed: their paths.
    :ivar checked: the indexes whose rule holds for what is written: those that are ready or being built.
    :ivar access: the indexes of `kit.access` that are ready; of the others they are only in `indexes` and
    :ivar kept: all that are ready or being built.
    :ivar expiring: the ttl indexes.
    :ivar uniques: the unique indexes.
    :ivar words: the paths whose words are kept, and
    :ivar ready_words: the text indexes that `$text` looks into.
    """

    service: str
    name: str
    generation: int
    indexes: tuple[IndexStatus, ...] = ()
    storage: Storage = field(default_factory=Storage)
    tenants: frozenset[str] = frozenset()
    making: frozenset[str] = frozenset()
    made: str = field(default_factory=lambda: secrets.token_hex(8))
    going_until_us: int = 0
    ready: tuple[IndexSpec, ...] = field(init=False)
    indexed: frozenset[Path] = field(init=False)
    checked: tuple[IndexSpec, ...] = field(init=False)
    access: frozenset[IndexSpec] = field(init=False)
    kept: tuple[IndexSpec, ...] = field(init=False)
    expiring: tuple[IndexSpec, ...] = field(init=False)
    uniques: tuple[IndexSpec, ...] = field(init=False)
    words: tuple[Path, ...] = field(init=False)
    ready_words: tuple[IndexSpec, ...] = field(init=False)

    def __post_init__(self) -> None:
        all_kept = tuple(it.spec for it in self.indexes if it.state is not IndexState.FAILED)
        all_ready = [it.spec for it in self.indexes if it.state is IndexState.READY]
        ready, kept = declared(all_ready), declared(all_kept)
        values = tuple(spec for spec in ready if spec.type is not IndexType.TEXT)
        texts = [spec for spec in kept if spec.type is IndexType.TEXT]
        derived = {
            "ready": values,
            "indexed": frozenset(part.path for spec in values for part in spec.fields),
            "checked": kept,
            "access": frozenset(filter(is_access, all_ready)),
            "kept": all_kept,
            "expiring": tuple(spec for spec in ready if spec.type is IndexType.TTL),
            "uniques": tuple(spec for spec in kept if spec.type is IndexType.UNIQUE),
            "words": tuple(dict.fromkeys(part.path for spec in texts for part in spec.fields)),
            "ready_words": tuple(spec for spec in ready if spec.type is IndexType.TEXT),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def is_going(self) -> bool:
        """Whether it is being dropped."""
        return self.going_until_us != 0

    def with_status(self, status: IndexStatus) -> "Collection":
        """Return the collection with an index as it stands now."""
        others = [status if it.spec == status.spec else it for it in self.indexes]
        known = any(it.spec == status.spec for it in self.indexes)
        return replace(self, indexes=tuple(others if known else [*others, status]))

    def with_whole(self, tenant: str) -> "Collection":
        """Return the collection with a tenant's place that lacks nothing."""
        return replace(self, making=self.making - {tenant})


class Catalogue:
    """Reads and changes the catalogue; what it says is believed for a second."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._prefix = server.settings.prefix
        self._known: dict[str, tuple[float, Collection]] = {}

    def forget(self) -> None:
        """Read the catalogue anew from here on."""
        self._known.clear()

    def place(self, known: Collection, tenant: str | None) -> Place:
        """Return where the documents of a tenant are; None stands for all tenants, which are together then."""
        return place_of(self._prefix, known.service, known.name, known.storage.tenancy, tenant or "")

    def places(self, known: Collection) -> list[Place]:
        """Return every place that a collection has."""
        own = [self.place(known, tenant) for tenant in sorted(known.tenants)]
        return [shared_place(self._prefix, known.service, known.name), *own]

    async def collection(self, target: Target) -> Collection:
        """Return a collection, as it was at most a second ago.

        :raises DataError: COLLECTION_NOT_FOUND.
        """
        id_ = _id(target.service, target.collection)
        entry = self._known.get(id_)
        now = monotonic()
        if entry is not None and now - entry[0] < self._server.settings.catalogue_age_s:
            return entry[1]
        known = await self.read(target)
        if known is None or known.is_going:
            self._known.pop(id_, None)
            raise DataError(Reason.COLLECTION_NOT_FOUND, f"the collection {target.collection!r} was not made here yet")
        self._known[id_] = now, known
        return known

    async def read(self, target: Target) -> Collection | None:
        """Return a collection as it is now, also one that is being dropped; None when it is not there."""
        found = await self._stored().find_one({"_id": _id(target.service, target.collection)})
        return None if found is None else _collection(found)

    async def current(self, known: Collection) -> Collection | None:
        """Return a collection that was read before as it is now; None when it is gone, though there be another one."""
        now = await self.read(Target(known.service, known.name))
        return None if now is None or now.is_going or now.made != known.made else now

    async def read_all(self) -> list[Collection]:
        """Return all collections."""
        return [_collection(found) async for found in self._stored().find({}).sort("_id")]

    async def add(self, known: Collection) -> bool:
        """Record a collection; false when there is one of the name."""
        try:
            await self._stored().insert_one(_document(known))
        except DuplicateKeyError:
            return False
        self.forget()
        return True

    async def put(self, known: Collection) -> bool:
        """Record a collection as the generation after the one that was read; false when it has changed meanwhile."""
        condition = {**_entry(known), "generation": known.generation}
        changed = _document(replace(known, generation=known.generation + 1))
        result = await self._stored().replace_one(condition, changed)
        self.forget()
        return bool(result.matched_count == 1)

    async def put_status(self, known: Collection, status: IndexStatus) -> None:
        """Record how an index stands, in whatever generation there is of the collection that it was built for."""
        for _ in range(_ATTEMPTS):
            now = await self.current(known)
            if now is None or await self.put(now.with_status(status)):
                return
        raise _contended()

    async def add_tenant(self, target: Target, tenant: str) -> Collection:
        """Record that a tenant's own place is being made, if it has none, and return the collection.

        :raises DataError: COLLECTION_NOT_FOUND.
        """
        for _ in range(_ATTEMPTS):
            self.forget()
            known = await self.collection(target)
            if tenant in known.tenants:
                return known
            if await self.put(replace(known, tenants=known.tenants | {tenant}, making=known.making | {tenant})):
                return await self.collection(target)
        raise _contended()

    async def remove(self, known: Collection) -> None:
        """Forget a collection."""
        await self._stored().delete_one(_entry(known))
        self.forget()

    def _stored(self) -> Any:
        return self._server.collection(self._prefix, "collections")


def _contended() -> DataError:
    return DataError(Reason.OVERLOADED, "the collection is being changed; repeat in a moment", retry_after_s=1.0)


def _id(service: str, name: str) -> str:
    return f"{service}/{name}"


def _entry(known: Collection) -> Document:
    return {"_id": _id(known.service, known.name), "made": known.made}


def _document(known: Collection) -> Document:
    storage = known.storage
    return {
        **_entry(known),
        "service": known.service,
        "name": known.name,
        "generation": known.generation,
        "storage": {"tenancy": storage.tenancy.value, "shard_key": storage.shard_key},
        "tenants": sorted(known.tenants),
        "making": sorted(known.making),
        "going_until_us": known.going_until_us,
        "indexes": [
            {
                "type": it.spec.type.value,
                "fields": [{"path": list(part.path), "descending": part.descending} for part in it.spec.fields],
                "expire_after_s": it.spec.expire_after_s,
                "state": it.state.value,
                "offenders": it.offenders,
            }
            for it in known.indexes
        ],
    }


def _collection(found: Document) -> Collection:
    return Collection(
        found["service"],
        found["name"],
        found["generation"],
        tuple(_statuses(found["indexes"])),
        Storage(tenancy=Tenancy(found["storage"]["tenancy"]), shard_key=found["storage"]["shard_key"]),
        frozenset(found["tenants"]),
        frozenset(found["making"]),
        found["made"],
        found["going_until_us"],
    )


def _statuses(found: Iterable[Document]) -> Iterable[IndexStatus]:
    for it in found:
        fields = tuple(IndexField(tuple(part["path"]), part["descending"]) for part in it["fields"])
        spec = IndexSpec(fields, IndexType(it["type"]), it["expire_after_s"])
        yield IndexStatus(spec, IndexState(it["state"]), it["offenders"])
