"""Are collections made and dropped as asked for?"""

import asyncio

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import CollectionSpec, Deleted
from aol_wire.errors import Reason

_INDEX: Document = {"fields": ["a"], "type": "ascending"}
_NAMES = ("select", "table", "a", "aol", "a-b", "a_b", "sqlite_master", "sqlite_x", "pg_catalog", "system-indexes")


@rule(Topic.COLLECTIONS)
async def only_the_call_that_makes_a_collection_says_created(trial: Trial) -> None:
    """`ensure_collection` makes a collection once; repeating it leaves the documents alone and says so."""
    new = trial.beside()
    expect("the first call says created", (await new.ensure()).created)
    await new.insert("1", {"n": 1})
    expect("the second call does not", not (await new.ensure()).created)
    expect("nor does one that adds an index", not (await new.ensure(_INDEX)).created)
    expect_equal("the documents", await new.ids(), ["1"])


@rule(Topic.COLLECTIONS)
async def of_calls_at_once_all_succeed_and_one_creates(trial: Trial) -> None:
    """Calls that make the same collection at the same time all succeed; one of them says created."""
    new = trial.beside()
    ensured = await asyncio.gather(*(new.ensure(_INDEX) for _ in range(8)))
    expect_equal("calls that say created", sum(result.created for result in ensured), 1)
    expect_equal("their indexes", {result.indexes for result in ensured}, {ensured[0].indexes})


@rule(Topic.COLLECTIONS)
async def a_collection_takes_a_schema_hint_and_a_description(trial: Trial) -> None:
    """A hint and a description of any text bind nobody: they are for the broker and for people."""
    new = trial.beside()
    hint = {"a.b": "datetime", "it's": "string", '"; --': "number"}
    spec = CollectionSpec(new.target, hint, (), "what'; DROP TABLE it -- \n is $for \\ 😀")
    expect("it is created", (await new.adapter.ensure_collection(spec)).created)
    expect_equal("inserted", (await new.insert("1", {"a": {"b": "no date"}, "it's": 5})).affected, 1)
    again = CollectionSpec(new.target, {"a.b": "string"}, (), "")
    expect("another hint makes nothing new", not (await new.adapter.ensure_collection(again)).created)


@rule(Topic.COLLECTIONS)
async def names_of_any_allowed_form_are_collections(trial: Trial) -> None:
    """Every name of a-z, 0-9, `_` and `-`, up to 63 characters, is a collection, also a word of SQL."""
    base = trial.beside().target.collection
    longest = f"{base}-" + "x" * 63
    for name in (*_NAMES, longest[:63]):
        new = trial.at(collection=name)
        expect(f"{name} is created", (await new.ensure(_INDEX)).created)
        await new.insert("1", {"a": name})
        expect_equal(f"found in {name}", await new.ids({"a": name}), ["1"])


@rule(Topic.COLLECTIONS)
async def dropping_removes_documents_and_indexes(trial: Trial) -> None:
    """A collection that was dropped is not found; made again, it has no documents and no indexes."""
    new = await trial.fresh(_INDEX)
    await new.fill({"1": {"a": 1}, "2": {"a": 2}})
    await new.delete({"_id": "2"}, soft=True)
    await new.adapter.drop_collection(new.target)
    await expect_refusal("a count", new.count(), Reason.COLLECTION_NOT_FOUND)
    expect("it is created again", (await new.ensure()).created)
    expect_equal("its documents", await new.count(deleted=Deleted.INCLUDE), 0)
    expect_equal("its indexes", await new.inspect(), ())
    expect_equal("inserted without the index's rule", (await new.insert("1", {"a": [1]})).affected, 1)


@rule(Topic.COLLECTIONS)
async def dropping_removes_the_documents_of_all_tenants(trial: Trial) -> None:
    """A collection is dropped as a whole, whichever tenant the target names."""
    new = await trial.fresh()
    for tenant in ("north", "south"):
        await new.at(tenant=tenant).insert("1", {})
    await new.adapter.drop_collection(new.at(tenant="north").target)
    await new.ensure()
    expect_equal("documents of all tenants", await new.at(tenant=None).count(), 0)


@rule(Topic.COLLECTIONS)
async def dropping_leaves_other_collections_alone(trial: Trial) -> None:
    """Collections with names that resemble the dropped one's keep their documents and indexes."""
    dropped = await trial.fresh(_INDEX)
    name = dropped.target.collection
    others = [trial.at(collection=f"{name}{ending}") for ending in ("0", "-2", "_2", "-idx", "_a")]
    others.append(trial.at(collection=name[:-2]))
    for other in others:
        await other.ensure(_INDEX)
        await other.insert("1", {"a": 1})
    await dropped.adapter.drop_collection(dropped.target)
    for other in others:
        found = await other.ids({"a": 1}), len(await other.inspect())
        expect_equal(f"documents and indexes of {other.target.collection}", found, (["1"], 1))


@rule(Topic.COLLECTIONS)
async def dropping_what_is_not_there_is_fine(trial: Trial) -> None:
    """A collection that was never made, or is dropped already, and one of an unknown service, can be dropped."""
    new = await trial.fresh()
    for missing in (trial.beside(), new, new, trial.at(service="nobody-has-this-name")):
        await missing.adapter.drop_collection(missing.target)
        await expect_refusal("a count", missing.count(), Reason.COLLECTION_NOT_FOUND)


RULES: tuple[Rule, ...] = (
    only_the_call_that_makes_a_collection_says_created,
    of_calls_at_once_all_succeed_and_one_creates,
    a_collection_takes_a_schema_hint_and_a_description,
    names_of_any_allowed_form_are_collections,
    dropping_removes_documents_and_indexes,
    dropping_removes_the_documents_of_all_tenants,
    dropping_leaves_other_collections_alone,
    dropping_what_is_not_there_is_fine,
)
