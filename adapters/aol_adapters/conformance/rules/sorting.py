"""In which order do documents come?"""

from collections.abc import Mapping
from dataclasses import replace

from aol_adapters.conformance.expect import expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.filters import Json

ORDERED: Mapping[str, Json] = {
    "t-missing": None,
    "t-null": None,
    "s-min": -(2**63),
    "r": -1.5,
    "q": 0,
    "p": 0.25,
    "o": 2**53,
    "n": 2**53 + 1,
    "m": 2**53 + 2,
    "l": 1e300,
    "k": "",
    "j": "A",
    "i": "a",
    "h": "aa",
    "g": "é",
    "f": "\uff5e",
    "e": "😀",
    "d-1": {"z": 1},
    "d-2": {"a": 1},
    "c-1": [3],
    "c-2": [],
    "b": False,
    "a": True,
}
"""Values in order. Their ids have the opposite order, but for ties; the first value is left out of its document."""

_INDEXES: tuple[Document, ...] = (
    {"fields": ["g", "h"], "type": "compound"},
    {"fields": ["g", {"h": "desc"}], "type": "compound"},
    {"fields": ["g"], "type": "ascending"},
    {"fields": ["h"], "type": "descending"},
)
_SORTS = (("g",), ("-g",), ("g", "h"), ("-g", "h"), ("g", "-h"), ("-g", "-h"), ("h", "g"))


async def fill_in_order(trial: Trial, *, scalars: bool = False) -> list[str]:
    """Insert the values of `ORDERED` under `v`, in a scrambled order, and return their ids in the right one.

    :param scalars: without arrays and objects, as an index over `v` wants it.
    """
    ids = [name for name, value in ORDERED.items() if not (scalars and isinstance(value, dict | list))]
    scrambled = sorted(ids, key=lambda name: name[::-1])
    await trial.fill({name: {} if name.endswith("missing") else {"v": ORDERED[name]} for name in scrambled})
    return ids


@rule(Topic.SORT)
async def types_are_ordered_and_then_their_values(trial: Trial) -> None:
    """Null and missing, numbers, strings, objects, arrays, booleans; numbers, strings and booleans by value inside."""
    expected = await fill_in_order(trial)
    expect_equal("the order by v", await trial.ids({}, "v"), expected)
    expect_equal("the order by -v", await trial.ids({}, "-v"), expected[::-1])


@rule(Topic.SORT)
async def an_index_does_not_change_the_order(trial: Trial) -> None:
    """With an index over the sort key documents come in the same order, in both directions."""
    for kind in ("ascending", "descending"):
        indexed = await trial.fresh({"fields": ["v"], "type": kind})
        expected = await fill_in_order(indexed, scalars=True)
        expect_equal(f"the order by v with an {kind} index", await indexed.ids({}, "v"), expected)
        expect_equal(f"the order by -v with an {kind} index", await indexed.ids({}, "-v"), expected[::-1])


@rule(Topic.SORT)
async def null_and_missing_sort_as_one(trial: Trial) -> None:
    """Null and missing are a tie, which the id decides."""
    await trial.fill({"a": {"v": None}, "b": {}, "c": {"v": None}, "d": {}, "e": {"v": 0}})
    expect_equal("the order by v", await trial.ids({}, "v"), ["a", "b", "c", "d", "e"])
    expect_equal("the order by -v", await trial.ids({}, "-v"), ["e", "d", "c", "b", "a"])


@rule(Topic.SORT)
async def arrays_and_objects_sort_as_classes(trial: Trial) -> None:
    """All objects are a tie, and so are all arrays, whatever is in them."""
    await trial.fill({"a": {"v": {"z": 9}}, "b": {"v": {}}, "c": {"v": [9]}, "d": {"v": []}, "e": {"v": [1, 2]}})
    expect_equal("the order by v", await trial.ids({}, "v"), ["a", "b", "c", "d", "e"])
    expect_equal("the order by -v", await trial.ids({}, "-v"), ["e", "d", "c", "b", "a"])


@rule(Topic.SORT)
async def equal_numbers_are_a_tie_however_written(trial: Trial) -> None:
    """1 and 1.0, and 0 and -0.0, are ties, which the next key or the id decides."""
    values: Mapping[str, Json] = {"a": 1.0, "b": 1, "c": 1.0, "d": 0, "e": -0.0, "f": 0}
    await trial.fill({id_: {"v": value, "n": -ord(id_)} for id_, value in values.items()})
    expect_equal("the order by v", "".join(await trial.ids({}, "v")), "defabc")
    expect_equal("the order by -v", "".join(await trial.ids({}, "-v")), "cbafed")
    expect_equal("the order by v, n", "".join(await trial.ids({}, "v", "n")), "fedcba")


@rule(Topic.SORT)
async def without_a_sort_order_documents_come_by_id(trial: Trial) -> None:
    """Without keys documents come by `_id` in code point order, not in the order of insertion."""
    await trial.fill({id_: {} for id_ in ["b", "a", "C", "é", "10", "9", "😀", "\uff5e"]})
    expect_equal("the order", await trial.ids(), ["10", "9", "C", "a", "b", "é", "\uff5e", "😀"])


@rule(Topic.SORT)
async def ties_come_by_id_in_the_last_keys_direction(trial: Trial) -> None:
    """With several keys and directions, what is equal in all of them is ordered by `_id` as the last key is."""
    expected = await _fill_with_ties(trial)
    for sort, ids in expected.items():
        expect_equal(f"the order by {', '.join(sort)}", await trial.ids({}, *sort), ids)


@rule(Topic.SORT)
async def an_index_does_not_change_how_ties_come(trial: Trial) -> None:
    """Indexes over some or all of the keys, in these directions or others, leave the order and its pages alone."""
    for index in _INDEXES:
        indexed = await trial.fresh(index)
        expected = await _fill_with_ties(indexed)
        for sort, ids in expected.items():
            pages = await indexed.pages(replace(indexed.query({}, *sort), limit=7))
            found = [id_ for page in pages for id_ in page.page.id]
            expect_equal(f"the order by {', '.join(sort)} with an index over {index['fields']}", found, ids)


@rule(Topic.SORT)
async def up_to_four_keys_sort(trial: Trial) -> None:
    """Four keys, each in its direction."""
    bits = {f"{n:02}": {"a": n >> 3, "b": n >> 2 & 1, "c": n >> 1 & 1, "d": n & 1} for n in range(16)}
    await trial.fill(bits)
    expected = sorted(bits, key=lambda id_: (bits[id_]["a"], -bits[id_]["b"], bits[id_]["c"], -bits[id_]["d"]))
    expect_equal("the order by a, -b, c, -d", await trial.ids({}, "a", "-b", "c", "-d"), expected)


@rule(Topic.SORT)
async def a_nested_path_and_an_array_element_can_be_sort_keys(trial: Trial) -> None:
    """A sort key reaches what a filter's path reaches; where it reaches nothing, the document comes first."""
    await trial.fill({"a": {"o": {"k": 3}, "l": [0, 1]}, "b": {"o": {"k": 1}, "l": [0, 3]}, "c": {"o": 5, "l": 7}})
    expect_equal("the order by o.k", await trial.ids({}, "o.k"), ["c", "b", "a"])
    expect_equal("the order by -l.1", await trial.ids({}, "-l.1"), ["b", "a", "c"])


@rule(Topic.SORT)
async def the_sort_order_holds_within_a_filter(trial: Trial) -> None:
    """A filter chooses, the sort order orders; neither changes the other."""
    await trial.fill({f"{n:02}": {"n": n, "m": n % 3} for n in range(12)})
    expect_equal("the order", await trial.ids({"n": {"$gte": 6}}, "m", "-n"), ["09", "06", "10", "07", "11", "08"])


async def _fill_with_ties(trial: Trial) -> dict[tuple[str, ...], list[str]]:
    """Insert documents that tie in `g` and `h`, and return the order of their ids for each sort order."""
    rows = {f"{number:02}": {"g": number % 3, "h": number % 2} for number in range(18)}
    await trial.fill(rows)
    expected: dict[tuple[str, ...], list[str]] = {}
    for sort in _SORTS:
        ids = sorted(rows, reverse=sort[-1].startswith("-"))
        for key in reversed(sort):
            column = {id_: row[key.removeprefix("-")] for id_, row in rows.items()}
            ids.sort(key=column.__getitem__, reverse=key.startswith("-"))
        expected[sort] = ids
    return expected


RULES: tuple[Rule, ...] = (
    types_are_ordered_and_then_their_values,
    an_index_does_not_change_the_order,
    null_and_missing_sort_as_one,
    arrays_and_objects_sort_as_classes,
    equal_numbers_are_a_tie_however_written,
    without_a_sort_order_documents_come_by_id,
    ties_come_by_id_in_the_last_keys_direction,
    an_index_does_not_change_how_ties_come,
    up_to_four_keys_sort,
    a_nested_path_and_an_array_element_can_be_sort_keys,
    the_sort_order_holds_within_a_filter,
)
