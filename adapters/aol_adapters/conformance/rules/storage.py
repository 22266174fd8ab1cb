"""Does a collection answer the same, however it is kept?"""

import uuid
from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, CollectionSpec
from aol_wire.errors import Reason
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage, Tenancy

_DAY_US = 86_400_000_000


@rule(Topic.STORAGE, Capability.PARTITION)
async def partitions_together_are_one_collection(trial: Trial) -> None:
    """Documents of different partitions are found, counted, changed and deleted together, in order."""
    for interval in PartitionInterval:
        new = await _kept(trial, Storage(CREATED_AT, interval))
        ids = [_id_at(number * 40 * _DAY_US) for number in range(4)]
        for number, id_ in enumerate(ids):
            insertion = replace(new.insertion(id_, {"n": 3 - number}), now_us=number * 40 * _DAY_US)
            await new.apply(insertion)
        expect_equal("in order", await new.ids(None, "n"), ids[::-1])
        expect_equal("by their ids", await new.ids({"_id": {"$in": ids[1:3]}}), ids[1:3])
        expect_equal("by their times", await new.ids({"_created_at": {"$gte": "1970-03-22T00:00:00Z"}}), ids[2:])
        expect_equal("updated", await new.update({"n": {"$gte": 2}}, {"m": 1}), 2)
        expect_equal("deleted", await new.delete({"m": {"$exists": False}}), 2)
        expect_equal("left", await new.count(), 2)


@rule(Topic.STORAGE, Capability.PARTITION)
async def an_insert_into_partitions_can_be_repeated(trial: Trial) -> None:
    """By `created_at`, the id decides: a repeated insert meets the first one, whenever it comes; an id that says no
    time, or one far from now, is BAD_DOCUMENT."""
    new = await _kept(trial, Storage(CREATED_AT, PartitionInterval.DAY))
    id_ = _id_at(_DAY_US - 1000)
    first = replace(new.insertion(id_, {"n": 1}), now_us=_DAY_US - 1000)
    expect("it is new", not (await new.apply(first)).was_duplicate)
    expect("it is there, on the next day too", (await new.apply(replace(first, now_us=_DAY_US))).was_duplicate)
    for id_, what in (("1", "an id of the caller's own"), (_id_at(400 * _DAY_US), "an id of another year")):
        await expect_refusal(what, new.apply(replace(first, id=id_)), Reason.BAD_DOCUMENT)


@rule(Topic.STORAGE, Capability.PARTITION)
async def a_field_decides_where_a_document_lies(trial: Trial) -> None:
    """Partitioned by a field, a document without a date-time there is BAD_DOCUMENT; one whose time changes moves."""
    hint = {"at": "datetime"}
    new = trial.beside()
    storage = Storage("at", PartitionInterval.MONTH)
    await new.adapter.ensure_collection(CollectionSpec(new.target, hint, storage=storage))
    await new.insert("1", {"at": "2024-01-31T23:59:59.999999Z"})
    await new.insert("2", {"at": "2024-02-01T00:00:00.000000Z"})
    wrongs: tuple[Document, ...] = ({}, {"at": "soon"}, {"at": 1}, {"at": None})
    for wrong in wrongs:
        await expect_refusal(f"{wrong}", new.apply(new.insertion("3", wrong)), Reason.BAD_DOCUMENT)
    expect_equal("early", await new.ids({"at": {"$lt": "2024-02-01T00:00:00.000000Z"}}), ["1"])
    expect_equal("moved", await new.update({"_id": "1"}, {"at": "2025-06-01T00:00:00.000000Z"}), 1)
    expect_equal("in order of time", await new.ids(None, "at"), ["2", "1"])
    expect_equal("late", await new.ids({"at": {"$gt": "2025-01-01T00:00:00.000000Z"}}), ["1"])
    await expect_refusal("no time any more", new.apply(new.change({"_id": "1"}, {"at": 0})), Reason.BAD_DOCUMENT)


@rule(Topic.STORAGE, Capability.PARTITION)
async def what_is_not_kept_is_not_taken(trial: Trial) -> None:
    """With `retain_for_s`, a document whose partition would be over already is BAD_DOCUMENT."""
    hint = {"at": "datetime"}
    new = trial.beside()
    storage = Storage("at", PartitionInterval.DAY, 30 * 86_400)
    await new.adapter.ensure_collection(CollectionSpec(new.target, hint, storage=storage))
    old = new.insertion("1", {"at": "2001-01-01T00:00:00.000000Z"})
    await expect_refusal("a document of 2001", new.apply(old), Reason.BAD_DOCUMENT)


@rule(Topic.STORAGE, Capability.TENANCY)
async def tenants_that_are_kept_apart_do_not_meet(trial: Trial) -> None:
    """With a schema or a database for each tenant, each sees its own documents alone, also under the same id."""
    for tenancy in (Tenancy.SCHEMA, Tenancy.DATABASE):
        new = await _kept(trial, Storage(tenancy=tenancy))
        for tenant in ("north", "south"):
            await new.at(tenant=tenant).insert("1", {"of": tenant})
        for tenant in ("north", "south"):
            expect_equal(f"of {tenant}", (await new.at(tenant=tenant).get("1"))["of"], tenant)


def _id_at(us: int) -> str:
    """Return a UUIDv7 of a time, given in microseconds since 1970."""
    return str(uuid.UUID(int=(us // 1000 << 80) | (7 << 76) | (0b10 << 62) | 1))


async def _kept(trial: Trial, storage: Storage) -> Trial:
    """Return a trial of an empty collection that is kept so; made twice, which makes it once."""
    new = trial.beside()
    spec = CollectionSpec(new.target, storage=storage)
    expect("it is created", (await new.adapter.ensure_collection(spec)).created)
    expect("made again, it is not", not (await new.adapter.ensure_collection(spec)).created)
    return new


RULES: tuple[Rule, ...] = (
    partitions_together_are_one_collection,
    an_insert_into_partitions_can_be_repeated,
    a_field_decides_where_a_document_lies,
    what_is_not_kept_is_not_taken,
    tenants_that_are_kept_apart_do_not_meet,
)
