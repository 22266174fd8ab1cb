"""What does an insert store, and what happens when it is repeated?"""

import asyncio
from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.rules.updates import fields_of
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Deleted, Insert, Stamps
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.limits import DOCUMENT_ID_MAX_BYTES, DOCUMENT_MAX_BYTES, DOCUMENT_MAX_DEPTH

_IDS = (
    "a",
    "é😀",
    "a" * DOCUMENT_ID_MAX_BYTES,
    "with space",
    "'",
    '"',
    "\\",
    "%",
    "a/b",
    "..",
    "\n",
    "null",
    "1",
    "01",
)
_EQUAL: tuple[tuple[Document, Document], ...] = (
    ({}, {}),
    ({"a": 1, "b": [1, {"c": None}]}, {"b": [1.0, {"c": None}], "a": 1}),
    ({"n": 2**53}, {"n": float(2**53)}),
    ({"o": {"x": 1, "y": 2}}, {"o": {"y": 2, "x": 1}}),
)
_DIFFERENT: tuple[tuple[Document, Document], ...] = (
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"a": "1"}),
    ({"a": None}, {}),
    ({}, {"a": 1}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ({"n": 2**53 + 1}, {"n": float(2**53)}),
)

_STAMPS = Stamps(created_us=1_500_000_000_000_001, updated_us=1_600_000_000_000_002, version=2**40)
_STAMPS_OF_DELETED = replace(_STAMPS, deleted_us=1_600_000_000_000_003)


def _stamped(trial: Trial, id_: str, document: Document, stamps: Stamps) -> Insert:
    return replace(trial.insertion(id_, document, owner="ann", acl='["x"]'), stamps=stamps)


@rule(Topic.INSERTS)
async def a_document_reads_back_as_it_was_written(trial: Trial) -> None:
    """Every JSON value reads back as it was written: numbers, strings of any characters, nested and empty ones."""
    document: dict[str, Json] = {
        "integers": [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
        "doubles": [0.1, 1.5, 1e-300, 5e-324, 1.7976931348623157e308, 1e15 + 0.5],
        "strings": ["", "é", "e\u0301", "😀", "\u2028", "\x01\x1f\x7f", "'\"\\", "null", "1"],
        "others": [None, True, False, [], {}, [[]], {"k": {}}],
        "é": {"with space": 1, "'": 2, "😀": 3, "__proto__": {"a": 4}, "constructor": 5},
    }
    await trial.insert("1", document)
    expect_equal("the document", fields_of(await trial.get("1")), document)


@rule(Topic.INSERTS)
async def an_insert_stamps_metadata(trial: Trial) -> None:
    """A new document has version 1, the insert's time as creation and update, its owner and acl, if it names them."""
    insertion, plain = trial.insertion("1", {"a": 1}, owner="ann", acl='["x"]'), trial.insertion("2", {})
    await trial.write(insertion, plain)
    expected: Document = {
        "a": 1,
        "_id": "1",
        "_created_at": insertion.now_us,
        "_updated_at": insertion.now_us,
        "_version": 1,
        "_owner": "ann",
        "_acl": '["x"]',
    }
    expect_equal("the document", await trial.get("1"), expected)
    expected = {"_id": "2", "_created_at": plain.now_us, "_updated_at": plain.now_us, "_version": 1}
    expect_equal("the document without an owner", await trial.get("2"), expected)


@rule(Topic.INSERTS)
async def an_insert_with_stamps_keeps_them(trial: Trial) -> None:
    """An insert with stamps stores their times and version, not its own time and 1; an update counts on from there."""
    await trial.apply(_stamped(trial, "1", {"a": 1}, _STAMPS))
    expected: Document = {
        "a": 1,
        "_id": "1",
        "_created_at": _STAMPS.created_us,
        "_updated_at": _STAMPS.updated_us,
        "_version": _STAMPS.version,
        "_owner": "ann",
        "_acl": '["x"]',
    }
    expect_equal("the document", await trial.get("1"), expected)
    change = trial.change({"_version": _STAMPS.version}, {"a": 2})
    expect_equal("updated by its version", (await trial.apply(change)).affected, 1)
    changed = {**expected, "a": 2, "_updated_at": change.now_us, "_version": _STAMPS.version + 1}
    expect_equal("the updated document", await trial.get("1"), changed)


@rule(Topic.INSERTS)
async def stamps_with_a_deletion_time_insert_a_soft_deleted_document(trial: Trial) -> None:
    """Stamps with a deletion time make the document arrive soft-deleted at that time, hidden; it can be restored."""
    await trial.apply(_stamped(trial, "1", {"a": 1}, _STAMPS_OF_DELETED))
    expect_equal("found", await trial.ids(), [])
    expect_equal("found with only", await trial.ids(deleted=Deleted.ONLY), ["1"])
    document = await trial.get("1")
    expect_equal("its deletion time", document.pop("_deleted_at"), _STAMPS_OF_DELETED.deleted_us)
    expect_equal("its version", document["_version"], _STAMPS.version)
    expect_equal("restored", await trial.restore({}), 1)
    expect_equal("the restored document", await trial.get("1", Deleted.EXCLUDE), document)


@rule(Topic.INSERTS)
async def repeating_an_insert_with_stamps_succeeds(trial: Trial) -> None:
    """An insert with stamps of a document that is there, equal, and soft-deleted as they say, is `was_duplicate`."""
    for id_, stamps in (("living", _STAMPS), ("deleted", _STAMPS_OF_DELETED)):
        await trial.apply(_stamped(trial, id_, {"a": 1}, stamps))
        before = await trial.get(id_)
        outcome = await trial.apply(_stamped(trial, id_, {"a": 1.0}, replace(stamps, version=7)))
        answer = outcome.affected, outcome.was_duplicate, outcome.ids
        expect_equal(f"the {id_} document again", answer, (1, True, (id_,)))
        again = _stamped(trial, id_, {"a": 2}, stamps)
        await expect_refusal(f"another one over the {id_} document", trial.apply(again), Reason.DUPLICATE_ID)
        expect_equal(f"the {id_} document", await trial.get(id_), before)


@rule(Topic.INSERTS)
async def a_living_and_a_soft_deleted_document_are_not_equal(trial: Trial) -> None:
    """An insert of an equal document, soft-deleted where the one that is there is not or the reverse, is
    DUPLICATE_ID, and changes nothing."""
    cases = (("living", _STAMPS, _STAMPS_OF_DELETED), ("deleted", _STAMPS_OF_DELETED, _STAMPS))
    for id_, first, second in cases:
        await trial.apply(_stamped(trial, id_, {"a": 1}, first))
        before = await trial.get(id_)
        again = trial.apply(_stamped(trial, id_, {"a": 1}, second))
        await expect_refusal(f"the other over the {id_} document", again, Reason.DUPLICATE_ID)
        expect_equal(f"the {id_} document", await trial.get(id_), before)


@rule(Topic.INSERTS)
async def any_string_up_to_256_bytes_is_an_id(trial: Trial) -> None:
    """Ids are strings of any characters, told apart exactly; each is found, changed and deleted by itself."""
    await trial.fill({id_: {"n": 1} for id_ in _IDS})
    expect_equal("the documents", sorted(await trial.ids()), sorted(_IDS))
    for id_ in _IDS:
        expect_equal(f"found by the id {id_!r}", await trial.ids({"_id": id_}), [id_])
    for id_ in _IDS:
        changes = trial.change({"_id": id_}, {"n": 2}), trial.removal({"_id": id_, "n": 2})
        outcomes = await trial.write(*changes)
        expect_equal(f"affected under the id {id_!r}", [outcome.affected for outcome in outcomes], [1, 1])
    expect_equal("what is left", await trial.count(), 0)


@rule(Topic.INSERTS)
async def repeating_an_insert_of_an_equal_document_succeeds(trial: Trial) -> None:
    """An insert of a document that is there and equal as JSON is one affected, `was_duplicate`, and changes nothing."""
    await trial.fill({str(number): first for number, (first, _) in enumerate(_EQUAL)})
    before = await trial.documents(trial.query())
    for number, (first, second) in enumerate(_EQUAL):
        outcome = await trial.apply(trial.insertion(str(number), second, owner="bob", acl="[]"))
        answer = outcome.affected, outcome.was_duplicate, outcome.ids
        expect_equal(f"{second} inserted over {first}", answer, (1, True, (str(number),)))
    expect_equal("the documents", await trial.documents(trial.query()), before)


@rule(Topic.INSERTS)
async def another_document_under_the_same_id_is_refused(trial: Trial) -> None:
    """An insert of a document that differs from the one of its id is DUPLICATE_ID and changes nothing."""
    await trial.fill({str(number): first for number, (first, _) in enumerate(_DIFFERENT)})
    before = await trial.documents(trial.query())
    for number, (first, second) in enumerate(_DIFFERENT):
        inserted = trial.insert(str(number), second)
        await expect_refusal(f"{second} inserted over {first}", inserted, Reason.DUPLICATE_ID)
    expect_equal("the documents", await trial.documents(trial.query()), before)


@rule(Topic.INSERTS)
async def a_document_that_was_updated_since_is_another_one(trial: Trial) -> None:
    """A repeated insert is compared with the document as it is now, not as it was inserted."""
    await trial.insert("1", {"a": 1})
    await trial.update({"_id": "1"}, {"a": 2})
    await expect_refusal("the first document again", trial.insert("1", {"a": 1}), Reason.DUPLICATE_ID)
    expect("the updated document again is a duplicate", (await trial.insert("1", {"a": 2})).was_duplicate)


@rule(Topic.INSERTS)
async def the_same_id_twice_in_one_write_is_decided_in_order(trial: Trial) -> None:
    """Of inserts under one id in one write the first one counts; an equal one repeats it, another one is refused."""
    documents: list[Document] = [{"a": 1}, {"a": 1}, {"a": 2}]
    outcomes = await trial.write(*(trial.insertion("1", document) for document in documents))
    expect_equal("duplicates", [outcome.was_duplicate for outcome in outcomes], [False, True, False])
    reasons = [outcome.error and outcome.error.reason for outcome in outcomes]
    expect_equal("errors", reasons, [None, None, Reason.DUPLICATE_ID])
    expect_equal("the document", (await trial.get("1"))["a"], 1)


@rule(Topic.INSERTS)
async def of_many_inserts_under_one_id_one_wins(trial: Trial) -> None:
    """Of different documents inserted under one id at once exactly one is stored; the others are DUPLICATE_ID."""
    results = await asyncio.gather(
        *(trial.insert("same", {"n": number}) for number in range(20)), return_exceptions=True
    )
    reasons = [result.reason for result in results if isinstance(result, DataError)]
    expect_equal("the others", reasons, [Reason.DUPLICATE_ID] * 19)
    expect_equal("documents", await trial.count(), 1)


@rule(Topic.INSERTS)
async def many_inserts_at_once_all_arrive(trial: Trial) -> None:
    """Concurrent inserts of different documents are all stored."""
    ids = [f"{number:03}" for number in range(100)]
    outcomes = await asyncio.gather(*(trial.insert(id_, {"id": id_}) for id_ in ids))
    expect_equal("affected", [outcome.affected for outcome in outcomes], [1] * len(ids))
    expect_equal("the documents", await trial.ids(), ids)


@rule(Topic.INSERTS)
async def a_document_of_the_largest_size_and_depth_is_kept(trial: Trial) -> None:
    """Documents of 1 MiB and of 64 levels are stored, read back and can be updated."""
    deep: Json = 1
    for _ in range(DOCUMENT_MAX_DEPTH - 1):
        deep = {"d": deep}
    text = "x" * (DOCUMENT_MAX_BYTES - 100)
    await trial.fill({"deep": {"d": deep}, "large": {"s": text}})
    expect_equal("the deep document", (await trial.get("deep"))["d"], deep)
    expect("the large document", (await trial.get("large"))["s"] == text)
    expect_equal("updated", await trial.update({}, {"n": 1}), 2)


@rule(Topic.INSERTS)
async def an_insert_needs_one_tenant(trial: Trial) -> None:
    """An insert across all tenants is BAD_REQUEST, and stores nothing."""
    everywhere = trial.at(tenant=None)
    await expect_refusal("an insert without a tenant", everywhere.insert("1", {}), Reason.BAD_REQUEST)
    expect_equal("documents", await everywhere.count(), 0)


RULES: tuple[Rule, ...] = (
    a_document_reads_back_as_it_was_written,
    an_insert_stamps_metadata,
    an_insert_with_stamps_keeps_them,
    stamps_with_a_deletion_time_insert_a_soft_deleted_document,
    repeating_an_insert_with_stamps_succeeds,
    a_living_and_a_soft_deleted_document_are_not_equal,
    any_string_up_to_256_bytes_is_an_id,
    repeating_an_insert_of_an_equal_document_succeeds,
    another_document_under_the_same_id_is_refused,
    a_document_that_was_updated_since_is_another_one,
    the_same_id_twice_in_one_write_is_decided_in_order,
    of_many_inserts_under_one_id_one_wins,
    many_inserts_at_once_all_arrive,
    a_document_of_the_largest_size_and_depth_is_kept,
    an_insert_needs_one_tenant,
)
