"""Do services, collections and tenants keep apart, in every call?"""

from collections.abc import Sequence
from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, Deleted
from aol_wire.errors import DataError, Reason

_DOCUMENTS: dict[str, Document] = {"1": {"n": 1}, "2": {"n": 2}, "hidden": {"n": 3}}
_INDEX: Document = {"fields": ["n"], "type": "ascending"}


@rule(Topic.ISOLATION)
async def services_do_not_meet(trial: Trial) -> None:
    """Nothing that one service does to its collection is seen in another service's collection of the same name."""
    service = trial.target.service
    await _expect_apart(trial, [trial.at(service=f"{service}-b"), trial.at(service=service[:-1])])


@rule(Topic.ISOLATION)
async def collections_do_not_meet(trial: Trial) -> None:
    """Nothing that is done to one collection is seen in another one of the same service."""
    name = trial.target.collection
    await _expect_apart(trial, [trial.at(collection=f"{name}{ending}") for ending in ("-b", "_b", "0")])


@rule(Topic.ISOLATION)
async def names_that_look_alike_when_joined_do_not_meet(trial: Trial) -> None:
    """Service `a-b` with collection `c` and service `a` with collection `b-c` are two, however they are joined."""
    service, name = trial.target.service, trial.target.collection
    joined = trial.at(service=service, collection=f"x-{name}")
    await joined.ensure()
    others = [
        trial.at(service=f"{service}-x", collection=name),
        trial.at(service=service, collection=f"x_{name}"),
        trial.at(service=f"{service}-{name}"[:63], collection="x"),
    ]
    await _expect_apart(joined, others)


@rule(Topic.ISOLATION)
async def tenants_do_not_meet(trial: Trial) -> None:
    """Nothing that one tenant does is seen by another one of the same collection, nor where there is no tenant."""
    others = [trial.at(tenant="south"), trial.at(tenant="North"), trial.at(tenant="north'"), trial.at(tenant="")]
    await _expect_apart(trial.at(tenant="north"), others)


@rule(Topic.ISOLATION)
async def a_filter_does_not_reach_another_tenant(trial: Trial) -> None:
    """A filter, `$or` and `$not` too, finds, counts and changes documents of the target's tenant only."""
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.fill(_DOCUMENTS)
    await south.insert("own", {"n": 0})
    conditions: list[Document] = [
        {"_tenant": "north"},
        {"_tenant": {"$ne": "south"}},
        {"$or": [{"_tenant": "north"}, {"n": {"$gt": 0}}]},
        {"$not": {"_id": "own"}},
    ]
    for condition in conditions:
        expect_equal(f"found by {condition}", await south.ids(condition), [])
        expect_equal(f"counted by {condition}", await south.count(condition), 0)
        expect_equal(f"updated by {condition}", await south.update(condition, {"x": 1}), 0)
        expect_equal(f"deleted by {condition}", await south.delete(condition), 0)
    everything = await south.ids({"$or": [{"_id": {"$exists": True}}, {"$not": {"_tenant": "south"}}]})
    expect_equal("found by what always holds", everything, ["own"])


@rule(Topic.ISOLATION)
async def a_position_does_not_lead_to_another_tenant(trial: Trial) -> None:
    """A page that begins at another tenant's position holds documents of the target's tenant only, or is refused."""
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    documents: dict[str, Document] = {f"{number}": {"n": number} for number in range(6)}
    await north.fill(documents)
    await south.fill(documents)
    for sort in ((), ("n",), ("-n",)):
        page = await north.adapter.find(replace(north.query({}, *sort), limit=2))
        following = replace(south.query({}, *sort), position=page.next_position)
        try:
            found = await south.adapter.find(following)
        except DataError as error:
            expect_equal("the reason of a refusal", error.reason, Reason.BAD_PAGE_TOKEN)
        else:
            expect_equal("the tenants of the page", set(found.page.tenant), {"south"} if found.page.id else set())


@rule(Topic.ISOLATION)
async def two_tenants_have_documents_of_the_same_id(trial: Trial) -> None:
    """An id is taken within a tenant: each has its own document, with its own version and its tenant's name."""
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.insert("1", {"n": 1})
    await south.insert("1", {"n": 2})
    await south.update({"_id": "1"}, {"n": 3})
    for tenant, expected in ((north, (1, 1, "north")), (south, (3, 2, "south"))):
        found = await tenant.get("1")
        expect_equal("its value, version and tenant", (found["n"], found["_version"], found["_tenant"]), expected)
    expect("no tenant is named where there is none", "_tenant" not in await _only(trial))


@rule(Topic.ISOLATION)
async def without_a_tenant_all_tenants_are_meant(trial: Trial) -> None:
    """A target without a tenant finds, counts and changes the documents of all tenants; ties go by tenant, then id."""
    everywhere = trial.at(tenant=None)
    for tenant in ("north", "south", ""):
        await trial.at(tenant=tenant).fill({"1": {"n": 1}, "2": {"n": 2}})
    documents = await everywhere.documents(everywhere.query({}, "n"))
    found = [(document["n"], document.get("_tenant", ""), document["_id"]) for document in documents]
    expected = [(number, tenant, str(number)) for number in (1, 2) for tenant in ("", "north", "south")]
    expect_equal("the documents by n", found, expected)
    expect_equal("counted by tenant", await everywhere.count({"_tenant": {"$in": ["north", None]}}), 4)
    expect_equal("updated", await everywhere.update({"n": 1}, {"x": 1}), 3)
    expect_equal("soft-deleted", await everywhere.delete({"n": 1}, soft=True), 3)
    expect_equal("restored", await everywhere.restore({"_tenant": "south"}), 1)
    expect_equal("purged", await everywhere.purge({}), 2)
    expect_equal("deleted", await everywhere.delete({"_tenant": "north"}), 1)
    expect_equal("what is left", await everywhere.count(deleted=Deleted.INCLUDE), 3)


@rule(Topic.ISOLATION)
async def pages_over_all_tenants_neither_skip_nor_repeat(trial: Trial) -> None:
    """Pages of all tenants' documents hold each document once, also where ids and sort values are the same."""
    everywhere = trial.at(tenant=None)
    for tenant in ("b", "a", ""):
        await trial.at(tenant=tenant).fill({str(number): {"n": number % 2} for number in range(4)})
    for sort in ((), ("n",), ("-n",)):
        seen: list[tuple[str, str]] = []
        for found in await everywhere.pages(replace(everywhere.query({}, *sort), limit=5)):
            tenants = list(found.page.tenant) or [""] * len(found.page.id)
            seen += zip(tenants, found.page.id, strict=True)
        expect_equal(f"documents by {sort}, and different ones", (len(seen), len(set(seen))), (12, 12))
        if not sort:
            expect_equal("their order", seen, sorted(seen))


@rule(Topic.ISOLATION, Capability.TEXT)
async def text_search_does_not_cross(trial: Trial) -> None:
    """`$text` finds words in the documents of the target's service, collection and tenant only."""
    index: Document = {"fields": ["s"], "type": "text"}
    await trial.ensure(index)
    others = [trial.at(service=f"{trial.target.service}-b"), trial.beside(), trial.at(tenant="south")]
    for number, other in enumerate(others):
        await other.ensure(index)
        await other.insert("1", {"s": f"shared word{number}"})
    await trial.insert("2", {"s": "shared mine"})
    expect_equal("found here", await trial.ids({"$text": "shared"}), ["2"])
    for number, other in enumerate(others):
        expect_equal("found there", await other.ids({"$text": "shared"}), ["1"])
        expect_equal("another's word", await other.count({"$text": f"word{(number + 1) % 3}"}), 0)
        expect_equal("deleted there", await other.delete({"$text": "mine"}), 0)


@rule(Topic.ISOLATION, Capability.UNIQUE)
async def unique_values_do_not_cross(trial: Trial) -> None:
    """A unique value of one service, collection or tenant is free in another."""
    index: Document = {"fields": ["n"], "type": "unique"}
    await trial.ensure(index)
    await trial.insert("1", {"n": 1})
    for other in (trial.at(service=f"{trial.target.service}-b"), trial.beside(), trial.at(tenant="south")):
        await other.ensure(index)
        expect_equal("inserted there", (await other.insert("1", {"n": 1})).affected, 1)
        await expect_refusal("the value again there", other.insert("2", {"n": 1}), Reason.UNIQUE_VIOLATION)


@rule(Topic.ISOLATION)
async def indexes_do_not_cross(trial: Trial) -> None:
    """An index of one collection is not told of in another, and holds no document there to its rule."""
    others = [trial.at(service=f"{trial.target.service}-b"), trial.beside()]
    for other in others:
        await other.ensure()
    await trial.ensure(_INDEX)
    for other in others:
        expect_equal("indexes there", await other.inspect(), ())
        expect_equal("an array inserted there", (await other.insert("1", {"n": []})).affected, 1)


@rule(Topic.ISOLATION, Capability.EXPLAIN)
async def an_explanation_does_not_count_what_others_have(trial: Trial) -> None:
    """`explain` returns as many documents as `find` does for its target."""
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.fill(_DOCUMENTS)
    await south.insert("1", {"n": 1})
    explanation = await south.adapter.explain(south.query({"n": {"$gt": 0}}))
    expect_equal("returned", explanation.returned_documents, 1)


async def _only(trial: Trial) -> Document:
    await trial.insert("untenanted", {})
    return await trial.get("untenanted")


async def _expect_apart(trial: Trial, others: Sequence[Trial]) -> None:
    """Return if every kind of call on one leaves the others as they are, and the other way round.

    :raises RuleBrokenError: something crosses.
    """
    for number, other in enumerate(others):
        await other.ensure()
        await other.fill({id_: {**document, "of": number} for id_, document in _DOCUMENTS.items()})
        await other.delete({"_id": "hidden"}, soft=True)
    before = [await _everything(other) for other in others]
    for number, documents in enumerate(before):
        expect_equal("whose documents are there", [each.get("of") for each in documents], [number] * 3)
    expect_equal("what is here before", await _everything(trial), [])
    expect("an insert of the same id is none of theirs", not (await trial.insert("1", {"n": 1})).was_duplicate)
    for condition in ({}, {"n": {"$gt": 0}}, {"_id": {"$in": ["1", "2"]}}):
        expect_equal(f"found here by {condition}", await trial.ids(condition, "n"), ["1"])
    calls = {
        "updated": await trial.update({}, {"x": 1}),
        "restored": await trial.restore({}),
        "purged": await trial.purge({}),
        "soft-deleted": await trial.delete({}, soft=True),
        "purged then": await trial.purge({}),
        "deleted": await trial.delete({}),
    }
    expected = {"updated": 1, "restored": 0, "purged": 0, "soft-deleted": 1, "purged then": 1, "deleted": 0}
    expect_equal("affected here", calls, expected)
    expect_equal("what is there", [await _everything(other) for other in others], before)


async def _everything(trial: Trial) -> list[Document]:
    found: list[Document] = [*await trial.documents(replace(trial.query(), deleted=Deleted.INCLUDE))]
    expect_equal("counted, as found", await trial.count(deleted=Deleted.INCLUDE), len(found))
    return found


RULES: tuple[Rule, ...] = (
    services_do_not_meet,
    collections_do_not_meet,
    names_that_look_alike_when_joined_do_not_meet,
    tenants_do_not_meet,
    a_filter_does_not_reach_another_tenant,
    a_position_does_not_lead_to_another_tenant,
    two_tenants_have_documents_of_the_same_id,
    without_a_tenant_all_tenants_are_meant,
    pages_over_all_tenants_neither_skip_nor_repeat,
    text_search_does_not_cross,
    unique_values_do_not_cross,
    indexes_do_not_cross,
    an_explanation_does_not_count_what_others_have,
)
