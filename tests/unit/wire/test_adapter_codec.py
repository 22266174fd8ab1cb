"""Does everything that may be asked of an adapter arrive as it was sent, and is everything else refused?"""

from typing import TypeVar

import pytest
from google.protobuf.message import Message
from hypothesis import example, given
from hypothesis import strategies as st

from aol.adapter.v1 import adapter_pb2 as pb
from aol.data.v1.document_pb2 import Page
from aol_wire import adapter_codec as codec
from aol_wire.adapter import (
    Capability,
    CollectionSpec,
    Count,
    Delete,
    Deleted,
    Description,
    Ensured,
    Explanation,
    Find,
    Found,
    Insert,
    Mutation,
    Outcome,
    SortKey,
    Stamps,
    Target,
    Update,
    Write,
)
from aol_wire.adapter_codec_filters import (
    filter_from_proto,
    filter_to_proto,
    value_from_proto,
    value_to_proto,
)
from aol_wire.adapter_codec_writes import add_outcome
from aol_wire.errors import Applied, DataError, Reason, Violation
from aol_wire.filters import (
    And,
    Compare,
    Contains,
    ContainsAny,
    Exists,
    Filter,
    Json,
    Member,
    Not,
    Operator,
    Or,
    Regex,
    RegexLevel,
    Text,
)
from aol_wire.indexes import IndexField, IndexSpec, IndexState, IndexStatus, IndexType
from aol_wire.names import check_document_id
from aol_wire.storage import PartitionInterval, Storage, Tenancy
from aol_wire.updates import Inc, Push, Set, Unset

M = TypeVar("M", bound=Message)

TARGET = Target("flight-ops", "flights")

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
)
values: st.SearchStrategy[Json] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
)
ordered = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(-1e300, 1e300), text)
paths = st.lists(text.filter(bool), min_size=1, max_size=16).map(tuple)
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Compare, paths, st.sampled_from([Operator.EQ, Operator.NE]), values),
    st.builds(Compare, paths, st.sampled_from([Operator.GT, Operator.GTE, Operator.LT, Operator.LTE]), ordered),
    st.builds(Member, paths, st.lists(values, max_size=4).map(tuple), st.booleans()),
    st.builds(Exists, paths, st.booleans()),
    st.builds(Contains, paths, values),
    st.builds(ContainsAny, paths, st.lists(text, max_size=4).map(tuple)),
    st.builds(Regex, paths, text, st.booleans(), st.sampled_from(RegexLevel)),
    st.builds(Text, st.lists(text.filter(bool), max_size=3).map(tuple)),
)
trees: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
optional_trees = st.none() | trees
limits = st.none() | st.integers(0, 2**63 - 1)
stamps = st.integers(0, 2**53)
kept_stamps = st.builds(Stamps, stamps, stamps, st.integers(1, 2**63 - 1), stamps)
operations = st.one_of(
    st.builds(Set, paths, values),
    st.builds(Unset, paths),
    st.builds(Inc, paths, st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300)),
    st.builds(Push, paths, values),
)
acls = st.sampled_from(["", '{"read":["user:bob"],"write":[]}', "[]"])
mutations: st.SearchStrategy[Mutation] = st.one_of(
    st.builds(Insert, text.filter(bool), st.just('{"a":1}'), stamps, text, acls, st.none() | kept_stamps),
    st.builds(
        Update,
        optional_trees,
        st.lists(operations, min_size=1, max_size=3).map(tuple),
        stamps,
        limits,
        limits,
        st.none() | acls,
        st.none() | text,
    ),
    st.builds(Update, optional_trees, st.just(()), stamps, acl=acls, owner=st.none() | text),
    st.builds(Update, optional_trees, st.just(()), stamps, owner=text),
    st.builds(Delete, optional_trees, stamps, st.booleans(), limits, limits),
)
targets = st.builds(Target, st.just("a"), st.just("b_c"), st.none() | text)


def through(message: M) -> M:
    """The message as it arrives."""
    return codec.decode(type(message), message.SerializeToString())


def typed(value: object) -> object:
    """A value beside its types: 1, 1.0 and True are equal to Python, and -0.0 equals 0.0."""
    match value:
        case list() | tuple():
            return [type(value).__name__, *map(typed, value)]
        case dict():
            return {key: typed(item) for key, item in value.items()}
        case _ if hasattr(value, "__dataclass_fields__"):
            return [type(value).__name__, *(typed(getattr(value, name)) for name in value.__dataclass_fields__)]
        case _:
            return (type(value).__name__, repr(value))


@given(values)
def test_a_value_arrives_with_its_type(value: Json) -> None:
    assert typed(value_from_proto(through(value_to_proto(value)), "x")) == typed(value)


@given(trees)
def test_a_filter_arrives_whole(tree: Filter) -> None:
    assert typed(filter_from_proto(through(filter_to_proto(tree)))) == typed(tree)


@given(targets, st.lists(mutations, max_size=4), st.booleans(), st.booleans())
def test_a_write_arrives_whole(target: Target, changes: list[Mutation], atomic: bool, return_ids: bool) -> None:
    request = Write(target, changes, atomic, return_ids, 1.5)
    assert typed(codec.write_from_proto(through(codec.write_to_proto(request)), 1.5)) == typed(request)


@given(targets, optional_trees, st.lists(st.builds(SortKey, paths, st.booleans()), max_size=4), st.binary(max_size=9))
def test_a_find_arrives_whole(target: Target, tree: Filter | None, sort: list[SortKey], position: bytes) -> None:
    for deleted in Deleted:
        request = Find(target, tree, tuple(sort), (("a", "b"), ("c",)), 7, 3, position, deleted, 9_999, 0.25)
        assert typed(codec.find_from_proto(through(codec.find_to_proto(request)), 0.25)) == typed(request)


@given(targets, optional_trees, st.sampled_from(Deleted))
def test_a_count_arrives_whole(target: Target, tree: Filter | None, deleted: Deleted) -> None:
    request = Count(target, tree, deleted, None)
    assert typed(codec.count_from_proto(through(codec.count_to_proto(request)), None)) == typed(request)


def test_a_collection_and_its_indexes_arrive_whole() -> None:
    specs = (
        IndexSpec((IndexField(("at",)),), IndexType.ASCENDING),
        IndexSpec((IndexField(("at",), descending=True),), IndexType.DESCENDING),
        IndexSpec((IndexField(("a", "b")), IndexField(("c",), descending=True)), IndexType.COMPOUND),
        IndexSpec((IndexField(("email",)),), IndexType.UNIQUE),
        IndexSpec((IndexField(("title",)), IndexField(("body",))), IndexType.TEXT),
        IndexSpec((IndexField(("at",)),), IndexType.TTL, 60),
    )
    storage = Storage("at", PartitionInterval.DAY, 86_400, Tenancy.SCHEMA)
    for owners, acls in ((False, False), (True, False), (False, True)):
        spec = CollectionSpec(TARGET, {"at": "datetime"}, specs, "Departures of a year", storage, owners, acls)
        assert codec.collection_from_proto(through(codec.collection_to_proto(spec))) == spec
    statuses = tuple(IndexStatus(item, state, 3) for item in specs for state in IndexState)
    ensured = Ensured(statuses, created=True)
    message = codec.ensured_to_proto(ensured)
    assert codec.ensured_from_proto(through(message)) == ensured
    assert message.indexes[0].name == "ascending(at)"


def test_how_a_query_is_answered_arrives_whole() -> None:
    index = IndexSpec((IndexField(("at",)),), IndexType.ASCENDING)
    for explanation in (Explanation(True, False, index, 5, 4, 3), Explanation(False, True, None, 5, 4, 3, True, True)):
        assert codec.explanation_from_proto(through(codec.explanation_to_proto(explanation))) == explanation


def test_what_an_adapter_says_of_itself_arrives_whole() -> None:
    description = Description("sqlite", "1.2", frozenset(Capability))
    assert codec.description_from_proto(through(codec.description_to_proto(description))) == description


def test_a_capability_of_a_later_contract_is_left_out() -> None:
    message = pb.DescribeResponse.FromString(pb.DescribeResponse(name="x").SerializeToString() + b"\x1a\x02\x01\x63")
    assert codec.description_from_proto(message).capabilities == {Capability.REGEX}


def test_outcomes_arrive_with_their_errors() -> None:
    error = DataError(
        Reason.UNIQUE_VIOLATION,
        "unique(email) has it",
        violations=(Violation("email", "taken"),),
        metadata={"index": "unique(email)"},
        retry_after_s=1.5,
        applied=Applied.NO,
    )
    sent = [Outcome(3, ids=("a", "b", "c")), Outcome(1, was_duplicate=True), Outcome(error=error)]
    arrived = codec.outcomes_from_bytes(codec.outcomes_to_bytes(sent), 3)
    assert arrived[:2] == sent[:2]
    got = arrived[2].error
    assert got is not None
    assert (got.reason, got.message, got.violations, got.metadata) == (
        error.reason,
        error.message,
        error.violations,
        error.metadata,
    )
    assert (got.retry_after_s, got.applied) == (1.5, Applied.NO)


def test_an_outcome_with_a_foreign_error_is_a_bug_of_the_adapter() -> None:
    response = pb.WriteResponse(results=[pb.MutationResult(error=b"\xff\xff")])
    error = codec.outcomes_from_bytes(response.SerializeToString(), 1)[0].error
    assert error is not None
    assert error.reason is Reason.INTERNAL_BUG


outcomes = st.one_of(
    st.just(Outcome(1)),
    st.builds(Outcome, st.integers(0, 3), st.booleans(), st.lists(text, max_size=2).map(tuple)),
    st.builds(lambda: Outcome(error=DataError(Reason.DUPLICATE_ID, "there is one", applied=Applied.NO))),
)


@given(st.lists(outcomes, max_size=4) | st.builds(lambda one, times: [one] * times, outcomes, st.integers(0, 4)))
def test_outcomes_arrive_whole_and_are_encoded_each_on_its_own(sent: list[Outcome]) -> None:
    """Also those that are one object, and those that are known without a look at each."""
    message = pb.WriteResponse()
    for outcome in sent:
        add_outcome(message, outcome)
    data = codec.outcomes_to_bytes(sent)
    assert data == message.SerializeToString()
    arrived = codec.outcomes_from_bytes(data, len(sent))
    assert [(it.affected, it.was_duplicate, it.ids, it.error and it.error.reason) for it in arrived] == [
        (it.affected, it.was_duplicate, it.ids, it.error and it.error.reason) for it in sent
    ]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.sampled_from(["", "{}"]), st.booleans())
@example("a" * 256, "{}", False)
@example("a" * 257, "{}", False)
@example("\U0001f600" * 64, "{}", False)
@example("\U0001f600" * 65, "{}", False)
@example("a\0", "{}", True)
def test_an_insert_arrives_if_its_id_is_one_and_it_has_a_document(id_: str, json: str, stamped: bool) -> None:
    insert = Insert(id_, json, 1, stamps=Stamps(1, 1, 1) if stamped else None)
    request = codec.write_to_proto(Write(TARGET, [Insert("a", "{}", 1), insert]))
    try:
        good = bool(check_document_id(id_) and json)
    except DataError:
        good = False
    if good:
        assert codec.write_from_proto(request, None).mutations == [Insert("a", "{}", 1), insert]
        return
    with pytest.raises(DataError) as caught:
        codec.write_from_proto(request, None)
    assert (caught.value.reason, caught.value.violations[0].path) == (Reason.BAD_REQUEST, "mutations.1")


def test_a_page_arrives_whole() -> None:
    page = Page(id=["a", "b"], json=["{}", '{"n":1}'], created_us=[1, 2], updated_us=[1, 2], version=[1, 1])
    found = codec.found_from_proto(through(codec.found_to_proto(Found(page, b"next"))))
    assert (found.page, found.next_position) == (page, b"next")
