"""What does a unique index let stand once?"""

import asyncio

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexState

_EMAIL: Document = {"fields": ["email"], "type": "unique"}
_PAIR: Document = {"fields": ["a", "b"], "type": "unique"}
_SAME: tuple[tuple[Document, Document], ...] = (
    ({"email": "a"}, {"email": "a", "other": 1}),
    ({"email": 1}, {"email": 1.0, "other": 1}),
    ({"email": 2**53}, {"email": float(2**53), "other": 1}),
    ({"email": True}, {"email": True, "other": 1}),
    ({"email": ""}, {"email": "", "other": 1}),
    ({"email": None}, {"other": 1}),
)
_DIFFERENT: tuple[Json, ...] = (1, "1", True, None, 0, False, "", "a", "A", "é", "e\u0301", 2**53, 2**53 + 1, 0.5)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def a_unique_value_stands_once(trial: Trial) -> None:
    """A second document with a value of a unique index is UNIQUE_VIOLATION, which names the index; 1 is 1.0."""
    await trial.ensure(_EMAIL)
    await trial.fill({str(number): first for number, (first, _) in enumerate(_SAME)})
    for first, second in _SAME:
        refused = trial.insert("new", second)
        error = await expect_refusal(f"{second} beside {first}", refused, Reason.UNIQUE_VIOLATION)
        expect_equal("the index that the error names", error.metadata.get("index"), "unique(email)")
    expect_equal("documents", await trial.count(), len(_SAME))


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def missing_counts_as_null(trial: Trial) -> None:
    """Of the documents that have null or nothing at the path of a unique index there is one."""
    for first, second in (({}, {"email": None}), ({"email": None}, {}), ({}, {"x": 1}), ({"email": None},) * 2):
        each = await trial.fresh(_EMAIL)
        await each.insert("1", first)
        refused = each.insert("2", second)
        await expect_refusal(f"{second} beside {first}", refused, Reason.UNIQUE_VIOLATION)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def different_values_and_types_are_different(trial: Trial) -> None:
    """Values that are not equal stand beside each other: 1, "1" and true, "a" and "A", 2**53 and 2**53 + 1."""
    await trial.ensure(_EMAIL)
    await trial.fill({str(number): {"email": value} for number, value in enumerate(_DIFFERENT)})
    expect_equal("documents", await trial.count(), len(_DIFFERENT))


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def a_unique_violation_does_not_tell_the_value(trial: Trial) -> None:
    """The error names the index, and nothing of either document."""
    await trial.ensure(_EMAIL)
    await trial.fill({"1": {"email": "secret@example.org"}, "2": {"email": "b"}})
    mutations = (
        trial.insertion("3", {"email": "secret@example.org"}),
        trial.change({"_id": "2"}, {"email": "secret@example.org"}),
    )
    for mutation in mutations:
        error = await expect_refusal("a value that is taken", trial.apply(mutation), Reason.UNIQUE_VIOLATION)
        expect("the error does not tell the value", "secret" not in f"{error} {vars(error)}")


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def a_repeated_insert_is_no_unique_violation(trial: Trial) -> None:
    """An insert that is repeated is a duplicate, and another document under the same id DUPLICATE_ID, as elsewhere."""
    await trial.ensure(_EMAIL)
    await trial.insert("1", {"email": "a"})
    expect("it is a duplicate", (await trial.insert("1", {"email": "a"})).was_duplicate)
    refused = trial.insert("1", {"email": "a", "x": 1})
    await expect_refusal("another document under its id", refused, Reason.DUPLICATE_ID)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def an_update_cannot_take_a_unique_value(trial: Trial) -> None:
    """An update to a value that another document has is UNIQUE_VIOLATION and changes nothing; to its own it is fine."""
    await trial.ensure(_EMAIL)
    await trial.fill({"1": {"email": "a"}, "2": {"email": "b"}})
    before = await trial.documents(trial.query())
    for update in ({"email": "a"}, {"$set": {"x": 1, "email": "a"}}):
        refused = trial.apply(trial.change({"_id": "2"}, update))
        await expect_refusal("an update to a value that is taken", refused, Reason.UNIQUE_VIOLATION)
    expect_equal("the documents", await trial.documents(trial.query()), before)
    expect_equal("updated to its own value", await trial.update({"_id": "1"}, {"email": "a"}), 1)
    expect_equal("updated to a free value", await trial.update({"_id": "1"}, {"email": "c"}), 1)
    expect_equal("inserted with the value that got free", (await trial.insert("3", {"email": "a"})).affected, 1)


@rule(Topic.UNIQUE, Capability.UNIQUE, Capability.ATOMIC_MANY)
async def an_update_of_many_may_move_values_among_them(trial: Trial) -> None:
    """With `atomic_many`, only what stands after an update of many counts; two with one value fail all of it."""
    await trial.ensure({"fields": ["n"], "type": "unique"})
    await trial.fill({str(number): {"n": number} for number in range(4)})
    for amount in (1, -1, -1):
        expect_equal("updated", await trial.update({}, {"$inc": {"n": amount}}), 4)
    before = await trial.documents(trial.query())
    refused = trial.apply(trial.change({}, {"n": 9}))
    await expect_refusal("an update of all to one value", refused, Reason.UNIQUE_VIOLATION)
    expect_equal("the documents", await trial.documents(trial.query()), before)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def a_unique_index_of_several_fields_is_over_all_of_them(trial: Trial) -> None:
    """Documents differ in a unique index of several fields when any of them differs; missing counts as null."""
    await trial.ensure(_PAIR)
    await trial.fill({"1": {"a": 1, "b": 1}, "2": {"a": 1, "b": 2}, "3": {"a": 1}, "4": {"b": 1}, "5": {}})
    for document in ({"a": 1.0, "b": 2}, {"a": 1, "b": None}, {"a": None, "b": 1}, {"x": 1}):
        refused = trial.insert("6", document)
        error = await expect_refusal(f"an insert of {document}", refused, Reason.UNIQUE_VIOLATION)
        expect_equal("the index that the error names", error.metadata.get("index"), "unique(a, b)")


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def of_several_unique_indexes_each_holds(trial: Trial) -> None:
    """A document is refused by whichever unique index has its value already; the error names one that does."""
    await trial.ensure(_EMAIL, {"fields": ["phone"], "type": "unique"})
    await trial.insert("1", {"email": "a", "phone": 1})
    cases: tuple[tuple[Document, set[str]], ...] = (
        ({"email": "a", "phone": 2}, {"unique(email)"}),
        ({"email": "b", "phone": 1}, {"unique(phone)"}),
        ({"email": "a", "phone": 1, "x": 1}, {"unique(email)", "unique(phone)"}),
    )
    for document, indexes in cases:
        error = await expect_refusal(f"{document}", trial.insert("2", document), Reason.UNIQUE_VIOLATION)
        expect(f"the error names one of {sorted(indexes)}", error.metadata.get("index") in indexes)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def unique_is_within_a_tenant(trial: Trial) -> None:
    """Two tenants of one collection can have the same unique value."""
    await trial.ensure(_EMAIL)
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    for tenant in (north, south):
        await tenant.insert("1", {"email": "a"})
        await expect_refusal("the value again", tenant.insert("2", {"email": "a"}), Reason.UNIQUE_VIOLATION)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def of_many_inserts_of_one_unique_value_one_wins(trial: Trial) -> None:
    """Of documents with one unique value that are inserted at once exactly one is stored."""
    await trial.ensure(_EMAIL)
    results = await asyncio.gather(
        *(trial.insert(str(number), {"email": "a"}) for number in range(20)), return_exceptions=True
    )
    reasons = [result.reason for result in results if isinstance(result, DataError)]
    expect_equal("the others", reasons, [Reason.UNIQUE_VIOLATION] * 19)
    expect_equal("documents", await trial.count(), 1)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def one_insert_of_many_with_a_taken_value_fails_alone(trial: Trial) -> None:
    """In a write of many inserts those with a value that is taken, also by one before them, fail, and no others."""
    await trial.ensure(_EMAIL)
    await trial.insert("0", {"email": "a"})
    emails = ["b", "a", "c", "b", "d"]
    outcomes = await trial.write(*(trial.insertion(f"{n}-", {"email": email}) for n, email in enumerate(emails)))
    reasons = [outcome.error and outcome.error.reason for outcome in outcomes]
    taken = Reason.UNIQUE_VIOLATION
    expect_equal("the errors", reasons, [None, taken, None, taken, None])


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def a_unique_index_over_repeated_values_ends_failed(trial: Trial) -> None:
    """A unique index that is added over repeated values ends `failed`, with the count of the documents too many."""
    await trial.fill({"1": {"email": "a"}, "2": {"email": "a"}, "3": {"email": "a"}, "4": {"email": "b"}})
    (status,) = (await trial.ensure(_EMAIL)).indexes
    expect_equal("the state and the offenders", (status.state, status.offenders), (IndexState.FAILED, 2))
    expect_equal("inserted with a value that is there", (await trial.insert("5", {"email": "b"})).affected, 1)


@rule(Topic.UNIQUE, Capability.UNIQUE)
async def a_document_that_does_not_fit_repeats_no_value(trial: Trial) -> None:
    """An offender is counted once: a document whose value the index does not take has no value that another repeats."""
    await trial.fill({"1": {"o": []}, "2": {"o": {"k": None}}, "3": {"o": [1]}, "4": {"x": 1}})
    (status,) = (await trial.ensure({"fields": ["o.k"], "type": "unique"})).indexes
    expect_equal("the state and the offenders", (status.state, status.offenders), (IndexState.FAILED, 3))


RULES: tuple[Rule, ...] = (
    a_unique_value_stands_once,
    missing_counts_as_null,
    different_values_and_types_are_different,
    a_unique_violation_does_not_tell_the_value,
    a_repeated_insert_is_no_unique_violation,
    an_update_cannot_take_a_unique_value,
    an_update_of_many_may_move_values_among_them,
    a_unique_index_of_several_fields_is_over_all_of_them,
    of_several_unique_indexes_each_holds,
    unique_is_within_a_tenant,
    of_many_inserts_of_one_unique_value_one_wins,
    one_insert_of_many_with_a_taken_value_fails_alone,
    a_unique_index_over_repeated_values_ends_failed,
    a_document_that_does_not_fit_repeats_no_value,
)
