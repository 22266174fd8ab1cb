"""What is gone after a delete?"""

import asyncio

from aol_adapters.conformance.expect import expect, expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Capability, Deleted


async def _fill(trial: Trial) -> None:
    """Insert three documents, `n` from 1 to 3."""
    await trial.fill({str(number): {"n": number} for number in (1, 2, 3)})


@rule(Topic.DELETES)
async def a_delete_removes_every_document_that_matches(trial: Trial) -> None:
    """All matching documents, and only these, are gone for good; they are counted, and their ids returned."""
    await _fill(trial)
    outcome = await trial.apply(trial.removal({"n": {"$gte": 2}}))
    expect_equal("affected, and their ids", (outcome.affected, sorted(outcome.ids)), (2, ["2", "3"]))
    expect_equal("what is left", await trial.ids(deleted=Deleted.INCLUDE), ["1"])
    expect_equal("deleted again", await trial.delete({"n": 2}), 0)


@rule(Topic.DELETES)
async def without_a_filter_every_document_is_deleted(trial: Trial) -> None:
    """A delete without a filter (the broker asks for `allow_all`) deletes every document; the collection stays."""
    await _fill(trial)
    expect_equal("deleted", await trial.delete({}), 3)
    expect_equal("what is left", await trial.count(deleted=Deleted.INCLUDE), 0)
    expect_equal("inserted after it", (await trial.insert("4", {})).affected, 1)


@rule(Topic.DELETES)
async def an_id_is_free_after_a_delete(trial: Trial) -> None:
    """Another document can be inserted under the id of a deleted one, and begins with version 1."""
    await _fill(trial)
    await trial.update({"_id": "1"}, {"n": 5})
    await trial.delete({"_id": "1"})
    outcome = await trial.insert("1", {"n": 9})
    expect("no duplicate", not outcome.was_duplicate)
    after = await trial.get("1")
    expect_equal("the document and its version", (after["n"], after["_version"]), (9, 1))


@rule(Topic.DELETES, Capability.UNIQUE)
async def a_unique_value_is_free_after_a_delete(trial: Trial) -> None:
    """The unique values of a deleted document can be taken."""
    await trial.ensure({"fields": ["n"], "type": "unique"})
    await _fill(trial)
    await trial.delete({"n": 3})
    expect_equal("inserted", (await trial.insert("4", {"n": 3})).affected, 1)


@rule(Topic.DELETES)
async def of_deletes_at_once_each_document_counts_once(trial: Trial) -> None:
    """A document that several deletes at once are about is affected by one of them."""
    await trial.fill({f"{number:02}": {} for number in range(30)})
    affected = await asyncio.gather(*(trial.delete({"_id": {"$gte": f"{number:02}"}}) for number in range(10)))
    expect_equal("deleted", sum(affected), 30)
    expect_equal("what is left", await trial.count(), 0)


RULES: tuple[Rule, ...] = (
    a_delete_removes_every_document_that_matches,
    without_a_filter_every_document_is_deleted,
    an_id_is_free_after_a_delete,
    a_unique_value_is_free_after_a_delete,
    of_deletes_at_once_each_document_counts_once,
)
