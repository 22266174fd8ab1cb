"""Does a collection answer the same, however it is kept?"""

from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Capability, CollectionSpec
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage, Tenancy

_DAY_US = 86_400_000_000


@rule(Topic.STORAGE, Capability.PARTITION)
async def partitions_together_are_one_collection(trial: Trial) -> None:
    """Documents of different partitions are found, counted, changed and deleted together, in order."""
    for interval in PartitionInterval:
        new = await _kept(trial, Storage(CREATED_AT, interval))
        for number in range(4):
            insertion = replace(new.insertion(f"{number}", {"n": 3 - number}), now_us=number * 40 * _DAY_US)
            await new.apply(insertion)
        expect_equal("in order", await new.ids(None, "n"), ["3", "2", "1", "0"])
        expect_equal("updated", await new.update({"n": {"$gte": 2}}, {"m": 1}), 2)
        expect_equal("deleted", await new.delete({"m": {"$exists": False}}), 2)
        expect_equal("left", await new.count(), 2)


@rule(Topic.STORAGE, Capability.TENANCY)
async def tenants_that_are_kept_apart_do_not_meet(trial: Trial) -> None:
    """With a schema or a database for each tenant, each sees its own documents alone, also under the same id."""
    for tenancy in (Tenancy.SCHEMA, Tenancy.DATABASE):
        new = await _kept(trial, Storage(tenancy=tenancy))
        for tenant in ("north", "south"):
            await new.at(tenant=tenant).insert("1", {"of": tenant})
        for tenant in ("north", "south"):
            expect_equal(f"of {tenant}", (await new.at(tenant=tenant).get("1"))["of"], tenant)


async def _kept(trial: Trial, storage: Storage) -> Trial:
    """Return a trial of an empty collection that is kept so; made twice, which makes it once."""
    new = trial.beside()
    spec = CollectionSpec(new.target, storage=storage)
    expect("it is created", (await new.adapter.ensure_collection(spec)).created)
    expect("made again, it is not", not (await new.adapter.ensure_collection(spec)).created)
    return new


RULES: tuple[Rule, ...] = (
    partitions_together_are_one_collection,
    tenants_that_are_kept_apart_do_not_meet,
)
