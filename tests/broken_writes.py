"""How can an adapter write wrongly, or not be what it says? The memory adapter with one lie each."""

from abc import abstractmethod
from dataclasses import replace

from aol_adapters.memory.adapter import CAPABILITIES, MemoryAdapter
from aol_wire.adapter import (
    Capability,
    CollectionSpec,
    Count,
    Delete,
    Description,
    Ensured,
    Find,
    Found,
    Insert,
    Mutation,
    Outcome,
    Restore,
    Target,
    Update,
    Write,
)
from aol_wire.filters import Compare, Operator
from aol_wire.indexes import IndexSpec, IndexStatus, IndexType
from aol_wire.storage import Storage


class DeclaresWhatItLacks(MemoryAdapter):
    """Declares regexes, and refuses them."""

    def __init__(self) -> None:
        super().__init__(CAPABILITIES - {Capability.REGEX, Capability.REGEX_FULL})

    async def describe(self) -> Description:
        return Description("liar", "1", CAPABILITIES)


class HidesWhatItHas(MemoryAdapter):
    """Does not declare what it answers nevertheless."""

    async def describe(self) -> Description:
        return Description("liar", "1", frozenset())


class DeclaresStorageItLacks(MemoryAdapter):
    """Declares partitions and tenancy, and refuses them."""

    async def describe(self) -> Description:
        return Description("liar", "1", CAPABILITIES | {Capability.PARTITION, Capability.TENANCY})


class TakesEveryStorage(MemoryAdapter):
    """Does not declare partitions and tenancy, and takes them nevertheless."""

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        return await super().ensure_collection(replace(spec, storage=Storage()))


class DeclaresEveryStorage(TakesEveryStorage):
    """Declares it, too, and takes every document into its partitions."""

    async def describe(self) -> Description:
        return Description("honest", "1", CAPABILITIES | {Capability.PARTITION, Capability.TENANCY})


class HasNoName(MemoryAdapter):
    """Does not say what it is."""

    async def describe(self) -> Description:
        return Description("", "", CAPABILITIES)


class DeletesInAllTenants(MemoryAdapter):
    """Deletes without looking at the tenant."""

    async def write(self, request: Write) -> list[Outcome]:
        if all(isinstance(mutation, Delete) for mutation in request.mutations):
            request = replace(request, target=replace(request.target, tenant=None))
        return await super().write(request)


class MixesServices(MemoryAdapter):
    """Keeps collections of the same name together, whatever their service."""

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        return await super().ensure_collection(replace(spec, target=_shared(spec.target)))

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        return await super().inspect_collection(_shared(target))

    async def drop_collection(self, target: Target) -> None:
        await super().drop_collection(_shared(target))

    async def write(self, request: Write) -> list[Outcome]:
        return await super().write(replace(request, target=_shared(request.target)))

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, target=_shared(request.target)))

    async def count(self, request: Count) -> int:
        return await super().count(replace(request, target=_shared(request.target)))


class _ChangesMutations(MemoryAdapter):
    """Applies other mutations than it was asked."""

    @abstractmethod
    def change(self, mutation: Mutation) -> Mutation:
        """Return what it makes of it."""

    async def write(self, request: Write) -> list[Outcome]:
        return await super().write(replace(request, mutations=[self.change(it) for it in request.mutations]))


class IgnoresMaxAffected(_ChangesMutations):
    """Changes more than it may."""

    def change(self, mutation: Mutation) -> Mutation:
        return mutation if isinstance(mutation, Insert) else replace(mutation, max_affected=None)


class IgnoresVersions(_ChangesMutations):
    """Changes whatever the version is."""

    def change(self, mutation: Mutation) -> Mutation:
        return replace(mutation, if_version=None) if isinstance(mutation, Update | Delete) else mutation


class DeletesForGood(_ChangesMutations):
    """Knows no soft delete."""

    def change(self, mutation: Mutation) -> Mutation:
        return replace(mutation, soft=False) if isinstance(mutation, Delete) else mutation


class PurgesTheLiving(_ChangesMutations):
    """Takes a purge for a delete."""

    def change(self, mutation: Mutation) -> Mutation:
        return replace(mutation, purge=False) if isinstance(mutation, Delete) else mutation


class KeepsItsOwnTime(_ChangesMutations):
    """Stamps with another moment than it was told."""

    def change(self, mutation: Mutation) -> Mutation:
        return mutation if isinstance(mutation, Restore) else replace(mutation, now_us=mutation.now_us + 1)


class IsNotAtomic(MemoryAdapter):
    """Applies an atomic write as far as it gets."""

    async def write(self, request: Write) -> list[Outcome]:
        outcomes = await super().write(replace(request, atomic=False))
        failed = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
        if request.atomic and failed is not None:
            raise failed
        return outcomes


class ForgetsStamps(MemoryAdapter):
    """Takes every document for a new one."""

    async def write(self, request: Write) -> list[Outcome]:
        mutations = [replace(it, stamps=None) if isinstance(it, Insert) else it for it in request.mutations]
        return await super().write(replace(request, mutations=mutations))


class RevivesTheDeleted(MemoryAdapter):
    """Inserts what was soft-deleted elsewhere as if it were not."""

    async def write(self, request: Write) -> list[Outcome]:
        return await super().write(replace(request, mutations=[_living(it) for it in request.mutations]))


class HandsNothingOver(MemoryAdapter):
    """Leaves owners and access control lists as they are."""

    async def write(self, request: Write) -> list[Outcome]:
        mutations = [replace(it, acl=None, owner=None) if isinstance(it, Update) else it for it in request.mutations]
        return await super().write(replace(request, mutations=mutations))


class TakesAbsentAccessForEmpty(MemoryAdapter):
    """Removes the owner and the access control list that an update does not speak of."""

    async def write(self, request: Write) -> list[Outcome]:
        mutations = [
            replace(it, acl=it.acl or "", owner=it.owner or "") if isinstance(it, Update) else it
            for it in request.mutations
        ]
        return await super().write(replace(request, mutations=mutations))


class HandsOverWithRepeatedInserts(MemoryAdapter):
    """Gives a document that is there the owner and the list of an insert that repeats it."""

    async def write(self, request: Write) -> list[Outcome]:
        outcomes = await super().write(request)
        for mutation, outcome in zip(request.mutations, outcomes, strict=True):
            if isinstance(mutation, Insert) and outcome.was_duplicate:
                same = Compare(("_id",), Operator.EQ, mutation.id)
                handed = Update(same, (), mutation.now_us, acl=mutation.acl, owner=mutation.owner)
                await super().write(replace(request, mutations=[handed]))
        return outcomes


class OverwritesOnInsert(MemoryAdapter):
    """Replaces a document that has the id."""

    async def write(self, request: Write) -> list[Outcome]:
        for mutation in request.mutations:
            if isinstance(mutation, Insert):
                same = Compare(("_id",), Operator.EQ, mutation.id)
                await super().write(replace(request, mutations=[Delete(same, mutation.now_us)]))
        return await super().write(request)


class EnforcesNothing(MemoryAdapter):
    """Keeps unique indexes as if they were plain ones."""

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        plain = tuple(_plain(index) for index in spec.indexes)
        ensured = await super().ensure_collection(replace(spec, indexes=plain))
        statuses = zip(ensured.indexes, spec.indexes, strict=True)
        return replace(ensured, indexes=tuple(replace(status, spec=index) for status, index in statuses))


class NeverExpires(MemoryAdapter):
    """Keeps documents whose time is over."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 0)


class NeverDrops(MemoryAdapter):
    """Keeps what is dropped."""

    async def drop_collection(self, target: Target) -> None:
        await self.check()


class AlwaysCreates(MemoryAdapter):
    """Says of every collection that it made it."""

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        return replace(await super().ensure_collection(spec), created=True)


class TellsWhatIsStored(MemoryAdapter):
    """Repeats a document in an error."""

    async def write(self, request: Write) -> list[Outcome]:
        outcomes = await super().write(request)
        for mutation, outcome in zip(request.mutations, outcomes, strict=True):
            if isinstance(mutation, Insert) and outcome.error is not None:
                outcome.error.message = f"cannot insert {mutation.json}"
        return outcomes


def _living(mutation: Mutation) -> Mutation:
    if not isinstance(mutation, Insert) or mutation.stamps is None:
        return mutation
    return replace(mutation, stamps=replace(mutation.stamps, deleted_us=0))


def _shared(target: Target) -> Target:
    return replace(target, service="all")


def _plain(index: IndexSpec) -> IndexSpec:
    if index.type is not IndexType.UNIQUE:
        return index
    return replace(index, type=IndexType.ASCENDING if len(index.fields) == 1 else IndexType.COMPOUND)
