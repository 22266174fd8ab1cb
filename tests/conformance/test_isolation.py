"""Do services, collections and tenants keep apart?"""

from dataclasses import replace

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason


async def test_services_and_collections_keep_apart(trial: Trial) -> None:
    others = [
        trial.at(service="other"),
        trial.at(collection="others"),
        trial.at(service="shop-items", collection="x"),
        trial.at(collection="shop_items"),
        trial.at(collection="shop-items"),
    ]
    for other in others:
        await other.ensure()
        await other.insert("1", {"here": other.target.collection})
    await trial.insert("1", {"n": 1})
    assert await trial.delete({}) == 1
    for other in others:
        assert await other.ids({"here": other.target.collection}) == ["1"]


async def test_two_tenants_have_the_same_id(trial: Trial) -> None:
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.insert("1", {"n": 1})
    await south.insert("1", {"n": 2})
    assert (await north.get("1"))["n"] == 1
    assert (await south.get("1"))["n"] == 2
    assert (await south.get("1"))["_tenant"] == "south"


async def test_a_tenant_sees_and_changes_only_its_own(trial: Trial) -> None:
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.fill({"1": {"n": 1}, "2": {"n": 2}})
    await south.insert("1", {"n": 1})
    await trial.insert("1", {"n": 1})
    assert await north.ids() == ["1", "2"]
    assert await south.count() == 1
    assert await trial.count() == 1
    assert await north.update({}, {"x": 1}) == 2
    assert await south.count({"x": 1}) == 0
    assert await north.delete({"_id": "1"}) == 1
    assert await south.ids() == ["1"]
    assert await north.ids({"_tenant": "south"}) == []


async def test_without_a_tenant_all_tenants_are_meant(trial: Trial) -> None:
    everywhere = Trial(trial.adapter, Target("shop", "items", None))
    for tenant in ("north", "south", ""):
        await trial.at(tenant=tenant).fill({"1": {"n": 1}, "2": {"n": 2}})
    documents = await everywhere.documents(everywhere.query({}, "n"))
    assert [(document["n"], document.get("_tenant", ""), document["_id"]) for document in documents] == [
        (1, "", "1"),
        (1, "north", "1"),
        (1, "south", "1"),
        (2, "", "2"),
        (2, "north", "2"),
        (2, "south", "2"),
    ]
    assert await everywhere.count({"_tenant": {"$in": ["north", None]}}) == 4
    assert await everywhere.update({"n": 1}, {"x": 1}) == 3
    assert await everywhere.delete({"_tenant": "north"}) == 2


async def test_pages_over_all_tenants_neither_skip_nor_repeat(trial: Trial) -> None:
    everywhere = Trial(trial.adapter, Target("shop", "items", None))
    for tenant in ("b", "a", ""):
        await trial.at(tenant=tenant).fill({str(number): {"n": number % 2} for number in range(4)})
    for sort in ((), ("n",), ("-n",)):
        query = everywhere.query({}, *sort)
        seen: list[tuple[str, str]] = []
        position = b""
        while True:
            found = await everywhere.adapter.find(replace(query, limit=5, position=position))
            seen += zip(list(found.page.tenant) or [""] * len(found.page.id), found.page.id, strict=True)
            position = found.next_position
            if not position:
                break
        assert len(seen) == len(set(seen)) == 12
        if not sort:
            assert seen == sorted(seen)


async def test_a_collection_that_was_not_ensured_is_not_found(trial: Trial) -> None:
    other = trial.at(collection="missing")
    for call in (other.count(), other.ids(), other.write(other.insertion("1", {}))):
        with pytest.raises(DataError) as caught:
            await call
        assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
