"""What becomes of documents that are marked as deleted, restored, and purged?"""

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Capability, Deleted
from aol_wire.errors import Reason
from aol_wire.filters import Json


async def _fill(trial: Trial) -> None:
    """Insert three documents, `n` from 1 to 3, of which the second is soft-deleted."""
    await trial.fill({str(number): {"n": number} for number in (1, 2, 3)})
    expect_equal("soft-deleted", await trial.delete({"_id": "2"}, soft=True), 1)


@rule(Topic.SOFT_DELETE)
async def soft_deleted_documents_are_hidden_unless_asked_for(trial: Trial) -> None:
    """A soft-deleted document is found and counted only with `include`, beside the others, or `only`, alone."""
    await _fill(trial)
    expected = ((Deleted.EXCLUDE, ["1", "3"]), (Deleted.INCLUDE, ["1", "2", "3"]), (Deleted.ONLY, ["2"]))
    for deleted, ids in expected:
        expect_equal(f"found with {deleted}", await trial.ids(deleted=deleted), ids)
        expect_equal(f"counted with {deleted}", await trial.count(deleted=deleted), len(ids))
    expect_equal("counted by its value", await trial.count({"n": 2}), 0)
    expect_equal("counted by its value with only", await trial.count({"n": 2}, deleted=Deleted.ONLY), 1)
    expect_equal("another by its value with only", await trial.count({"n": 1}, deleted=Deleted.ONLY), 0)


@rule(Topic.SOFT_DELETE)
async def a_soft_delete_says_when_and_keeps_the_document(trial: Trial) -> None:
    """A soft delete sets `_deleted_at`, and leaves the fields, the version and `_updated_at` alone."""
    await trial.insert("1", {"n": 1})
    before = await trial.get("1")
    removal = trial.removal({"_id": "1"}, soft=True)
    outcome = await trial.apply(removal)
    expect_equal("affected, and its ids", (outcome.affected, outcome.ids), (1, ("1",)))
    expect_equal("the document", await trial.get("1"), before | {"_deleted_at": removal.now_us})


@rule(Topic.SOFT_DELETE)
async def deletion_times_can_be_filtered_and_sorted(trial: Trial) -> None:
    """`_deleted_at` is a time for filters and sorts as other metadata, and null while a document is not deleted."""
    await trial.fill({str(number): {} for number in (1, 2, 3)})
    await trial.delete({"_id": "3"}, soft=True)
    await trial.delete({"_id": "1"}, soft=True)
    cases: list[tuple[dict[str, Json], list[str]]] = [
        ({"_deleted_at": None}, ["2"]),
        ({"_deleted_at": {"$exists": True}}, ["3", "1"]),
        ({"_deleted_at": {"$gte": "2000-01-01"}}, ["3", "1"]),
        ({"_deleted_at": {"$lt": "2000-01-01"}}, []),
        ({}, ["2", "3", "1"]),
    ]
    for condition, expected in cases:
        found = await trial.ids(condition, "_deleted_at", deleted=Deleted.INCLUDE)
        expect_equal(f"the documents that match {condition}, by time", found, expected)


@rule(Topic.SOFT_DELETE)
async def soft_deleted_documents_match_no_update(trial: Trial) -> None:
    """An update leaves soft-deleted documents as they are, also when it names them."""
    await _fill(trial)
    before = await trial.get("2")
    expect_equal("updated of all", await trial.update({}, {"x": 1}), 2)
    expect_equal("updated by its id", await trial.update({"_id": "2"}, {"x": 1}), 0)
    expect_equal("the soft-deleted document", await trial.get("2"), before)


@rule(Topic.SOFT_DELETE)
async def soft_deleted_documents_match_no_delete(trial: Trial) -> None:
    """A delete, soft or hard, leaves soft-deleted documents and their `_deleted_at` as they are."""
    await _fill(trial)
    before = await trial.get("2")
    expect_equal("soft-deleted by its id", await trial.delete({"_id": "2"}, soft=True), 0)
    expect_equal("soft-deleted of the others", await trial.delete({"n": {"$lt": 3}}, soft=True), 1)
    expect_equal("deleted of the rest", await trial.delete({}), 1)
    expect_equal("the document", await trial.get("2"), before)
    expect_equal("what is left", await trial.ids(deleted=Deleted.ONLY), ["1", "2"])


@rule(Topic.SOFT_DELETE)
async def the_id_of_a_soft_deleted_document_stays_taken(trial: Trial) -> None:
    """An insert under the id of a soft-deleted document is DUPLICATE_ID, also of an equal document."""
    await _fill(trial)
    for document in ({"n": 2}, {"n": 5}):
        await expect_refusal(f"an insert of {document}", trial.insert("2", document), Reason.DUPLICATE_ID)
    expect_equal("the soft-deleted document", (await trial.get("2"))["n"], 2)


@rule(Topic.SOFT_DELETE, Capability.UNIQUE)
async def the_unique_values_of_a_soft_deleted_document_stay_taken(trial: Trial) -> None:
    """A unique value is free after a purge or a hard delete, not after a soft delete."""
    await trial.ensure({"fields": ["n"], "type": "unique"})
    await _fill(trial)
    await expect_refusal("an insert of its value", trial.insert("4", {"n": 2}), Reason.UNIQUE_VIOLATION)
    refused = trial.apply(trial.change({"_id": "1"}, {"n": 2}))
    await expect_refusal("an update to its value", refused, Reason.UNIQUE_VIOLATION)
    await trial.purge({"_id": "2"})
    expect_equal("inserted after the purge", (await trial.insert("4", {"n": 2})).affected, 1)


@rule(Topic.SOFT_DELETE, Capability.TEXT)
async def text_search_does_not_find_what_is_soft_deleted(trial: Trial) -> None:
    """`$text` finds a soft-deleted document only when it is asked for, and again after a restore."""
    await trial.ensure({"fields": ["s"], "type": "text"})
    await trial.fill({"1": {"s": "red fox"}, "2": {"s": "red hen"}})
    await trial.delete({"_id": "2"}, soft=True)
    expect_equal("found", await trial.ids({"$text": "red"}), ["1"])
    expect_equal("found with only", await trial.ids({"$text": "red"}, deleted=Deleted.ONLY), ["2"])
    await trial.restore({"$text": "hen"})
    expect_equal("found after the restore", await trial.ids({"$text": "red"}), ["1", "2"])
    await trial.delete({"$text": "hen"}, soft=True)
    await trial.purge({"$text": "hen"})
    expect_equal("found after the purge", await trial.ids({"$text": "red"}, deleted=Deleted.INCLUDE), ["1"])


@rule(Topic.SOFT_DELETE)
async def a_restore_brings_back_what_matches(trial: Trial) -> None:
    """A restored document is as it was before the soft delete: fields, version and `_updated_at`."""
    await trial.fill({str(number): {"n": number} for number in range(4)})
    await trial.update({"_id": "1"}, {"x": 1})
    before = await trial.documents(trial.query())
    await trial.delete({}, soft=True)
    outcome = await trial.apply(trial.restoring({"n": {"$in": [1, 2]}}))
    expect_equal("restored, and their ids", (outcome.affected, sorted(outcome.ids)), (2, ["1", "2"]))
    expect_equal("the restored documents", await trial.documents(trial.query()), before[1:3])
    expect_equal("restored of the rest", await trial.restore({}), 2)
    expect_equal("all documents", await trial.documents(trial.query()), before)


@rule(Topic.SOFT_DELETE)
async def only_soft_deleted_documents_are_restored(trial: Trial) -> None:
    """A document that is not deleted matches no restore, and is left as it is."""
    await _fill(trial)
    before = await trial.documents(trial.query())
    expect_equal("restored", await trial.restore({"n": {"$ne": 2}}), 0)
    expect_equal("the documents", await trial.documents(trial.query()), before)
    expect_equal("restored of all", await trial.restore({}), 1)
    expect_equal("restored again", await trial.restore({}), 0)


@rule(Topic.SOFT_DELETE)
async def a_purge_removes_soft_deleted_documents_for_good(trial: Trial) -> None:
    """A purge deletes the soft-deleted documents that match, and only these; their ids are free then."""
    await _fill(trial)
    expect_equal("purged of others", await trial.purge({"n": {"$ne": 2}}), 0)
    outcome = await trial.apply(trial.purging({}))
    expect_equal("purged, and their ids", (outcome.affected, outcome.ids), (1, ("2",)))
    expect_equal("what is left", await trial.ids(deleted=Deleted.INCLUDE), ["1", "3"])
    expect_equal("restored after it", await trial.restore({}), 0)
    outcome = await trial.insert("2", {"n": 2})
    expect("a new document under its id", not outcome.was_duplicate)
    expect_equal("its version", (await trial.get("2"))["_version"], 1)


RULES: tuple[Rule, ...] = (
    soft_deleted_documents_are_hidden_unless_asked_for,
    a_soft_delete_says_when_and_keeps_the_document,
    deletion_times_can_be_filtered_and_sorted,
    soft_deleted_documents_match_no_update,
    soft_deleted_documents_match_no_delete,
    the_id_of_a_soft_deleted_document_stays_taken,
    the_unique_values_of_a_soft_deleted_document_stay_taken,
    text_search_does_not_find_what_is_soft_deleted,
    a_restore_brings_back_what_matches,
    only_soft_deleted_documents_are_restored,
    a_purge_removes_soft_deleted_documents_for_good,
)
