"""Does the comparison of two sides find all that is not equal, and nothing else, wherever it is interrupted?"""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aol.data.v1.document_pb2 import Page
from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.moving import comparing, copying
from aol_broker.moving.comparing import Comparison
from aol_broker.moving.copying import copy
from aol_broker.moving.digests import copied, digested
from aol_broker.registry.moves import Differences, Move, Phase, Progress, move_from_row, move_to_row
from aol_wire.adapter import CollectionSpec, Deleted, Find, Insert, Stamps, Target, Write
from aol_wire.datetimes import from_us
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us
from aol_wire.indexes import IndexField, IndexSpec, IndexType

WHERE = Target("shop", "items", None)
TTL = IndexSpec((IndexField(("at",)),), IndexType.TTL, 0)
Key = tuple[str, str]


async def side(documents: dict[Key, Any], *indexes: IndexSpec) -> MemoryAdapter:
    adapter = MemoryAdapter()
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(WHERE, indexes=indexes))
    for (tenant, id_), document in documents.items():
        insert = Insert(id_, json.dumps(document), 1, stamps=Stamps(1, 2, 3))
        await adapter.write(Write(Target("shop", "items", tenant), [insert]))
    return adapter


def stored_and_read_again(progress: Progress) -> Progress:
    move = Move("shop.items", "a", "b", Phase.VERIFYING, 0, 0, "operator", progress)
    row: Any = move_to_row(move)
    assert move_from_row(row) == move
    return move_from_row(row).progress


async def compared(source: MemoryAdapter, target: MemoryAdapter, *indexes: IndexSpec) -> Progress:
    """Compare, interrupted after each reading of a page."""
    progress, is_all = Progress(), False
    while not is_all:
        comparison = Comparison(source, target, WHERE, indexes, stored_and_read_again(progress))
        progress, is_all = await comparison.run(until=0, left_s=lambda: 1.0)
    return progress


keys = st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["1", "2", "é", "😀", "\uffff", "x" * 9]))
documents = st.dictionaries(keys, st.sampled_from([{"n": 1}, {"n": 2}, {}]), max_size=12)


@pytest.mark.parametrize("page", [1, 2, 5, 1000])
@given(documents, documents)
@settings(max_examples=60, deadline=None)
async def test_every_difference_is_counted_once(page: int, left: dict[Key, Any], right: dict[Key, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "PAGE_DOCUMENTS", page)
        progress = await compared(await side(left), await side(right))
    both = left.keys() & right.keys()
    different = sum(1 for key in both if left[key] != right[key])
    assert progress.differences == Differences(len(left.keys() - both), len(right.keys() - both), different)
    assert (progress.source.count, progress.target.count) == (len(left), len(right))
    assert (progress.source.checksum == progress.target.checksum) is (left == right)


@pytest.mark.parametrize("page", [1, 2, 1000])
@given(documents)
@settings(max_examples=40, deadline=None)
async def test_what_was_copied_is_equal_wherever_it_was_interrupted(page: int, stored: dict[Key, Any]) -> None:
    source, target = await side(stored), await side({})
    progress, is_all = Progress(), False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "PAGE_DOCUMENTS", page)
        while not is_all:
            progress, is_all = await copy(
                source, target, WHERE, stored_and_read_again(progress), until=0, left_s=lambda: 1.0
            )
    assert progress.copied == len(stored)
    assert not (await compared(source, target)).differences


async def test_what_expires_soon_counts_on_neither_side() -> None:
    now = now_us()
    passing, lasting = {"at": from_us(now + 30_000_000)}, {"at": from_us(now + 3_600_000_000)}
    left = await side({("", "1"): passing, ("", "2"): lasting, ("", "3"): {"at": "never"}}, TTL)
    right = await side({("", "0"): passing, ("", "2"): lasting, ("", "3"): {"at": "never"}}, TTL)
    progress = await compared(left, right, TTL)
    assert (progress.differences, progress.source.count, progress.target.count) == (Differences(), 2, 2)
    assert progress.source.checksum == progress.target.checksum
    assert (await compared(left, right)).differences == Differences(1, 1), (
        "without the ttl index they are there to stay"
    )


def digest_of(json_text: str, **columns: Iterable[Any]) -> bytes:
    page = Page(id=["1"], json=[json_text], created_us=[1], updated_us=[2], version=[3])
    for name, values in columns.items():
        del getattr(page, name)[:]
        getattr(page, name).extend(values)
    return digested(page, (), 0)[0].digest


EQUAL = [
    ('{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3.0,"c":2},"a":1.0}'),
    ('{"n":1e16}', '{"n":10000000000000000}'),
    ('{"n":1e19}', '{"n":10000000000000000000}'),
    ('{"n":1e22}', '{"n":10000000000000000000000}'),
    ('{"n":-0.0}', '{"n":0}'),
    ('{"s":"\\u00e9"}', '{"s":"é"}'),
]
DIFFERENT = [
    ('{"n":9007199254740993}', '{"n":9007199254740992.0}'),
    ('{"n":9223372036854775807}', '{"n":9223372036854775808.0}'),
    ('{"n":1}', '{"n":true}'),
    ('{"n":1}', '{"n":"1"}'),
    ('{"n":null}', "{}"),
    ('{"n":[1,2]}', '{"n":[2,1]}'),
    ('{"n":0.1}', '{"n":0.10000000000000002}'),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_documents_have_equal_digests(left: str, right: str) -> None:
    assert digest_of(left) == digest_of(right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_documents_that_differ_have_other_digests(left: str, right: str) -> None:
    assert digest_of(left) != digest_of(right)


@pytest.mark.parametrize(
    "columns",
    [
        {"id": ["2"]},
        {"created_us": [9]},
        {"updated_us": [9]},
        {"version": [9]},
        {"deleted_us": [9]},
        {"owner": ["ann"]},
        {"tenant": ["t"]},
        {"acl": ['["x"]']},
    ],
)
def test_every_piece_of_metadata_is_in_the_digest(columns: dict[str, list[Any]]) -> None:
    assert digest_of("{}", **columns) != digest_of("{}")


def test_an_acl_is_compared_as_json() -> None:
    assert digest_of("{}", acl=['{"a": 1, "b": 2}']) == digest_of("{}", acl=['{"b":2,"a":1}'])


async def test_all_metadata_is_copied() -> None:
    source, target = await side({}), await side({})
    stamps = Stamps(1, 2, 3, 4)
    await source.write(Write(Target("shop", "items", "t"), [Insert("1", '{"a":1}', 9, "ann", "[]", stamps)]))
    await copy(source, target, WHERE, Progress(), until=0, left_s=lambda: 1.0)
    page = (await target.find(Find(WHERE, deleted=Deleted.ONLY))).page
    [item] = copied(page)
    assert (item.tenant, item.insert.id, item.insert.json, item.insert.owner, item.insert.acl) == (
        *("t", "1", '{"a":1}', "ann"),
        "[]",
    )
    assert item.insert.stamps == stamps


@pytest.mark.parametrize("theirs", [{"at": {"$date": "2025-11-22T00:00:00Z"}}, {"a.b": 1}])
async def test_what_no_service_could_write_is_not_copied_as_if_one_had(theirs: dict[str, Any]) -> None:
    source, target = await side({("", "1"): {"n": 1}, ("", "2"): theirs}), await side({})
    with pytest.raises(DataError) as caught:
        await copy(source, target, WHERE, Progress(), until=0, left_s=lambda: 1.0)
    assert caught.value.reason is Reason.BAD_DOCUMENT
    assert "1 of 2 documents" in caught.value.message
    assert not (await target.find(Find(WHERE))).page.id
