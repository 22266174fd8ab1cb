"""What does an update make of the documents that match?"""

import asyncio
import json
from collections.abc import Sequence

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import BIG, MAX, MIN
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability
from aol_wire.errors import Reason

Fitting = tuple[Document, Document, Document]
"""A document, an update, and the document afterwards."""

_SETS: tuple[Fitting, ...] = (
    ({"a": 1, "b": 1}, {"a": 2}, {"a": 2, "b": 1}),
    ({"a": 1, "b": 1}, {"a": 2, "b": 3, "c": 4}, {"a": 2, "b": 3, "c": 4}),
    ({"a": {"x": 1}}, {"a.y": 2}, {"a": {"x": 1, "y": 2}}),
    ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}),
    ({"a": 1}, {"a": None}, {"a": None}),
    ({"a": 1}, {"$set": {"a": [True, {"b": 0.5}]}}, {"a": [True, {"b": 0.5}]}),
    ({"é": {"'": 1}}, {"é.'": '"\\'}, {"é": {"'": '"\\'}}),
    ({"a": "x"}, {"a": 2**53 + 1}, {"a": 2**53 + 1}),
)
_ELEMENTS: tuple[Fitting, ...] = (
    ({"a": [1, 2]}, {"a.1": 5}, {"a": [1, 5]}),
    ({"a": [{"b": 1}]}, {"a.0.b": 5, "a.0.c": 6}, {"a": [{"b": 5, "c": 6}]}),
    ({"a": [5]}, {"$inc": {"a.0": 1}}, {"a": [6]}),
    ({"a": [[1]]}, {"$push": {"a.0": 2}}, {"a": [[1, 2]]}),
    ({"a": [{"b": 1}]}, {"$unset": {"a.0.b": 1}}, {"a": [{}]}),
    ({"a": {}}, {"a.0": 5}, {"a": {"0": 5}}),
)
_PARENTS: tuple[Fitting, ...] = (
    ({}, {"a.b.c": 1}, {"a": {"b": {"c": 1}}}),
    ({}, {"a.0": 5}, {"a": {"0": 5}}),
    ({}, {"$inc": {"a.b": 1}}, {"a": {"b": 1}}),
    ({}, {"$push": {"a.b": 1}}, {"a": {"b": [1]}}),
)
_UNSETS: tuple[Fitting, ...] = (
    ({"a": 1, "b": {"c": 1, "d": 2}}, {"$unset": {"a": 1, "b.c": 1}}, {"b": {"d": 2}}),
    ({"b": {"c": 1}}, {"$unset": {"b.c": 1}}, {"b": {}}),
    ({"a": None}, {"$unset": {"a": 1}}, {}),
    ({"a": 1}, {"$unset": {"x.y.z": 1, "a.b": 1}}, {"a": 1}),
    ({"a": [1]}, {"$unset": {"a.3": 1}}, {"a": [1]}),
    ({"a": 1}, {"$set": {"a": 2}, "$unset": {"b": ""}}, {"a": 2}),
)
_SUMS: tuple[Fitting, ...] = (
    ({"n": 1}, {"$inc": {"n": 2}}, {"n": 3}),
    ({}, {"$inc": {"n": 2, "m.k": -1.5}}, {"n": 2, "m": {"k": -1.5}}),
    ({"n": 1}, {"$inc": {"n": 0.5}}, {"n": 1.5}),
    ({"n": 0.1}, {"$inc": {"n": 0.2}}, {"n": 0.1 + 0.2}),
    ({"n": MAX - 1}, {"$inc": {"n": 1}}, {"n": MAX}),
    ({"n": MIN + 1}, {"$inc": {"n": -1}}, {"n": MIN}),
    ({"n": 2**53}, {"$inc": {"n": 1}}, {"n": 2**53 + 1}),
)
_PUSHES: tuple[Fitting, ...] = (
    ({"a": [1]}, {"$push": {"a": 2}}, {"a": [1, 2]}),
    ({}, {"$push": {"a": {"c": 1}}}, {"a": [{"c": 1}]}),
    ({"a": []}, {"$push": {"a": [1]}}, {"a": [[1]]}),
    ({"a": [1]}, {"$push": {"a": None}}, {"a": [1, None]}),
)

Misfit = tuple[Document, Document]
"""A document, and an update that does not fit it."""

_BAD_PARENTS: tuple[Misfit, ...] = (
    ({"a": 1}, {"a.b": 1}),
    ({"a": None}, {"a.b": 1}),
    ({"a": "x"}, {"$inc": {"a.b": 1}}),
    ({"a": True}, {"$push": {"a.b.c": 1}}),
)
_BAD_ELEMENTS: tuple[Misfit, ...] = (
    ({"a": [1]}, {"a.1": 1}),
    ({"a": []}, {"a.0": 1}),
    ({"a": [1]}, {"a.x": 1}),
    ({"a": [1]}, {"a.01": 1}),
    ({"a": [1]}, {"a.-1": 1}),
    ({"a": [1]}, {"$unset": {"a.0": 1}}),
)
_BAD_SUMS: tuple[Misfit, ...] = (
    ({"n": "1"}, {"$inc": {"n": 1}}),
    ({"n": None}, {"$inc": {"n": 1}}),
    ({"n": True}, {"$inc": {"n": 1}}),
    ({"n": [1]}, {"$inc": {"n": 1}}),
    ({"n": {}}, {"$inc": {"n": 0.5}}),
)
_OVERFLOWS: tuple[Misfit, ...] = (
    ({"n": MAX}, {"$inc": {"n": 1}}),
    ({"n": MIN}, {"$inc": {"n": -1}}),
    ({"n": MAX}, {"$inc": {"n": MAX}}),
    ({"n": 1.7e308}, {"$inc": {"n": 1.7e308}}),
)
_BAD_PUSHES: tuple[Misfit, ...] = (
    ({"a": {}}, {"$push": {"a": 1}}),
    ({"a": None}, {"$push": {"a": 1}}),
    ({"a": "x"}, {"$push": {"a": 1}}),
    ({"a": 1}, {"$push": {"a": 1}}),
)


@rule(Topic.UPDATE)
async def a_set_puts_values_at_paths_and_leaves_the_rest(trial: Trial) -> None:
    """A dict of path -> value, or `$set`, puts these values at these paths; everything else stays."""
    await _expect_fitting(trial, _SETS)


@rule(Topic.UPDATE)
async def an_index_in_a_path_updates_an_element_that_is_there(trial: Trial) -> None:
    """A segment `0` reaches the element of an array that has it; on an object it is a key."""
    await _expect_fitting(trial, _ELEMENTS)


@rule(Topic.UPDATE)
async def missing_parents_become_objects(trial: Trial) -> None:
    """What is missing on the way to a path is made, as objects, for every operator but `$unset`."""
    await _expect_fitting(trial, _PARENTS)


@rule(Topic.UPDATE)
async def an_unset_removes_what_is_there(trial: Trial) -> None:
    """`$unset` removes what is at a path, and is satisfied when nothing is."""
    await _expect_fitting(trial, _UNSETS)


@rule(Topic.UPDATE)
async def an_inc_adds_exactly_and_starts_at_zero(trial: Trial) -> None:
    """`$inc` adds integers as 64-bit integers and anything with a double as IEEE doubles; missing counts as 0."""
    await _expect_fitting(trial, _SUMS)


@rule(Topic.UPDATE)
async def a_push_appends_and_starts_at_an_empty_array(trial: Trial) -> None:
    """`$push` appends one value of any kind to an array; missing counts as []."""
    await _expect_fitting(trial, _PUSHES)


@rule(Topic.UPDATE)
async def the_operators_of_one_update_are_applied_together(trial: Trial) -> None:
    """`$set`, `$unset`, `$inc` and `$push` of one update all change the same document, once."""
    update = {"$set": {"a": 1}, "$unset": {"b": 1}, "$inc": {"n": 5}, "$push": {"l": "x"}}
    await _expect_fitting(trial, [({"b": 1, "n": 1, "k": 0}, update, {"a": 1, "n": 6, "l": ["x"], "k": 0})])


@rule(Topic.UPDATE)
async def nothing_is_put_below_what_is_no_object(trial: Trial) -> None:
    """A parent that is a scalar or null refuses what would be put below it (BAD_DOCUMENT); nothing is changed."""
    await _expect_misfits(trial, _BAD_PARENTS)


@rule(Topic.UPDATE)
async def an_array_is_updated_only_where_it_has_an_element(trial: Trial) -> None:
    """An index beyond the end, a key on an array, and `$unset` of an element are refused (BAD_DOCUMENT)."""
    await _expect_misfits(trial, _BAD_ELEMENTS)


@rule(Topic.UPDATE)
async def an_inc_of_what_is_no_number_is_refused(trial: Trial) -> None:
    """`$inc` on null, a boolean, a string, an array or an object is refused (BAD_DOCUMENT); nothing is changed."""
    await _expect_misfits(trial, _BAD_SUMS)


@rule(Topic.UPDATE)
async def an_inc_beyond_the_range_is_refused(trial: Trial) -> None:
    """A sum beyond 64-bit integers, or beyond doubles, is refused (BAD_DOCUMENT), never wrapped or made a double."""
    await _expect_misfits(trial, _OVERFLOWS)


@rule(Topic.UPDATE)
async def a_push_to_what_is_no_array_is_refused(trial: Trial) -> None:
    """`$push` to null, a scalar or an object is refused (BAD_DOCUMENT); nothing is changed."""
    await _expect_misfits(trial, _BAD_PUSHES)


@rule(Topic.UPDATE)
async def one_step_that_does_not_fit_changes_nothing_of_the_document(trial: Trial) -> None:
    """When one step of an update does not fit a document, the other steps are not applied to it either."""
    update = {"$set": {"a": 2, "new": 1}, "$unset": {"b": 1}, "$push": {"l": 1}, "$inc": {"s": 1}}
    await _expect_misfits(trial, [({"a": 1, "b": 1, "l": [], "s": "text"}, update)])


@rule(Topic.UPDATE)
async def a_sum_with_a_double_is_a_double(trial: Trial) -> None:
    """A double added to an integer makes the sum a double, also where integers would overflow or be exact."""
    await trial.fill({"max": {"n": MAX}, "big": {"n": BIG}})
    await trial.update({}, {"$inc": {"n": 1.0}})
    sums = {str(document["_id"]): document["n"] for document in await trial.documents(trial.query())}
    expect_equal("the sums", sums, {"max": 2.0**63, "big": float(BIG)})


@rule(Topic.UPDATE)
async def a_result_that_is_too_large_is_refused(trial: Trial) -> None:
    """An update that would make a document larger than 1 MiB is TOO_LARGE and changes nothing."""
    await trial.insert("1", {"s": "x" * 600_000})
    refused = trial.apply(trial.change({"_id": "1"}, {"t": "y" * 600_000}))
    await expect_refusal("an update that makes it too large", refused, Reason.TOO_LARGE)
    after = await trial.get("1")
    expect_equal("its size and version", (len(str(after.get("s"))), after["_version"]), (600_000, 1))
    expect("nothing was added", "t" not in after)


@rule(Topic.UPDATE)
async def every_document_that_matches_is_updated(trial: Trial) -> None:
    """All matching documents, and only these, are updated and counted, and their ids returned."""
    await trial.fill({str(number): {"n": number} for number in range(5)})
    outcome = await trial.apply(trial.change({"n": {"$gte": 3}}, {"seen": True}))
    expect_equal("affected", outcome.affected, 2)
    expect_equal("their ids", sorted(outcome.ids), ["3", "4"])
    expect_equal("documents that were updated", await trial.ids({"seen": True}), ["3", "4"])
    expect_equal("affected without a match", await trial.update({"_id": "none"}, {"seen": True}), 0)


@rule(Topic.UPDATE)
async def without_a_filter_every_document_is_updated(trial: Trial) -> None:
    """An update without a filter (the broker asks for `allow_all`) updates every document."""
    await trial.fill({"1": {}, "2": {}, "3": {"a": 2}})
    expect_equal("affected", await trial.update({}, {"a": 1}), 3)
    expect_equal("documents that were updated", await trial.ids({"a": 1}), ["1", "2", "3"])


@rule(Topic.UPDATE)
async def each_updated_document_is_stamped(trial: Trial) -> None:
    """Each updated document's version goes up by one and its `_updated_at` is the update's; creation stays."""
    created = trial.insertion("1", {"a": 1}, owner="ann", acl='["x"]')
    await trial.write(created, trial.insertion("2", {}))
    last = trial.change({"_id": "1"}, {"a": 3})
    await trial.write(trial.change({"_id": "1"}, {"a": 2}), last)
    expected: Document = {
        "a": 3,
        "_id": "1",
        "_version": 3,
        "_created_at": created.now_us,
        "_updated_at": last.now_us,
        "_owner": "ann",
        "_acl": '["x"]',
    }
    expect_equal("the updated document", await trial.get("1"), expected)
    expect_equal("the version of the other one", (await trial.get("2"))["_version"], 1)


@rule(Topic.UPDATE)
async def a_document_that_ends_as_it_was_counts_too(trial: Trial) -> None:
    """A matching document whose fields end as they were is affected, and its version goes up."""
    await trial.insert("1", {"a": 1})
    expect_equal("affected", await trial.update({"_id": "1"}, {"a": 1}), 1)
    expect_equal("its version", (await trial.get("1"))["_version"], 2)


@rule(Topic.UPDATE, Capability.ATOMIC_MANY)
async def one_document_that_does_not_fit_fails_an_update_of_many(trial: Trial) -> None:
    """With `atomic_many`, an update that does not fit one of its documents changes none of them."""
    await trial.fill({"1": {"n": 1}, "2": {"n": "text"}, "3": {"n": 3}})
    before = await trial.documents(trial.query())
    failing = trial.apply(trial.change({}, {"$inc": {"n": 1}}))
    await expect_refusal("an update that does not fit one document", failing, Reason.BAD_DOCUMENT)
    expect_equal("the documents", await trial.documents(trial.query()), before)


@rule(Topic.UPDATE)
async def an_update_may_change_what_its_filter_matches(trial: Trial) -> None:
    """Each document is updated once, also when its new values match the filter again, with an index on them too."""
    indexed = await trial.fresh({"fields": ["n"], "type": "ascending"})
    for each in (trial, indexed):
        await each.fill({str(number): {"n": number} for number in range(10)})
        expect_equal("affected", await each.update({"n": {"$gte": 0}}, {"$inc": {"n": 5}}), 10)
        values = [document["n"] for document in await each.documents(each.query({}, "n"))]
        expect_equal("the values", values, list(range(5, 15)))


@rule(Topic.UPDATE)
async def concurrent_updates_of_a_document_are_all_counted(trial: Trial) -> None:
    """Each document is updated atomically: of many increments at once none is lost."""
    await trial.insert("1", {"n": 0})
    affected = await asyncio.gather(*(trial.update({"_id": "1"}, {"$inc": {"n": 1}}) for _ in range(30)))
    after = await trial.get("1")
    expect("each of them affects one document", affected == [1] * 30)
    expect_equal("the sum and the version", (after["n"], after["_version"]), (30, 31))


def fields_of(document: Document) -> Document:
    """Return a document without its metadata."""
    return {key: value for key, value in document.items() if not key.startswith("_")}


async def _expect_fitting(trial: Trial, cases: Sequence[Fitting]) -> None:
    await trial.fill({f"{number:02}": document for number, (document, _, _) in enumerate(cases)})
    mutations = [trial.change({"_id": f"{number:02}"}, update) for number, (_, update, _) in enumerate(cases)]
    outcomes = await trial.write(*mutations)
    for (document, update, _), outcome in zip(cases, outcomes, strict=True):
        expect(f"{update} fits {document}: {outcome.error}", outcome.error is None)
        expect_equal(f"affected by {update} on {document}", outcome.affected, 1)
    for (document, update, expected), after in zip(cases, await trial.documents(trial.query()), strict=True):
        expect_equal(f"{document} after {update}", fields_of(after), expected)
        as_text = json.dumps(fields_of(after), sort_keys=True), json.dumps(expected, sort_keys=True)
        expect_equal(f"{document} after {update}, as text", *as_text)


async def _expect_misfits(trial: Trial, cases: Sequence[Misfit]) -> None:
    await trial.fill({f"{number:02}": document for number, (document, _) in enumerate(cases)})
    before = await trial.documents(trial.query())
    for number, (document, update) in enumerate(cases):
        refused = trial.apply(trial.change({"_id": f"{number:02}"}, update))
        await expect_refusal(f"{update} on {document}", refused, Reason.BAD_DOCUMENT)
    expect_equal("the documents after it", await trial.documents(trial.query()), before)


RULES: tuple[Rule, ...] = (
    a_set_puts_values_at_paths_and_leaves_the_rest,
    an_index_in_a_path_updates_an_element_that_is_there,
    missing_parents_become_objects,
    an_unset_removes_what_is_there,
    an_inc_adds_exactly_and_starts_at_zero,
    a_push_appends_and_starts_at_an_empty_array,
    the_operators_of_one_update_are_applied_together,
    nothing_is_put_below_what_is_no_object,
    an_array_is_updated_only_where_it_has_an_element,
    an_inc_of_what_is_no_number_is_refused,
    an_inc_beyond_the_range_is_refused,
    a_push_to_what_is_no_array_is_refused,
    one_step_that_does_not_fit_changes_nothing_of_the_document,
    a_sum_with_a_double_is_a_double,
    a_result_that_is_too_large_is_refused,
    every_document_that_matches_is_updated,
    without_a_filter_every_document_is_updated,
    each_updated_document_is_stamped,
    a_document_that_ends_as_it_was_counts_too,
    one_document_that_does_not_fit_fails_an_update_of_many,
    an_update_may_change_what_its_filter_matches,
    concurrent_updates_of_a_document_are_all_counted,
)
