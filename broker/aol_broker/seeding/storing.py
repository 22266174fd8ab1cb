"""Which of a collection's seeded documents have to be stored, and what became of them?

Every step leaves the collection so that the same again goes on: ids do not change, and whether the collection is empty
is decided before anything is stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from aol_broker.dispatch import Dispatch
from aol_broker.manifest.declaration import SeedCondition
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.scope import WHOLE
from aol_broker.seeding.preparing import SeededDocument
from aol_wire.adapter import Deleted, Find, Insert, Mutation, Outcome, Update
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import And, Compare, Filter, Json, Member, Operator, Or
from aol_wire.ids import now_us
from aol_wire.limits import MEMBERSHIP_MAX_VALUES
from aol_wire.metadata import ID
from aol_wire.updates import Set, Unset, UpdateOperation
from aol_wire.values import equal, get


@dataclass(slots=True)
class Seeded:
    """What became of the documents."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Stored:
    """A document that is there."""

    id: str
    document: dict[str, Json]
    version: int
    deleted: bool


class Seeding:
    """Stores the documents of one collection's seeds. `seeded` counts what was done, also when it fails."""

    def __init__(
        self, dispatch: Dispatch, record: CollectionRecord, left_s: Callable[[], float], *, atomic: bool
    ) -> None:
        """`atomic`: the adapter can store many documents as one; `left_s` returns what is left of the call's time."""
        self.seeded = Seeded()
        self._dispatch = dispatch
        self._record = record
        self._left_s = left_s
        self._atomic = atomic

    async def store(self, documents: Sequence[SeededDocument]) -> Seeded:
        """Store what is to be stored.

        :raises DataError: it failed; its message says how many documents are stored nevertheless.
        """
        try:
            await self._fill([item for item in documents if item.condition is SeedCondition.IF_EMPTY])
            await self._complete([item for item in documents if item.condition is not SeedCondition.IF_EMPTY])
        except DataError as error:
            raise self._told(error) from None
        return self.seeded

    async def _fill(self, documents: Sequence[SeededDocument]) -> None:
        """Store documents if the collection is empty.

        They are stored all at once; where an adapter cannot, a collection that holds none but them counts as empty.
        """
        if not documents:
            return
        held = await self._dispatch.count_all(self._record, timeout_s=self._left_s())
        there = await self._by_id([item.id for item in documents]) if held and not self._atomic else {}
        if held > len(there):
            self.seeded.skipped += len(documents)
            return
        self.seeded.unchanged += len(there)
        await self._insert([item for item in documents if item.id not in there], atomic=self._atomic)

    async def _complete(self, documents: Sequence[SeededDocument]) -> None:
        """Store documents that are not there, and bring those to their content that always have it."""
        by_id = await self._by_id([item.id for item in documents if not item.key])
        missing: list[SeededDocument] = []
        updates: list[Update] = []
        for item in documents:
            found = await self._by_key(item) if item.key else by_id.get(item.id)
            if found is None:
                missing.append(item)
            elif found.deleted or item.condition is SeedCondition.IF_MISSING:
                self.seeded.skipped += 1
            elif (update := _bringing(found, item)) is None:
                self.seeded.unchanged += 1
            else:
                updates.append(update)
        await self._insert(missing)
        for outcome in await self._write(updates):
            _raise(outcome.error or (None if outcome.affected else _changed_meanwhile()))
            self.seeded.updated += 1

    async def _insert(self, documents: Sequence[SeededDocument], *, atomic: bool = False) -> None:
        now = now_us()
        outcomes = await self._write([Insert(item.id, item.json, now) for item in documents], atomic=atomic)
        failures: list[DataError] = []
        for item, outcome in zip(documents, outcomes, strict=True):
            if outcome.error is None:
                self.seeded.unchanged += outcome.was_duplicate
                self.seeded.inserted += not outcome.was_duplicate
            elif outcome.error.reason is Reason.DUPLICATE_ID and item.condition is SeedCondition.IF_MISSING:
                self.seeded.skipped += 1  # somebody stored it meanwhile
            else:
                failures.append(outcome.error)
        _raise(failures[0] if failures else None)

    async def _write(self, mutations: Sequence[Mutation], *, atomic: bool = False) -> list[Outcome]:
        if not mutations:
            return []
        return await self._dispatch.write(self._record, WHOLE, mutations, timeout_s=self._left_s(), atomic=atomic)

    async def _by_id(self, ids: Sequence[str]) -> dict[str, _Stored]:
        found: dict[str, _Stored] = {}
        for start in range(0, len(ids), MEMBERSHIP_MAX_VALUES):
            wanted = Member((ID,), tuple(ids[start : start + MEMBERSHIP_MAX_VALUES]))
            found.update({item.id: item for item in await self._find(wanted)})
        return found

    async def _by_key(self, item: SeededDocument) -> _Stored | None:
        """Return the document that has the key; or the one that was stored for it and has another key by now."""
        same: list[Filter] = [Compare(path, Operator.EQ, value) for path, value in item.key]
        has_key = same[0] if len(same) == 1 else And(tuple(same))
        found = await self._find(Or((has_key, Compare((ID,), Operator.EQ, item.id))), most=2)
        keyed = [one for one in found if all(equal(get(one.document, path), value) for path, value in item.key)]
        return next(iter(keyed or found), None)

    async def _find(self, wanted: Filter, most: int = MEMBERSHIP_MAX_VALUES) -> list[_Stored]:
        found: list[_Stored] = []
        position = b""
        while True:
            request = Find(
                self._record.target,
                wanted,
                limit=most,
                position=position,
                deleted=Deleted.INCLUDE,
                timeout_s=self._left_s(),
            )
            answer = await self._dispatch.find(self._record, request)
            page = answer.page
            for number, identifier in enumerate(page.id):
                deleted = bool(page.deleted_us) and page.deleted_us[number] != 0
                found.append(_Stored(identifier, orjson.loads(page.json[number]), page.version[number], deleted))
            position = answer.next_position
            if not position or len(found) >= most:
                return found

    def _told(self, error: DataError) -> DataError:
        stored = self.seeded.inserted + self.seeded.updated
        done = (
            f"{stored:,} of the seeded documents are stored" if stored != 1 else "1 of the seeded documents is stored"
        )
        error.message = f"{error.message.rstrip('.')}. {done}; applying again goes on."
        if stored:
            error.applied = Applied.YES
        return error


def _bringing(found: _Stored, item: SeededDocument) -> Update | None:
    """Return what brings a document to its content; None when it has it."""
    wanted: dict[str, Json] = orjson.loads(item.json)
    steps: list[UpdateOperation] = [
        Set((key,), value) for key, value in wanted.items() if key not in found.document or _differ(found, key, value)
    ]
    steps += [Unset((key,)) for key in found.document if key not in wanted]
    if not steps:
        return None
    only = Compare((ID,), Operator.EQ, found.id)
    return Update(only, tuple(steps), now_us(), if_version=found.version)


def _differ(found: _Stored, key: str, value: Json) -> bool:
    return not equal(found.document[key], value)


def _changed_meanwhile() -> DataError:
    return DataError(
        Reason.VERSION_MISMATCH, "A document was changed by somebody else while it was seeded", applied=Applied.NO
    )


def _raise(error: DataError | None) -> None:
    if error is not None:
        raise error
