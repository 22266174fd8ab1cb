"""Do guards keep a change from doing too much?"""

import asyncio

from aol_adapters.conformance.expect import expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Deleted
from aol_wire.errors import DataError, Reason

_TOO_MANY = Reason.MAX_AFFECTED_EXCEEDED


async def _fill(trial: Trial) -> None:
    """Insert five documents, `n` from 0 to 4."""
    await trial.fill({str(number): {"n": number} for number in range(5)})


@rule(Topic.GUARDS)
async def max_affected_makes_too_broad_an_update_fail(trial: Trial) -> None:
    """An update of more documents than `max_affected` is refused and changes nothing; as many are fine."""
    await _fill(trial)
    refused = trial.apply(trial.change({}, {"x": 1}, max_affected=4))
    await expect_refusal("an update of 5 with max_affected 4", refused, _TOO_MANY)
    expect_equal("documents that were updated", await trial.count({"x": 1}), 0)
    expect_equal("documents of version 1", await trial.count({"_version": 1}), 5)
    outcome = await trial.apply(trial.change({}, {"x": 1}, max_affected=5))
    expect_equal("affected with max_affected 5", outcome.affected, 5)


@rule(Topic.GUARDS)
async def max_affected_makes_too_broad_a_delete_fail(trial: Trial) -> None:
    """A delete, hard or soft, of more documents than `max_affected` fails and deletes nothing; as many are fine."""
    for soft in (True, False):
        each = await trial.fresh()
        await _fill(each)
        refused = each.apply(each.removal({"n": {"$gt": 0}}, soft=soft, max_affected=3))
        await expect_refusal(f"a delete of 4 with max_affected 3, {soft=}", refused, _TOO_MANY)
        expect_equal("documents that are left", await each.count(), 5)
        outcome = await each.apply(each.removal({"n": {"$gt": 0}}, soft=soft, max_affected=4))
        expect_equal("affected with max_affected 4", outcome.affected, 4)


@rule(Topic.GUARDS)
async def max_affected_guards_restore_and_purge(trial: Trial) -> None:
    """A restore or purge of more documents than `max_affected` fails and changes nothing; as many are fine."""
    await _fill(trial)
    await trial.delete({"n": {"$lt": 4}}, soft=True)
    await expect_refusal("a restore of 4 with 3", trial.apply(trial.restoring({}, max_affected=3)), _TOO_MANY)
    await expect_refusal("a purge of 4 with 3", trial.apply(trial.purging({}, max_affected=3)), _TOO_MANY)
    expect_equal("soft-deleted documents", await trial.count(deleted=Deleted.ONLY), 4)
    restored = await trial.apply(trial.restoring({"n": {"$lt": 2}}, max_affected=2))
    purged = await trial.apply(trial.purging({}, max_affected=2))
    expect_equal("restored and purged", (restored.affected, purged.affected), (2, 2))
    expect_equal("what is left", await trial.ids(deleted=Deleted.INCLUDE), ["0", "1", "4"])


@rule(Topic.GUARDS)
async def max_affected_of_zero_allows_only_no_match(trial: Trial) -> None:
    """`max_affected` 0 is a limit as any other: no match succeeds, one match fails."""
    await _fill(trial)
    outcome = await trial.apply(trial.change({"n": 9}, {"x": 1}, max_affected=0))
    expect_equal("affected without a match", outcome.affected, 0)
    refused = trial.apply(trial.change({"n": 1}, {"x": 1}, max_affected=0))
    await expect_refusal("an update of 1 with max_affected 0", refused, _TOO_MANY)


@rule(Topic.GUARDS)
async def max_affected_does_not_count_what_is_hidden(trial: Trial) -> None:
    """Soft-deleted documents match neither an update nor a delete, and do not count for `max_affected`."""
    await _fill(trial)
    await trial.delete({"n": {"$lt": 4}}, soft=True)
    expect_equal("updated", (await trial.apply(trial.change({}, {"x": 1}, max_affected=1))).affected, 1)
    expect_equal("deleted", (await trial.apply(trial.removal({}, max_affected=1))).affected, 1)


@rule(Topic.GUARDS)
async def if_version_changes_only_a_document_of_that_version(trial: Trial) -> None:
    """An update with `if_version` of a document of another version is VERSION_MISMATCH and changes nothing."""
    await _fill(trial)
    outcome = await trial.apply(trial.change({"_id": "1"}, {"x": 1}, if_version=1))
    expect_equal("affected with the right version", outcome.affected, 1)
    for version in (1, 3):
        refused = trial.apply(trial.change({"_id": "1"}, {"x": 2}, if_version=version))
        await expect_refusal(f"version 2 with if_version {version}", refused, Reason.VERSION_MISMATCH)
    after = await trial.get("1")
    expect_equal("the value and the version", (after["x"], after["_version"]), (1, 2))


@rule(Topic.GUARDS)
async def if_version_deletes_only_a_document_of_that_version(trial: Trial) -> None:
    """A delete with `if_version`, hard or soft, of a document of another version is VERSION_MISMATCH."""
    await _fill(trial)
    await trial.update({"_id": {"$in": ["1", "2"]}}, {"x": 1})
    for id_, soft in (("1", True), ("2", False)):
        refused = trial.apply(trial.removal({"_id": id_}, soft=soft, if_version=1))
        await expect_refusal(f"a delete of version 2 with if_version 1, {soft=}", refused, Reason.VERSION_MISMATCH)
        expect_equal("it is there", await trial.count({"_id": id_}), 1)
        outcome = await trial.apply(trial.removal({"_id": id_}, soft=soft, if_version=2))
        expect_equal("affected with the right version", outcome.affected, 1)


@rule(Topic.GUARDS)
async def if_version_without_a_match_affects_nothing(trial: Trial) -> None:
    """`if_version` of a document that is not there, or is soft-deleted, is no error: nothing is affected."""
    await _fill(trial)
    await trial.delete({"_id": "1"}, soft=True)
    for id_ in ("none", "1"):
        updated = await trial.apply(trial.change({"_id": id_}, {"x": 1}, if_version=1))
        deleted = await trial.apply(trial.removal({"_id": id_}, if_version=1))
        expect_equal(f"affected of {id_}", (updated.affected, deleted.affected), (0, 0))
    expect_equal("soft-deleted documents", await trial.ids(deleted=Deleted.ONLY), ["1"])


@rule(Topic.GUARDS)
async def if_version_is_asked_only_of_a_document_that_meets_every_condition(trial: Trial) -> None:
    """`if_version` beside further conditions than the id: a document that does not meet them is no match, whatever its
    version; one that does is VERSION_MISMATCH for another version."""
    await _fill(trial)
    await trial.delete({"_id": "2"}, soft=True)
    for version in (1, 7):
        for outcome in (
            await trial.apply(trial.change({"_id": "1", "n": 9}, {"x": 1}, if_version=version)),
            await trial.apply(trial.removal({"_id": "1", "n": 9}, if_version=version)),
            await trial.apply(trial.removal({"_id": "1", "n": 9}, soft=True, if_version=version)),
            await trial.apply(trial.purging({"_id": "2", "n": 9}, if_version=version)),
        ):
            expect_equal(f"affected with version {version}", outcome.affected, 0)
    for mutation in (
        trial.change({"_id": "1", "n": 1}, {"x": 1}, if_version=7),
        trial.removal({"_id": "1", "n": 1}, if_version=7),
    ):
        await expect_refusal("version 1 with if_version 7", trial.apply(mutation), Reason.VERSION_MISMATCH)
    updated = await trial.apply(trial.change({"_id": "1", "n": 1}, {"x": 1}, if_version=1))
    expect_equal("affected of a document that meets them", updated.affected, 1)


@rule(Topic.GUARDS)
async def if_version_guards_a_purge(trial: Trial) -> None:
    """A purge with `if_version` of a soft-deleted document of another version is VERSION_MISMATCH."""
    await _fill(trial)
    await trial.delete({"_id": "1"}, soft=True)
    refused = trial.apply(trial.purging({"_id": "1"}, if_version=2))
    await expect_refusal("a purge of version 1 with if_version 2", refused, Reason.VERSION_MISMATCH)
    purged = await trial.apply(trial.purging({"_id": "1"}, if_version=1))
    expect_equal("purged with the right version", purged.affected, 1)


@rule(Topic.GUARDS)
async def of_many_updates_with_one_version_one_wins(trial: Trial) -> None:
    """Of updates with the same `if_version` at once, exactly one is applied; the others are VERSION_MISMATCH."""
    await _fill(trial)
    results = await asyncio.gather(
        *(trial.apply(trial.change({"_id": "1"}, {"x": number}, if_version=1)) for number in range(10)),
        return_exceptions=True,
    )
    reasons = [result.reason for result in results if isinstance(result, DataError)]
    expect_equal("the others", reasons, [Reason.VERSION_MISMATCH] * 9)
    expect_equal("the version", (await trial.get("1"))["_version"], 2)


RULES: tuple[Rule, ...] = (
    max_affected_makes_too_broad_an_update_fail,
    max_affected_makes_too_broad_a_delete_fail,
    max_affected_guards_restore_and_purge,
    max_affected_of_zero_allows_only_no_match,
    max_affected_does_not_count_what_is_hidden,
    if_version_changes_only_a_document_of_that_version,
    if_version_deletes_only_a_document_of_that_version,
    if_version_without_a_match_affects_nothing,
    if_version_is_asked_only_of_a_document_that_meets_every_condition,
    if_version_guards_a_purge,
    of_many_updates_with_one_version_one_wins,
)
