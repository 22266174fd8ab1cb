"""Does a scope keep a call to what it may reach: what it finds, what it inserts, and what its updates leave?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.scope import WHOLE, Scope
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.filter_parser import parse_filter_object
from aol_wire.filters import And, Filter, Json
from aol_wire.update_apply import apply_update
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation

RECORD = CollectionRecord("shop", "orders", adapter="memory")


def condition(obj: dict[str, Json]) -> Filter:
    parsed = parse_filter_object(obj)
    assert parsed is not None
    return parsed


EUROPE = Scope(conditions=(condition({"region": {"$in": ["eu", "uk"]}}),))
NESTED = Scope(conditions=(condition({"a.b": 1, "c": 2}),))


def test_a_whole_scope_changes_neither_target_nor_filter() -> None:
    asked = condition({"n": 1})
    assert WHOLE.target(RECORD) is RECORD.target
    assert WHOLE.narrow(asked) is asked
    assert WHOLE.narrow(None) is None


def test_every_condition_is_added_to_whatever_is_asked() -> None:
    asked = condition({"$or": [{"region": "us"}, {"n": 1}]})
    assert EUROPE.narrow(asked) == And((asked, *EUROPE.conditions))
    assert EUROPE.narrow(None) == EUROPE.conditions[0]


def test_a_tenant_is_in_the_target_where_no_filter_can_reach_it() -> None:
    assert Scope(tenant="north").target(RECORD) == Target("shop", "orders", "north")
    assert Scope(tenant=None).target(RECORD) == Target("shop", "orders", None)


def test_a_document_that_its_writer_could_not_find_is_not_inserted() -> None:
    EUROPE.check_inserted({"region": "eu"})
    for document in ({"region": "us"}, {}, {"region": None}):
        with pytest.raises(DataError, match="region") as caught:
            EUROPE.check_inserted(document)
        assert caught.value.reason is Reason.FIELD_DENIED


@pytest.mark.parametrize(
    "operations",
    [
        (Set(("region",), "us"),),
        (Unset(("region",)),),
        (Push(("region",), "eu"),),
        (Inc(("region",), 1),),
        (Set(("region", "x"), "eu"),),
    ],
    ids=["set", "unset", "push", "inc", "below"],
)
def test_an_update_cannot_move_a_document_out_of_reach(operations: tuple[UpdateOperation, ...]) -> None:
    with pytest.raises(DataError, match="region") as caught:
        EUROPE.check_update(operations)
    assert caught.value.reason is Reason.FIELD_DENIED


def test_an_update_may_move_a_document_within_reach_and_change_what_no_condition_names() -> None:
    EUROPE.check_update((Set(("region",), "uk"), Set(("regions",), "us"), Inc(("n",), 1)))
    NESTED.check_update((Set(("a",), {"b": 1}), Set(("c",), 2)))


def test_an_update_that_decides_a_condition_in_part_is_refused() -> None:
    with pytest.raises(DataError, match=r"a\.b, c"):
        NESTED.check_update((Set(("a",), {"b": 1}),))


VALUES = st.sampled_from([0, 1, 2])
PATHS = st.sampled_from([("a",), ("b",), ("a", "b"), ("a", "c")])
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"a": VALUES | st.fixed_dictionaries({}, optional={"b": VALUES, "c": VALUES}), "b": VALUES}
)
LEAVES = st.builds(
    lambda path, operator, value: {".".join(path): {operator: value}},
    PATHS,
    st.sampled_from(["$eq", "$ne", "$gt"]),
    VALUES,
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            lambda key, parts: {key: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)
        )
        | st.builds(lambda part: {"$not": part}, inner)
    ),
    max_leaves=4,
)
STEPS = st.one_of(
    st.builds(Set, PATHS, VALUES | st.fixed_dictionaries({}, optional={"b": VALUES, "c": VALUES})),
    st.builds(Unset, PATHS),
    st.builds(Inc, PATHS, VALUES),
)


@given(
    filter=FILTERS,
    document=DOCUMENTS,
    steps=st.lists(STEPS, min_size=1, max_size=2, unique_by=lambda step: step.path[0]),
)
def test_no_update_that_is_let_through_leads_out_of_the_scope(
    filter: dict[str, Json], document: dict[str, Json], steps: list[UpdateOperation]
) -> None:
    scope = Scope(conditions=(condition(filter),))
    if not matches(scope.conditions[0], document, frozenset()):
        return
    try:
        scope.check_update(tuple(steps))
        after = apply_update(document, tuple(steps))
    except DataError:
        return
    assert matches(scope.conditions[0], after, frozenset())
