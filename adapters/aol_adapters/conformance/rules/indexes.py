"""Are indexes made, kept and told of as asked for, and do they change nothing about answers?"""

import asyncio

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import VALUES
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.errors import Reason
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec, IndexState

_A: Document = {"fields": ["a"], "type": "ascending"}
_B: Document = {"fields": ["b"], "type": "descending"}
_AB: Document = {"fields": ["a", {"b": "desc"}], "type": "compound"}

_SCALARS = {name: value for name, value in VALUES.items() if not isinstance(value, list | dict)}
_OPERANDS: list[Json] = [True, -1, 0.5, 2**53, 2**53 + 1, "", "a", "é"]
_FILTERS: list[Document] = [
    *({"v": {operator: value}} for value in _OPERANDS for operator in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")),
    {"v": None},
    {"v": {"$ne": None}},
    {"v": {"$in": [0, "a", None]}},
    {"v": {"$nin": [0, "a", None]}},
    {"v": {"$exists": False}},
    {"v": {"$contains": 1}},
    {"v": []},
    {"v.x": None},
    {"w": 1, "v": {"$gt": 0}},
    {"w": {"$lt": 2}, "$not": {"v": {"$lte": "a"}}},
    {"$or": [{"v": 1}, {"w": 0}]},
]
_SORTS = (("v",), ("-v",), ("w", "-v"), ("-w", "v"))


@rule(Topic.INDEXES)
async def ensuring_an_index_again_changes_nothing(trial: Trial) -> None:
    """An index that is there is not made again: the answer is the same, and so are the documents."""
    first = await trial.ensure(_A, _AB)
    await trial.insert("1", {"a": 1})
    second = await trial.ensure(_A, _AB)
    expect_equal("the indexes", second.indexes, first.indexes)
    expect("nothing was created", not second.created)
    expect_equal("found", await trial.ids({"a": 1}), ["1"])


@rule(Topic.INDEXES)
async def the_indexes_returned_are_those_asked_for_in_their_order(trial: Trial) -> None:
    """`ensure_collection` returns the indexes that it was asked for, in that order, and no others."""
    await trial.ensure({"fields": ["z"], "type": "ascending"})
    ensured = await trial.ensure(_B, _AB, _A)
    names = [status.spec.name for status in ensured.indexes]
    expect_equal("the indexes", names, ["descending(b desc)", "compound(a, b desc)", "ascending(a)"])
    expect_equal("their states", {status.state for status in ensured.indexes}, {IndexState.READY})
    expect_equal("the indexes when none is asked for", (await trial.ensure()).indexes, ())


@rule(Topic.INDEXES)
async def the_same_index_twice_in_one_call_is_one(trial: Trial) -> None:
    """An index that is asked for twice at once is returned as often, and made once."""
    ensured = await trial.ensure(_A, _B, _A)
    expect_equal("the indexes", ensured.indexes, (ensured.indexes[0], ensured.indexes[1], ensured.indexes[0]))
    expect_equal("indexes that are there", len(await trial.inspect()), 2)


@rule(Topic.INDEXES)
async def indexes_are_added_and_never_dropped(trial: Trial) -> None:
    """An index that a later call does not name stays, and holds documents to its rule."""
    await trial.ensure(_A)
    await trial.ensure(_B)
    documents: tuple[Document, ...] = ({"a": []}, {"b": []})
    for document in documents:
        await expect_refusal(f"an insert of {document}", trial.insert("1", document), Reason.BAD_DOCUMENT)
    expect_equal("the indexes", await _names(trial), ["ascending(a)", "descending(b desc)"])


@rule(Topic.INDEXES)
async def inspecting_tells_every_index_that_was_asked_for(trial: Trial) -> None:
    """`inspect_collection` returns all indexes with state and offenders, those that failed too; it changes none."""
    expect_equal("the indexes of a new collection", await trial.inspect(), ())
    await trial.insert("1", {"b": []})
    await trial.ensure(_A)
    await trial.ensure(_B)
    found = {status.spec.name: (status.state, status.offenders) for status in await trial.inspect()}
    expected = {"ascending(a)": (IndexState.READY, 0), "descending(b desc)": (IndexState.FAILED, 1)}
    expect_equal("the indexes", found, expected)
    await trial.delete({})
    failed = [status.state for status in await trial.inspect() if status.spec.name == "descending(b desc)"]
    expect_equal("the state of the failed one, looked at again", failed, [IndexState.FAILED])


@rule(Topic.INDEXES)
async def indexes_differ_by_fields_their_order_directions_and_type(trial: Trial) -> None:
    """Indexes of the same fields in another order, direction or type are different indexes."""
    indexes: list[Document] = [
        _A,
        {"fields": ["a"], "type": "descending"},
        {"fields": ["a", "b"], "type": "compound"},
        {"fields": ["b", "a"], "type": "compound"},
        {"fields": [{"a": "desc"}, "b"], "type": "compound"},
        {"fields": ["a.b"], "type": "ascending"},
    ]
    ensured = await trial.ensure(*indexes)
    expected = {_spec(index) for index in indexes}
    expect_equal("the indexes returned", {status.spec for status in ensured.indexes}, expected)
    expect_equal("the indexes that are there", {status.spec for status in await trial.inspect()}, expected)


@rule(Topic.INDEXES)
async def two_calls_at_once_both_make_the_index(trial: Trial) -> None:
    """Calls that ask for the same index at the same time all succeed, and there is one index."""
    await trial.fill({f"{number:02}": {"a": number} for number in range(30)})
    ensured = await asyncio.gather(*(trial.ensure(_A, _AB) for _ in range(6)))
    expect_equal("their answers", {result.indexes for result in ensured}, {ensured[0].indexes})
    expect_equal("the indexes", await _names(trial), ["ascending(a)", "compound(a, b desc)"])


@rule(Topic.INDEXES)
async def documents_can_be_written_while_an_index_is_made(trial: Trial) -> None:
    """Writes and reads that run while an index is made succeed, and the index is right about them afterwards."""
    await trial.fill({f"{number:03}": {"a": number} for number in range(200)})
    results = await asyncio.gather(
        trial.ensure(_A),
        *(trial.insert(f"new-{number}", {"a": number}) for number in range(20)),
        *(trial.count({"a": {"$gte": 100}}) for _ in range(5)),
    )
    expect_equal("calls that returned", len(results), 26)
    (status,) = (await trial.ensure(_A)).indexes
    expect_equal("its state", status.state, IndexState.READY)
    expect_equal("found by it", await trial.ids({"a": 7}), ["007", "new-7"])


@rule(Topic.INDEXES)
async def hostile_paths_are_indexed_as_any_others(trial: Trial) -> None:
    """Quotes, backslashes, brackets and characters of any script in an indexed path mean themselves."""
    keys = ["'", '"', "\\", "a'b", "x y", "é", "😀", "[0]", "--", "%", "a$", "`", "#1"]
    await trial.ensure(*({"fields": [f"o.{key}"], "type": "ascending"} for key in keys))
    await trial.fill({key: {"o": {key: 1}} for key in keys})
    for key in keys:
        expect_equal(f"found by {key!r}", await trial.ids({f"o.{key}": 1}), [key])
        expect_equal(f"first by {key!r}", (await trial.ids({}, f"-o.{key}"))[0], key)


@rule(Topic.INDEXES)
async def answers_are_the_same_with_an_ascending_index(trial: Trial) -> None:
    """An ascending index changes no answer of any filter, sort or count."""
    await _expect_same_answers(trial, {"fields": ["v"], "type": "ascending"})


@rule(Topic.INDEXES)
async def answers_are_the_same_with_a_descending_index(trial: Trial) -> None:
    """A descending index changes no answer of any filter, sort or count."""
    await _expect_same_answers(trial, {"fields": ["v"], "type": "descending"})


@rule(Topic.INDEXES)
async def answers_are_the_same_with_a_compound_index(trial: Trial) -> None:
    """A compound index of any directions changes no answer of any filter, sort or count."""
    await _expect_same_answers(trial, {"fields": ["w", {"v": "desc"}], "type": "compound"})


async def _expect_same_answers(trial: Trial, index: Document) -> None:
    documents: dict[str, Document] = {
        name: {"v": value, "w": number % 3} for number, (name, value) in enumerate(_SCALARS.items())
    }
    documents["nothing"] = {"w": 1}
    indexed = await trial.fresh(index)
    await trial.fill(documents)
    await indexed.fill(documents)
    for number, condition in enumerate(_FILTERS):
        sort = _SORTS[number % len(_SORTS)]
        expected = await trial.ids(condition, *sort)
        expect_equal(f"the documents that match {condition} by {sort}", await indexed.ids(condition, *sort), expected)
        if number % 4 == 0:
            expect_equal(f"the count of {condition}", await indexed.count(condition), len(expected))
    for sort in _SORTS:
        expect_equal(f"all documents by {sort}", await indexed.ids({}, *sort), await trial.ids({}, *sort))


async def _names(trial: Trial) -> list[str]:
    return sorted(status.spec.name for status in await trial.inspect())


def _spec(index: Document) -> IndexSpec:
    return parse_index(dict(index), "index")


RULES: tuple[Rule, ...] = (
    ensuring_an_index_again_changes_nothing,
    the_indexes_returned_are_those_asked_for_in_their_order,
    the_same_index_twice_in_one_call_is_one,
    indexes_are_added_and_never_dropped,
    inspecting_tells_every_index_that_was_asked_for,
    indexes_differ_by_fields_their_order_directions_and_type,
    two_calls_at_once_both_make_the_index,
    documents_can_be_written_while_an_index_is_made,
    hostile_paths_are_indexed_as_any_others,
    answers_are_the_same_with_an_ascending_index,
    answers_are_the_same_with_a_descending_index,
    answers_are_the_same_with_a_compound_index,
)
