"""In which order do documents come, and do pages neither skip nor repeat?"""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from aol_adapters.trial import Trial, documents_of
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json

ORDERED: dict[str, Json] = {
    "00-missing": None,
    "01-null": None,
    "02-min": -(2**63),
    "03": -1.5,
    "04": 0,
    "05": 0.25,
    "06": 2**53,
    "07": 2**53 + 1,
    "08": 2**53 + 2,
    "09": 1e300,
    "10": "",
    "11": "A",
    "12": "a",
    "13": "aa",
    "14": "é",
    "15": "\uff5e",
    "16": "😀",
    "17-object": {"z": 1},
    "18-object": {"a": 1},
    "19-array": [3],
    "20-array": [],
    "21": False,
    "22": True,
}


@pytest.fixture(params=[False, True], ids=["without-index", "with-index"])
async def ordered(trial: Trial, request: pytest.FixtureRequest) -> Trial:
    """The values above under `v`, inserted in a scrambled order; where an index takes them, with one."""
    values = dict(ORDERED)
    if request.param:
        await trial.ensure({"fields": ["v"], "type": "ascending"})
        values = {name: value for name, value in values.items() if not isinstance(value, dict | list)}
    scrambled = sorted(values, key=lambda name: name[::-1])
    await trial.fill({name: {} if "missing" in name else {"v": values[name]} for name in scrambled})
    return trial


async def test_types_are_ordered_and_then_their_values(ordered: Trial) -> None:
    everything = sorted(await ordered.ids())
    assert await ordered.ids({}, "v") == everything
    assert await ordered.ids({}, "-v") == everything[::-1]


@pytest.mark.parametrize("sort", ["v", "-v"])
@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_together_are_the_whole(ordered: Trial, sort: str, limit: int) -> None:
    query = ordered.query({}, sort)
    pages = await ordered.pages(replace(query, limit=limit))
    assert [id_ for found in pages for id_ in found.page.id] == await ordered.ids({}, sort)
    assert all(len(found.page.id) == limit for found in pages[:-1])
    assert 0 < len(pages[-1].page.id) <= limit
    assert len(pages) == -(-await ordered.count() // limit)


async def test_without_a_sort_order_documents_come_by_id(trial: Trial) -> None:
    await trial.fill({id_: {} for id_ in ["b", "a", "C", "é", "10", "9", "😀", "\uff5e"]})
    assert await trial.ids() == ["10", "9", "C", "a", "b", "é", "\uff5e", "😀"]


@pytest.mark.parametrize("sort", [("g",), ("-g",), ("g", "h"), ("-g", "h"), ("g", "-h"), ("-g", "-h")])
@pytest.mark.parametrize("index", [None, ["g", "h"], ["g", {"h": "desc"}], ["g"]])
async def test_mixed_directions_and_ties_in_the_last_keys_direction(
    trial: Trial, sort: tuple[str, ...], index: list[Json] | None
) -> None:
    if index is not None:
        await trial.ensure({"fields": index, "type": "compound" if len(index) > 1 else "ascending"})
    rows = [(f"{number:02}", number % 3, number % 2) for number in range(18)]
    await trial.fill({id_: {"g": g, "h": h} for id_, g, h in rows})
    expected = sorted(rows, reverse=sort[-1].startswith("-"))
    for key in reversed(sort):
        column = 1 if key.endswith("g") else 2
        expected.sort(key=lambda row: row[column], reverse=key.startswith("-"))
    pages = await trial.pages(replace(trial.query({}, *sort), limit=5))
    assert [id_ for found in pages for id_ in found.page.id] == [id_ for id_, _, _ in expected]


async def test_up_to_four_keys_sort(trial: Trial) -> None:
    await trial.fill({f"{n:02}": {"a": n // 8, "b": n // 4 % 2, "c": n // 2 % 2, "d": n % 2} for n in range(16)})
    pages = await trial.pages(replace(trial.query({}, "a", "-b", "c", "-d"), limit=3))
    ids = [int(id_) for found in pages for id_ in found.page.id]
    assert ids == sorted(range(16), key=lambda n: (n // 8, -(n // 4 % 2), n // 2 % 2, -(n % 2)))


async def test_null_and_missing_sort_as_one(trial: Trial) -> None:
    await trial.fill({"a": {"v": None}, "b": {}, "c": {"v": None}, "d": {}})
    assert await trial.ids({}, "v") == ["a", "b", "c", "d"]
    assert await trial.ids({}, "-v") == ["d", "c", "b", "a"]


@pytest.mark.parametrize("sort", [(), ("v",), ("-v",), ("v", "-w")])
async def test_pages_neither_skip_nor_repeat_while_others_write(trial: Trial, sort: tuple[str, ...]) -> None:
    stay = {f"stay-{n:02}": {"v": n % 4, "w": n % 3} for n in range(24)}
    go = {f"go-{n:02}": {"v": n % 4, "w": n % 3} for n in range(12)}
    await trial.fill(stay | go)
    query = replace(trial.query({}, *sort), limit=4)
    found = await trial.adapter.find(query)
    seen = list(found.page.id)
    number = 0
    while found.next_position:
        # The last document of the page goes too: a position is a place, not a document.
        await trial.delete({"_id": seen[-1]} if seen[-1].startswith("go") else {"_id": f"go-{number:02}"})
        await trial.insert(f"new-{number:02}", {"v": number % 4, "w": 1})
        number += 1
        found = await trial.adapter.find(replace(query, position=found.next_position))
        seen += found.page.id
    assert len(seen) == len(set(seen))
    assert stay.keys() <= set(seen)


async def test_a_page_ends_at_its_bytes_but_one_document_always_fits(trial: Trial) -> None:
    await trial.fill({f"{n}": {"s": "x" * 1000} for n in range(5)})
    pages = await trial.pages(replace(trial.query(), max_bytes=2100))
    assert [len(found.page.id) for found in pages] == [2, 2, 1]
    pages = await trial.pages(replace(trial.query(), max_bytes=10))
    assert [len(found.page.id) for found in pages] == [1] * 5


async def test_bytes_are_counted_after_the_projection(trial: Trial) -> None:
    await trial.fill({f"{n}": {"s": "x" * 1000, "n": n} for n in range(5)})
    query = replace(trial.query(projection=["n"]), max_bytes=500)
    assert len((await trial.adapter.find(query)).page.id) == 5


async def test_skip_leaves_out_documents_in_order(trial: Trial) -> None:
    await trial.fill({f"{n:02}": {"n": n} for n in range(10)})
    query = replace(trial.query({"n": {"$lt": 9}}, "-n"), skip=3, limit=2)
    pages = await trial.pages(query)
    assert [id_ for found in pages for id_ in found.page.id] == ["05", "04", "03", "02", "01", "00"]
    assert not (await trial.adapter.find(replace(query, skip=9))).page.id
    assert not (await trial.adapter.find(replace(query, skip=1_000_000))).page.id


async def test_a_page_of_exactly_what_there_is_is_the_last(trial: Trial) -> None:
    await trial.fill({f"{n}": {} for n in range(4)})
    found = await trial.adapter.find(replace(trial.query(), limit=4))
    assert len(found.page.id) == 4
    assert found.next_position == b""


async def test_nothing_found_is_an_empty_page(trial: Trial) -> None:
    found = await trial.adapter.find(trial.query({"a": 1}))
    assert documents_of(found.page) == []
    assert found.next_position == b""


async def test_sort_values_too_long_for_a_position_are_refused_where_a_page_ends(trial: Trial) -> None:
    await trial.fill({f"{n}": {"s": "y" * 6000 + str(n)} for n in range(3)})
    query = trial.query({}, "s")
    assert await trial.ids({}, "s") == ["0", "1", "2"]
    with pytest.raises(DataError) as caught:
        await trial.adapter.find(replace(query, limit=2))
    assert caught.value.reason is Reason.TOO_LARGE


async def test_the_longest_indexed_strings_fit_a_position(trial: Trial) -> None:
    keys = ["a", "b", "c", "d"]
    await trial.ensure({"fields": keys, "type": "compound"})
    documents = {f"{n}" * 256: {key: "😀" * 255 + str(n) for key in keys} for n in range(4)}
    await trial.fill(documents)
    pages = await trial.pages(replace(trial.query({}, *keys), limit=1))
    assert [id_ for found in pages for id_ in found.page.id] == sorted(documents)


@pytest.mark.parametrize("position", [b"x", b"[]", b"null", b'[["a","b","c"]]', b"\xff\x00", b"[[1,2],[3,4],[5,6]]"])
async def test_a_position_that_is_none_is_refused(trial: Trial, position: bytes) -> None:
    with pytest.raises(DataError) as caught:
        await trial.adapter.find(replace(trial.query({}, "v"), position=position))
    assert caught.value.reason is Reason.BAD_PAGE_TOKEN


async def test_a_position_holds_every_sort_value_exactly(trial: Trial) -> None:
    values: Iterable[Json] = [2**53, 2**53 + 1, 2**63 - 1, 0.1, 1e-300, 5e-324, "\x01", "\u2028", True, -0.0, 1e16]
    await trial.fill({f"{n:02}": {"v": value} for n, value in enumerate(values)})
    for sort in ("v", "-v"):
        pages = await trial.pages(replace(trial.query({}, sort), limit=1))
        assert [id_ for found in pages for id_ in found.page.id] == await trial.ids({}, sort)
