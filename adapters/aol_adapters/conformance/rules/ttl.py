"""When is a document expired, and what is left of it then?"""

from collections.abc import Iterable
from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, Deleted
from aol_wire.datetimes import from_us
from aol_wire.errors import Reason
from aol_wire.filters import Json
from aol_wire.ids import now_us
from aol_wire.indexes import IndexState

_AT_ONCE: Document = {"fields": ["at"], "type": "ttl", "expireAfterSeconds": 0}
_HOUR_S = 3600
_NO_TIMES: tuple[Json, ...] = (
    None,
    0,
    1.5,
    True,
    "",
    "never",
    "2000-01-01",
    "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00.000Z",
    "2000-01-01 00:00:00.000000Z",
    "2000-01-01T00:00:00.000000+",
    "2000-01-01T00:00:00.000000z",
    "2000-13-01T00:00:00.000000Z",
    "2000-01-01T00:00:00.000000Z ",
    " 2000-01-01T00:00:00.000000Z",
    "0" * 27,
    "٢٠٠٠-01-01T00:00:00.000000Z",
)


def _hours(hours: float) -> str:
    """Return the time so many hours from now, in the form in which date-times are stored."""
    return from_us(now_us() + int(hours * _HOUR_S * 1_000_000))


def _expiring(seconds: int) -> Document:
    return {**_AT_ONCE, "expireAfterSeconds": seconds}


async def _fill(trial: Trial) -> None:
    """Insert two documents that are expired by `_AT_ONCE` and two that are not."""
    times = {"old": -2, "older": -20_000, "new": 2, "newer": 20_000}
    await trial.fill({id_: {"at": _hours(hours), "s": "red fox"} for id_, hours in times.items()})


@rule(Topic.TTL, Capability.TTL)
async def expired_documents_are_invisible_at_once(trial: Trial) -> None:
    """A document whose time is over is neither found nor counted, by any filter, from the moment that it is over."""
    await trial.ensure(_AT_ONCE)
    await _fill(trial)
    for deleted in (Deleted.EXCLUDE, Deleted.INCLUDE):
        expect_equal(f"found with {deleted}", await trial.ids(deleted=deleted), ["new", "newer"])
        expect_equal(f"counted with {deleted}", await trial.count(deleted=deleted), 2)
    conditions: tuple[Document, ...] = ({"_id": "old"}, {"at": {"$lt": _hours(0)}}, {"$not": {"_id": "new"}, "s": "x"})
    for condition in conditions:
        expect_equal(f"found by {condition}", await trial.ids(condition), [])
    expect_equal("found in order", await trial.ids({}, "-at"), ["newer", "new"])


@rule(Topic.TTL, Capability.TTL)
async def expired_documents_are_not_changed(trial: Trial) -> None:
    """Expired documents match no update, no delete, and do not count for `max_affected`."""
    await trial.ensure(_AT_ONCE)
    await _fill(trial)
    updated = await trial.apply(trial.change({}, {"x": 1}, max_affected=2))
    expect_equal("updated", (updated.affected, sorted(updated.ids)), (2, ["new", "newer"]))
    expect_equal("updated by its id", await trial.update({"_id": "old"}, {"at": _hours(5)}), 0)
    outcome = await trial.apply(trial.change({"_id": "old"}, {"x": 1}, if_version=7))
    expect_equal("updated with another version", outcome.affected, 0)
    expect_equal("deleted by its id", await trial.delete({"_id": "old"}), 0)
    expect_equal("soft-deleted of all", await trial.delete({}, soft=True), 2)


@rule(Topic.TTL, Capability.TTL)
async def expired_documents_are_neither_restored_nor_purged(trial: Trial) -> None:
    """A soft-deleted document expires as any other, and then matches no restore and no purge."""
    await _fill(trial)
    await trial.delete({}, soft=True)
    await trial.ensure(_AT_ONCE)
    expect_equal("found with only", await trial.ids(deleted=Deleted.ONLY), ["new", "newer"])
    expect_equal("restored by its id", await trial.restore({"_id": "old"}), 0)
    expect_equal("purged by its id", await trial.purge({"_id": "older"}), 0)
    expect_equal("restored of all", await trial.restore({}), 2)
    expect_equal("found", await trial.ids(), ["new", "newer"])


@rule(Topic.TTL, Capability.TTL)
async def an_expired_document_does_not_block_its_id(trial: Trial) -> None:
    """An insert under the id of an expired document succeeds as if it were gone: no duplicate, version 1."""
    await trial.ensure(_AT_ONCE)
    document = {"at": _hours(-1), "n": 1}
    await trial.insert("1", document)
    expect("the same document again is no duplicate", not (await trial.insert("1", document)).was_duplicate)
    outcome = await trial.insert("1", {"at": _hours(1), "n": 2})
    expect_equal("inserted", (outcome.affected, outcome.was_duplicate), (1, False))
    after = await trial.get("1")
    expect_equal("the document and its version", (after["n"], after["_version"]), (2, 1))


@rule(Topic.TTL, Capability.TTL, Capability.UNIQUE)
async def an_expired_document_does_not_block_a_unique_value(trial: Trial) -> None:
    """The unique values of an expired document can be taken, by an insert and by an update."""
    await trial.ensure(_AT_ONCE, {"fields": ["n"], "type": "unique"})
    await trial.fill({"1": {"at": _hours(-1), "n": 1}, "2": {"at": _hours(-1), "n": 2}, "3": {"n": 3}})
    expect_equal("inserted", (await trial.insert("4", {"n": 1})).affected, 1)
    expect_equal("updated", await trial.update({"_id": "3"}, {"n": 2}), 1)
    await expect_refusal("a value that is taken now", trial.insert("5", {"n": 1}), Reason.UNIQUE_VIOLATION)
    expect_equal("the documents", await trial.ids(deleted=Deleted.INCLUDE), ["3", "4"])


@rule(Topic.TTL, Capability.TTL)
async def a_document_expires_so_many_seconds_after_its_time(trial: Trial) -> None:
    """A document is expired when its time plus the index's seconds is over, and not before."""
    hours = {"-3": -3, "-2": -2, "-1": -1, "1": 1}
    expected = {0: ["1"], 90 * 60: ["-1", "1"], 5 * _HOUR_S // 2: ["-1", "-2", "1"], 9 * _HOUR_S: sorted(hours)}
    for seconds, visible in expected.items():
        each = await trial.fresh(_expiring(seconds))
        await each.fill({id_: {"at": _hours(hour)} for id_, hour in hours.items()})
        expect_equal(f"visible with {seconds} seconds", sorted(await each.ids()), visible)


@rule(Topic.TTL, Capability.TTL)
async def what_is_no_stored_date_time_never_expires(trial: Trial) -> None:
    """Only a string in the form of stored date-times expires: nothing, null, a number, other text never does."""
    await trial.ensure(_AT_ONCE)
    await trial.fill({"missing": {}} | {f"{number:02}": {"at": value} for number, value in enumerate(_NO_TIMES)})
    expect_equal("visible", await trial.count(), len(_NO_TIMES) + 1)
    expect_equal("updated", await trial.update({}, {"x": 1}), len(_NO_TIMES) + 1)


@rule(Topic.TTL, Capability.TTL)
async def an_update_can_make_a_document_expire(trial: Trial) -> None:
    """A document whose time is changed to one that is over is gone at once; without a time it stays."""
    await trial.ensure(_AT_ONCE)
    await _fill(trial)
    expect_equal("updated", await trial.update({"_id": "new"}, {"at": _hours(-1)}), 1)
    expect_equal("visible", await trial.ids(), ["newer"])
    await trial.update({"_id": "newer"}, {"$unset": {"at": 1}})
    expect_equal("visible without a time", await trial.ids(), ["newer"])


@rule(Topic.TTL, Capability.TTL)
async def documents_that_were_there_before_the_index_expire_too(trial: Trial) -> None:
    """A ttl index that is added later holds for the documents that are there."""
    await _fill(trial)
    expect_equal("visible before", await trial.count(), 4)
    (status,) = (await trial.ensure(_AT_ONCE)).indexes
    expect_equal("the state of the index", status.state, IndexState.READY)
    expect_equal("visible", await trial.ids(), ["new", "newer"])


@rule(Topic.TTL, Capability.TTL)
async def a_failed_ttl_index_expires_nothing(trial: Trial) -> None:
    """While a ttl index is not ready, every document stays."""
    await _fill(trial)
    await trial.insert("misfit", {"at": [_hours(-1)]})
    (status,) = (await trial.ensure(_AT_ONCE)).indexes
    expect_equal("the state and the offenders", (status.state, status.offenders), (IndexState.FAILED, 1))
    expect_equal("visible", await trial.count(), 5)


@rule(Topic.TTL, Capability.TTL)
async def any_of_several_ttl_indexes_lets_a_document_expire(trial: Trial) -> None:
    """With several ttl indexes a document is expired when it is by one of them, nested paths too."""
    await trial.ensure(_AT_ONCE, {"fields": ["o.until"], "type": "ttl", "expireAfterSeconds": 60})
    await trial.fill(
        {
            "at": {"at": _hours(-1), "o": {"until": _hours(1)}},
            "until": {"at": _hours(1), "o": {"until": _hours(-1)}},
            "neither": {"at": _hours(1), "o": {"until": _hours(0)}},
        }
    )
    expect_equal("visible", await trial.ids(), ["neither"])


@rule(Topic.TTL, Capability.TTL)
async def pages_hold_only_what_is_visible(trial: Trial) -> None:
    """Expired documents take no place in a page, and are not skipped over by `skip`."""
    await trial.ensure(_AT_ONCE)
    hidden = {f"{number:02}": {"at": _hours(-1)} for number in range(0, 20, 2)}
    await trial.fill(hidden | {f"{number:02}": {"at": _hours(1)} for number in range(1, 20, 2)})
    ids = [f"{number:02}" for number in range(1, 20, 2)]
    query = trial.query()
    for limit, skip in ((3, 0), (4, 2)):
        pages = await _pages(trial, limit, skip)
        expect_equal(f"the pages with {limit=} and {skip=}", pages, list(_sliced(ids[skip:], limit)))
    expect_equal("in one page", list((await trial.adapter.find(query)).page.id), ids)


@rule(Topic.TTL, Capability.TTL, Capability.TEXT)
async def text_search_does_not_find_what_is_expired(trial: Trial) -> None:
    """`$text` finds no expired document."""
    await trial.ensure(_AT_ONCE, {"fields": ["s"], "type": "text"})
    await _fill(trial)
    expect_equal("found", await trial.ids({"$text": "fox"}), ["new", "newer"])
    expect_equal("counted", await trial.count({"$text": "red"}), 2)


@rule(Topic.TTL, Capability.TTL)
async def expiry_is_the_same_for_every_tenant(trial: Trial) -> None:
    """Documents of each tenant expire by themselves, also for calls about all tenants."""
    await trial.ensure(_AT_ONCE)
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.fill({"1": {"at": _hours(-1)}, "2": {"at": _hours(1)}})
    await south.fill({"1": {"at": _hours(1)}, "2": {"at": _hours(-1)}})
    expect_equal("of one", await north.ids(), ["2"])
    expect_equal("of the other", await south.ids(), ["1"])
    expect_equal("of all", await trial.at(tenant=None).count(), 2)


async def _pages(trial: Trial, limit: int, skip: int) -> list[list[str]]:
    return [list(found.page.id) for found in await trial.pages(replace(trial.query(), limit=limit, skip=skip))]


def _sliced(ids: list[str], size: int) -> Iterable[list[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


RULES: tuple[Rule, ...] = (
    expired_documents_are_invisible_at_once,
    expired_documents_are_not_changed,
    expired_documents_are_neither_restored_nor_purged,
    an_expired_document_does_not_block_its_id,
    an_expired_document_does_not_block_a_unique_value,
    a_document_expires_so_many_seconds_after_its_time,
    what_is_no_stored_date_time_never_expires,
    an_update_can_make_a_document_expire,
    documents_that_were_there_before_the_index_expire_too,
    a_failed_ttl_index_expires_nothing,
    any_of_several_ttl_indexes_lets_a_document_expire,
    pages_hold_only_what_is_visible,
    text_search_does_not_find_what_is_expired,
    expiry_is_the_same_for_every_tenant,
)
