"""Which values may stand at an indexed path?"""

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability
from aol_wire.errors import Reason
from aol_wire.indexes import IndexState

_PLAIN: tuple[Document, ...] = (
    {"fields": ["a.b"], "type": "ascending"},
    {"fields": ["a.b"], "type": "descending"},
    {"fields": ["x", {"a.b": "desc"}], "type": "compound"},
)
_ASCENDING = _PLAIN[0]
_FITTING: tuple[Document, ...] = (
    {},
    {"a": 5},
    {"a": {}},
    {"a": {"c": []}},
    {"a": {"b": None}},
    {"a": {"b": True}},
    {"a": {"b": -1.5}},
    {"a": {"b": 2**63 - 1}},
    {"a": {"b": ""}},
    {"a": {"b": "x" * 1024}},
    {"a": {"b": "é" * 512}},
    {"a": {"b": "😀" * 256}},
)
_TOO_LONG: tuple[Document, ...] = (
    {"a": {"b": "x" * 1025}},
    {"a": {"b": "é" * 513}},
    {"a": {"b": "😀" * 257}},
)
_CONTAINERS: tuple[Document, ...] = ({"a": {"b": []}}, {"a": {"b": [1]}}, {"a": {"b": {}}}, {"a": {"b": {"c": 1}}})
_OVER_ARRAYS: tuple[Document, ...] = ({"a": []}, {"a": [1]}, {"a": [{"b": 1}]})


@rule(Topic.INDEXED_PATH)
async def an_indexed_path_takes_scalars(trial: Trial) -> None:
    """At an indexed path stand null, booleans, numbers, strings of at most 1,024 bytes of UTF-8, or nothing."""
    for index in _PLAIN:
        await _expect_fitting(await trial.fresh(index), _FITTING)


@rule(Topic.INDEXED_PATH)
async def an_indexed_path_takes_no_arrays_and_objects(trial: Trial) -> None:
    """An array or object at an indexed path is BAD_DOCUMENT, which names the index; nothing is stored."""
    for index in _PLAIN:
        await _expect_misfits(await trial.fresh(), index, _CONTAINERS)


@rule(Topic.INDEXED_PATH)
async def an_indexed_path_takes_no_long_strings(trial: Trial) -> None:
    """A string of more than 1,024 bytes (not characters) is BAD_DOCUMENT, which does not tell the string."""
    for index in _PLAIN:
        await _expect_misfits(await trial.fresh(), index, _TOO_LONG)


@rule(Topic.INDEXED_PATH)
async def an_indexed_path_is_reached_through_objects_only(trial: Trial) -> None:
    """An array on the way to an indexed path is BAD_DOCUMENT, whatever is in it."""
    for index in _PLAIN:
        await _expect_misfits(await trial.fresh(), index, _OVER_ARRAYS)


@rule(Topic.INDEXED_PATH)
async def an_update_is_held_to_it_too(trial: Trial) -> None:
    """An update that would put at an indexed path what it does not take is BAD_DOCUMENT and changes nothing."""
    await trial.ensure(_ASCENDING)
    await trial.insert("1", {"a": {"b": 1}})
    before = await trial.get("1")
    updates: tuple[Document, ...] = (
        {"a.b": [1]},
        {"a": [1]},
        {"a.b": "x" * 1025},
        {"$set": {"n": 1, "a": {"b": {}}}},
        {"$unset": {"a.b": 1}, "$push": {"a.c": 1}, "$set": {"x": {}}},
    )
    for update in updates[:-1]:
        refused = trial.apply(trial.change({"_id": "1"}, update))
        error = await expect_refusal("an update that does not fit the index", refused, Reason.BAD_DOCUMENT)
        expect_equal("the index that the error names", error.metadata.get("index"), "ascending(a.b)")
        expect_equal("the document", await trial.get("1"), before)
    expect_equal("updated, where it fits", await trial.update({"_id": "1"}, updates[-1]), 1)


@rule(Topic.INDEXED_PATH, Capability.TEXT)
async def a_text_index_takes_any_string(trial: Trial) -> None:
    """At a path of a text index strings are of any length; arrays and objects are refused as elsewhere."""
    index: Document = {"fields": ["a.b"], "type": "text"}
    await _expect_fitting(await trial.fresh(index), _FITTING + _TOO_LONG)
    await _expect_misfits(await trial.fresh(), index, _CONTAINERS + _OVER_ARRAYS)


@rule(Topic.INDEXED_PATH, Capability.UNIQUE)
async def a_unique_index_takes_what_others_take(trial: Trial) -> None:
    """The rule about values is the same for a unique index."""
    await _expect_misfits(await trial.fresh(), {"fields": ["a.b"], "type": "unique"}, (*_TOO_LONG, *_CONTAINERS))


@rule(Topic.INDEXED_PATH, Capability.TTL)
async def a_ttl_index_takes_what_others_take(trial: Trial) -> None:
    """The rule about values is the same for a ttl index."""
    index: Document = {"fields": ["a.b"], "type": "ttl", "expireAfterSeconds": 60}
    await _expect_misfits(await trial.fresh(), index, (*_TOO_LONG, *_CONTAINERS, *_OVER_ARRAYS))


@rule(Topic.INDEXED_PATH)
async def an_index_built_over_offenders_ends_failed_with_their_count(trial: Trial) -> None:
    """An index that is added over documents that do not fit ends `failed`, with the count of these documents."""
    offenders = _CONTAINERS[:2] + _TOO_LONG[:1] + _OVER_ARRAYS[2:]
    await _insert(trial, (*offenders, *_FITTING))
    for index in _PLAIN:
        (status,) = (await trial.ensure(index)).indexes
        expect_equal("the state and the offenders", (status.state, status.offenders), (IndexState.FAILED, 4))
    expect("the states are kept", {each.state for each in await trial.inspect()} == {IndexState.FAILED})


@rule(Topic.INDEXED_PATH)
async def a_failed_index_holds_nobody_to_anything(trial: Trial) -> None:
    """A collection with a failed index goes on as if it had none: any value is taken, found and updated."""
    await trial.insert("1", {"a": {"b": [1]}})
    await trial.ensure(_ASCENDING)
    expect_equal("inserted", (await trial.insert("2", {"a": {"b": {"c": 1}}})).affected, 1)
    expect_equal("updated", await trial.update({"_id": "1"}, {"a.b": "x" * 2_000}), 1)
    expect_equal("found", await trial.ids({"a.b": {"c": 1}}), ["2"])
    expect_equal("found in order", await trial.ids({}, "a.b"), ["1", "2"])


@rule(Topic.INDEXED_PATH)
async def a_failed_index_is_built_when_asked_for_over_documents_that_fit(trial: Trial) -> None:
    """A failed index that is ensured again once all documents fit becomes `ready`, and holds from then on."""
    await trial.insert("1", {"a": {"b": [1]}})
    await trial.ensure(_ASCENDING)
    await trial.update({"_id": "1"}, {"a.b": 1})
    (status,) = (await trial.ensure(_ASCENDING)).indexes
    expect_equal("the state and the offenders", (status.state, status.offenders), (IndexState.READY, 0))
    await expect_refusal("an array at its path", trial.insert("2", {"a": {"b": []}}), Reason.BAD_DOCUMENT)


async def _insert(trial: Trial, documents: tuple[Document, ...]) -> None:
    await trial.fill({f"{number:02}": document for number, document in enumerate(documents)})


async def _expect_fitting(trial: Trial, documents: tuple[Document, ...]) -> None:
    await _insert(trial, documents)
    expect_equal("documents that are stored", await trial.count(), len(documents))


async def _expect_misfits(trial: Trial, index: Document, documents: tuple[Document, ...]) -> None:
    (status,) = (await trial.ensure(index)).indexes
    outcomes = await trial.write(*(trial.insertion(f"{number}", each) for number, each in enumerate(documents)))
    for outcome in outcomes:
        error = outcome.error
        expect_equal("the error of a misfit", error and error.reason, Reason.BAD_DOCUMENT)
        if error is not None:
            expect_equal("the index that the error names", error.metadata.get("index"), status.spec.name)
            expect("the error does not tell what is in the document", "xxx" not in f"{error} {vars(error)}")
    expect_equal("documents that are stored", await trial.count(), 0)


RULES: tuple[Rule, ...] = (
    an_indexed_path_takes_scalars,
    an_indexed_path_takes_no_arrays_and_objects,
    an_indexed_path_takes_no_long_strings,
    an_indexed_path_is_reached_through_objects_only,
    an_update_is_held_to_it_too,
    a_text_index_takes_any_string,
    a_unique_index_takes_what_others_take,
    a_ttl_index_takes_what_others_take,
    an_index_built_over_offenders_ends_failed_with_their_count,
    a_failed_index_holds_nobody_to_anything,
    a_failed_index_is_built_when_asked_for_over_documents_that_fit,
)
