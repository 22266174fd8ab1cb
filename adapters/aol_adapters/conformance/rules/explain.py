"""Does an explanation tell how a query is answered?"""

from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Capability, Deleted, Find
from aol_wire.errors import Reason
from aol_wire.filters import Path
from aol_wire.indexes import IndexSpec, IndexType

_DOCUMENTS = 400
_KINDS = 20


async def _fill(trial: Trial) -> None:
    """Insert 400 documents of 20 kinds, `n` from 0 to 399."""
    await trial.fill({f"{number:03}": {"kind": number % _KINDS, "n": number} for number in range(_DOCUMENTS)})


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def an_explanation_counts_what_the_page_holds(trial: Trial) -> None:
    """`returned_documents` is the size of the page that `find` returns; at least as many were examined."""
    await _fill(trial)
    await trial.delete({"_id": "007"}, soft=True)
    queries = [
        trial.query(),
        trial.query({"kind": 7}),
        replace(trial.query({"kind": 7}), deleted=Deleted.ONLY),
        trial.query({"n": {"$gte": 390}}, "-n"),
        replace(trial.query({}, "kind", "-n"), limit=3),
        replace(trial.query({"kind": 3}), skip=5),
        trial.query({"n": -1}),
    ]
    for query in queries:
        found = await trial.adapter.find(query)
        explanation = await trial.adapter.explain(query)
        expect_equal("returned", explanation.returned_documents, len(found.page.id))
        expect("as many were examined", explanation.examined_documents >= len(found.page.id))
        expect("an estimate of the collection's size", explanation.estimated_documents >= len(found.page.id))


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def a_scan_is_told_as_a_scan(trial: Trial) -> None:
    """Where no index serves a filter, none is named, and every document is examined."""
    await _fill(trial)
    explanation = await trial.adapter.explain(trial.query({"n": -1}))
    expect_equal("the index and the key", (explanation.index, explanation.uses_key), (None, False))
    expect("all documents are examined", explanation.examined_documents >= _DOCUMENTS)


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def an_index_that_serves_a_filter_is_named(trial: Trial) -> None:
    """Where an index serves a filter, it is named, and fewer documents are examined than there are."""
    await trial.ensure({"fields": ["n"], "type": "ascending"})
    await _fill(trial)
    for condition in ({"n": 5}, {"n": {"$in": [5, 6]}}, {"n": {"$gte": 395}}):
        explanation = await trial.adapter.explain(trial.query(condition))
        expect_equal(f"the path of the index for {condition}", _paths(explanation.index), [("n",)])
        expect("fewer are examined", explanation.examined_documents < _DOCUMENTS)


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def an_index_that_serves_filter_and_sort_is_named(trial: Trial) -> None:
    """A compound index that serves filter and order is named, and the sort is pushed down."""
    await trial.ensure({"fields": ["kind", {"n": "desc"}], "type": "compound"})
    await _fill(trial)
    explanation = await trial.adapter.explain(replace(trial.query({"kind": 3}, "-n"), limit=5))
    expect_equal("the paths of the index", _paths(explanation.index), [("kind",), ("n",)])
    expect("the sort is pushed down", explanation.sort_pushed_down)
    expect("fewer are examined", explanation.examined_documents < _DOCUMENTS)


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def the_key_serves_what_names_an_id(trial: Trial) -> None:
    """A filter that is equality on `_id` is served by the documents' key, and no index is named."""
    await trial.ensure({"fields": ["n"], "type": "ascending"})
    await _fill(trial)
    explanation = await trial.adapter.explain(trial.query({"_id": "005"}))
    expect_equal("the index and the key", (explanation.index, explanation.uses_key), (None, True))
    expect("fewer are examined", explanation.examined_documents < _DOCUMENTS)


@rule(Topic.EXPLAIN, Capability.EXPLAIN, Capability.TEXT)
async def a_text_index_that_serves_a_search_is_named(trial: Trial) -> None:
    """The text index that serves `$text` is named."""
    await trial.ensure({"fields": ["s"], "type": "text"})
    await trial.fill({f"{number:03}": {"s": f"word{number}"} for number in range(_DOCUMENTS)})
    explanation = await trial.adapter.explain(trial.query({"$text": "word7"}))
    expect("it is a text index", explanation.index is not None and explanation.index.type is IndexType.TEXT)
    expect_equal("returned", explanation.returned_documents, 1)


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def only_indexes_that_are_ready_are_named(trial: Trial) -> None:
    """An index that failed serves nothing."""
    await _fill(trial)
    await trial.insert("offender", {"n": []})
    await trial.ensure({"fields": ["n"], "type": "ascending"})
    explanation = await trial.adapter.explain(trial.query({"n": 5}))
    expect_equal("the index", explanation.index, None)
    expect_equal("returned", explanation.returned_documents, 1)


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def explaining_changes_nothing(trial: Trial) -> None:
    """An explanation can be asked for again and again, with any page, and changes neither documents nor indexes."""
    await trial.ensure({"fields": ["n"], "type": "ascending"})
    await _fill(trial)
    before = await trial.documents(trial.query({}, "n")), await trial.inspect()
    query: Find = replace(trial.query({"kind": 1}, "n"), limit=3)
    position = (await trial.adapter.find(query)).next_position
    for each in (query, replace(query, position=position)):
        expect_equal("returned", (await trial.adapter.explain(each)).returned_documents, 3)
    expect_equal("documents and indexes", (await trial.documents(trial.query({}, "n")), await trial.inspect()), before)


@rule(Topic.EXPLAIN, Capability.EXPLAIN)
async def an_explanation_whose_time_is_over_is_refused(trial: Trial) -> None:
    """`explain` with no time left is DEADLINE."""
    call = trial.adapter.explain(Find(trial.target, timeout_s=0))
    await expect_refusal("explain with no time left", call, Reason.DEADLINE)


def _paths(index: IndexSpec | None) -> list[Path]:
    return [] if index is None else [field.path for field in index.fields]


RULES: tuple[Rule, ...] = (
    an_explanation_counts_what_the_page_holds,
    a_scan_is_told_as_a_scan,
    an_index_that_serves_a_filter_is_named,
    an_index_that_serves_filter_and_sort_is_named,
    the_key_serves_what_names_an_id,
    a_text_index_that_serves_a_search_is_named,
    only_indexes_that_are_ready_are_named,
    explaining_changes_nothing,
    an_explanation_whose_time_is_over_is_refused,
)
