"""Is everything that is malformed refused as such, in both directions, and never repeated?"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from aol.adapter.v1 import adapter_pb2 as pb
from aol.adapter.v1 import filter_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1.document_pb2 import Page
from aol_wire import adapter_codec as codec
from aol_wire.adapter import (
    CollectionSpec,
    Delete,
    Find,
    Insert,
    Outcome,
    Target,
    Write,
)
from aol_wire.adapter_codec_filters import (
    filter_from_proto,
    filter_to_proto,
    value_to_proto,
)
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import And, ContainsAny, Exists, Filter, Not, Or
from aol_wire.limits import (
    CONDITION_MAX_DEPTH,
    CONDITION_MAX_NODES,
    FILTER_MAX_DEPTH,
    FILTER_MAX_NODES,
    FILTER_TREE_MAX_DEPTH,
)

M = TypeVar("M", bound=Message)

TARGET = Target("flight-ops", "flights")


def through(message: M) -> M:
    """The message as it arrives."""
    return codec.decode(type(message), message.SerializeToString())


def reason_of(call: Callable[[], object]) -> Reason:
    with pytest.raises(DataError) as caught:
        call()
    return caught.value.reason


def reason_or_none(call: Callable[[], object]) -> Reason | None:
    try:
        call()
    except DataError as error:
        return error.reason
    return None


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_any_bytes_are_a_request_or_a_bad_request(data: bytes) -> None:
    for decode in (
        lambda: codec.write_from_proto(codec.decode(pb.WriteRequest, data), None),
        lambda: codec.find_from_proto(codec.decode(pb.FindRequest, data), None),
        lambda: codec.count_from_proto(codec.decode(pb.CountRequest, data), None),
        lambda: codec.collection_from_proto(codec.decode(pb.EnsureCollectionRequest, data)),
    ):
        assert reason_or_none(decode) in {None, Reason.BAD_REQUEST, Reason.BAD_PATH}


def test_results_that_are_fewer_than_mutations_are_refused() -> None:
    assert reason_of(lambda: codec.outcomes_from_bytes(b"", 1)) is Reason.BAD_REQUEST
    assert reason_of(lambda: codec.outcomes_from_bytes(codec.outcomes_to_bytes([Outcome(1)]), 2)) is Reason.BAD_REQUEST


@given(st.binary(max_size=20), st.integers(0, 3))
def test_any_bytes_are_outcomes_or_a_bad_request(data: bytes, expected: int) -> None:
    assert reason_or_none(lambda: codec.outcomes_from_bytes(data, expected)) in {None, Reason.BAD_REQUEST}


def test_a_page_whose_columns_do_not_fit_together_is_refused() -> None:
    for broken in (Page(id=["a"]), Page(id=["a"], json=["{}"], version=[1, 2]), Page(json=["{}"])):
        answer = pb.FindResponse(page=broken)
        assert reason_of(partial(codec.found_from_proto, answer)) is Reason.BAD_REQUEST
    long = pb.FindResponse(next_position=bytes(10_000))
    assert reason_of(lambda: codec.found_from_proto(long)) is Reason.BAD_REQUEST


def any_message(kind: type[M], **fields: Any) -> M:
    return kind(**fields)


def node(name: str, child: Message) -> filter_pb2.Filter:
    """A filter with this node; some names are Python's keywords."""
    message = filter_pb2.Filter()
    getattr(message, name).SetInParent()
    getattr(message, name).CopyFrom(child)
    return message


def value(**kind: Any) -> filter_pb2.Value:
    return filter_pb2.Value(**kind)


def path(*segments: str) -> filter_pb2.Path:
    return filter_pb2.Path(segments=segments)


@pytest.mark.parametrize(
    "message",
    [
        filter_pb2.Filter(),
        node("and", filter_pb2.FilterList()),
        node("or", filter_pb2.FilterList(filters=[filter_pb2.Filter()])),
        node("not", filter_pb2.Filter()),
        filter_pb2.Filter(exists=filter_pb2.Exists()),
        filter_pb2.Filter(exists=filter_pb2.Exists(path=path("a", ""))),
        filter_pb2.Filter(exists=filter_pb2.Exists(path=path(*"abcdefghijklmnopq"))),
        node("comparison", any_message(filter_pb2.Comparison, path=path("a"), operand=value(null=True))),
        node("comparison", any_message(filter_pb2.Comparison, path=path("a"), operator=99, operand=value(null=True))),
        node("comparison", any_message(filter_pb2.Comparison, path=path("a"), operator="OPERATOR_EQ")),
        node(
            "comparison",
            any_message(filter_pb2.Comparison, path=path("a"), operator="OPERATOR_GT", operand=value(null=True)),
        ),
        filter_pb2.Filter(contains=filter_pb2.Contains(path=path("a"), element=value(json="1"))),
        filter_pb2.Filter(contains=filter_pb2.Contains(path=path("a"), element=value(json="[" * 100_000))),
        filter_pb2.Filter(contains=filter_pb2.Contains(path=path("a"), element=value(double=float("nan")))),
        filter_pb2.Filter(membership=filter_pb2.Membership(path=path("a"), values=[value(null=True)] * 1001)),
        filter_pb2.Filter(contains_any=filter_pb2.ContainsAny(elements=["x"])),
        filter_pb2.Filter(contains_any=filter_pb2.ContainsAny(path=path("a"), elements=["x"] * 1001)),
        filter_pb2.Filter(regex=filter_pb2.Regex(path=path("a"), pattern="x")),
        node("regex", any_message(filter_pb2.Regex, path=path("a"), pattern="x", level=7)),
        filter_pb2.Filter(text=filter_pb2.Text(words=[""])),
    ],
)
def test_a_malformed_filter_is_a_bad_request(message: filter_pb2.Filter) -> None:
    assert reason_of(lambda: filter_from_proto(message)) is Reason.BAD_REQUEST


@pytest.mark.parametrize(
    "message",
    [
        pb.Mutation(),
        pb.Mutation(insert=pb.Insert(json="{}")),
        pb.Mutation(insert=pb.Insert(id="x" * 257, json="{}")),
        pb.Mutation(insert=pb.Insert(id="x")),
        pb.Mutation(insert=pb.Insert(id="x", json="{}", stamps=pb.Stamps(created_us=1, updated_us=1))),
        pb.Mutation(insert=pb.Insert(id="x", json="{}", stamps=pb.Stamps(version=-1))),
        pb.Mutation(insert=pb.Insert(id="x", json="{}", stamps=pb.Stamps(version=1, created_us=-1))),
        pb.Mutation(insert=pb.Insert(id="x", json="{}", stamps=pb.Stamps(version=1, updated_us=-1))),
        pb.Mutation(insert=pb.Insert(id="x", json="{}", stamps=pb.Stamps(version=1, deleted_us=-1))),
        pb.Mutation(insert=pb.Insert(id="x", json="{}", acl="{read}")),
        pb.Mutation(update=pb.Update()),
        pb.Mutation(update=pb.Update(acl="[")),
        pb.Mutation(update=pb.Update(owner="ann", acl=" ")),
        pb.Mutation(update=pb.Update(operations=[pb.UpdateOperation(path=path("a"))])),
        pb.Mutation(update=pb.Update(operations=[pb.UpdateOperation(unset=True)])),
        pb.Mutation(update=pb.Update(operations=[pb.UpdateOperation(path=path("a"), inc=value(boolean=True))])),
        pb.Mutation(update=pb.Update(operations=[pb.UpdateOperation(path=path("a"), set=value())])),
        pb.Mutation(delete=pb.Delete(max_affected=-1)),
        pb.Mutation(delete=pb.Delete(filter=filter_pb2.Filter())),
    ],
)
def test_a_malformed_mutation_is_a_bad_request_that_says_which(message: pb.Mutation) -> None:
    good = codec.write_to_proto(Write(TARGET, [Insert("a", "{}", 1)]))
    good.mutations.append(message)
    with pytest.raises(DataError) as caught:
        codec.write_from_proto(good, None)
    assert caught.value.reason is Reason.BAD_REQUEST
    assert caught.value.violations[0].path == "mutations.1"


@pytest.mark.parametrize("target", [pb.Target(), pb.Target(service="a", collection="../b"), pb.Target(collection="b")])
def test_a_target_that_is_no_name_is_refused(target: pb.Target) -> None:
    assert reason_of(lambda: codec.target_from_proto(target)) is Reason.BAD_REQUEST


@pytest.mark.parametrize(
    ("storage", "place"),
    [
        (collection_pb2.Storage(partition_by="at"), "storage.partition_interval"),
        (collection_pb2.Storage(partition_interval="PARTITION_INTERVAL_DAY"), "storage.partition_interval"),
        (any_message(collection_pb2.Storage, tenancy=9), "storage.tenancy"),
        (
            any_message(collection_pb2.Storage, partition_by="created_at", partition_interval=9),
            "storage.partition_interval",
        ),
        (collection_pb2.Storage(partition_by="n", partition_interval="PARTITION_INTERVAL_DAY"), "storage.partition_by"),
    ],
)
def test_a_storage_that_is_none_is_refused_with_its_place(storage: collection_pb2.Storage, place: str) -> None:
    message = codec.collection_to_proto(CollectionSpec(TARGET, {"at": "datetime", "n": "number"}))
    message.storage.CopyFrom(storage)
    with pytest.raises(DataError) as caught:
        codec.collection_from_proto(through(message))
    assert (caught.value.reason, caught.value.violations[0].path) == (Reason.BAD_REQUEST, place)


@pytest.mark.parametrize("hint", ["[", "[]", '{"a":1}'])
def test_a_schema_hint_that_is_none_is_refused(hint: str) -> None:
    message = codec.collection_to_proto(CollectionSpec(TARGET))
    message.schema_hint = hint
    assert reason_of(lambda: codec.collection_from_proto(message)) is Reason.BAD_REQUEST


def test_an_index_without_a_known_type_or_state_is_refused() -> None:
    index = collection_pb2.IndexSpec(fields=[collection_pb2.IndexField(path="a")])
    message = codec.collection_to_proto(CollectionSpec(TARGET))
    message.indexes.append(index)
    assert reason_of(lambda: codec.collection_from_proto(message)) is Reason.BAD_REQUEST
    index.type = collection_pb2.INDEX_TYPE_ASCENDING
    status = collection_pb2.IndexStatus(spec=index)
    assert reason_of(lambda: codec.index_status_from_proto(status)) is Reason.BAD_REQUEST


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 0},
        {"limit": -1},
        {"max_bytes": 0},
        {"skip": -1},
        {"position": bytes(10_000)},
        {"deleted": 9},
    ],
)
def test_a_find_beyond_its_limits_is_refused(change: dict[str, Any]) -> None:
    message = codec.find_to_proto(Find(TARGET))
    for name, number in change.items():
        setattr(message, name, number)
    assert reason_of(lambda: codec.find_from_proto(through(message), None)) is Reason.BAD_REQUEST


def nested(depth: int) -> Filter:
    tree: Filter = Exists(("a",), exists=True)
    for _ in range(depth - 1):
        tree = Not(tree)
    return tree


def test_a_tree_as_deep_as_allowed_arrives_in_a_request_and_a_deeper_one_is_refused_at_both_ends() -> None:
    conjunctions: Filter = Exists(("a",), exists=True)
    for _ in range(FILTER_TREE_MAX_DEPTH - 1):
        conjunctions = And((conjunctions,))
    for tree in (nested(FILTER_TREE_MAX_DEPTH), conjunctions):
        change = Write(TARGET, [Delete(tree, 1)])
        assert codec.write_from_proto(through(codec.write_to_proto(change)), None) == change
    assert reason_of(lambda: filter_to_proto(nested(FILTER_TREE_MAX_DEPTH + 1))) is Reason.BAD_REQUEST
    deeper = filter_pb2.Filter()
    getattr(deeper, "not").CopyFrom(filter_to_proto(nested(FILTER_TREE_MAX_DEPTH)))
    assert reason_of(lambda: filter_from_proto(deeper)) is Reason.BAD_REQUEST


def test_the_deepest_and_the_widest_filter_of_a_caller_travels_with_the_conditions_that_a_broker_adds() -> None:
    deepest: Any = {"a": {"$gt": 1, "$lt": 2}, "b": 1}
    for number in range(FILTER_MAX_DEPTH - 1):
        deepest = {"$not" if number % 2 else "$or": deepest if number % 2 else [deepest, {"c": 1}], "d": 1}
    refusal = reason_of(lambda: parse_filter(json.dumps({"$or": [deepest, {"c": 1}]})))
    assert refusal is Reason.BAD_FILTER
    widest = parse_filter(json.dumps({"$or": [{"a": number} for number in range(FILTER_MAX_NODES - 1)]}))
    entries: tuple[Filter, ...] = tuple(
        ContainsAny(("_acl", "read"), (f"user:{number}",))
        for number in range(CONDITION_MAX_NODES - CONDITION_MAX_DEPTH)
    )
    for asked in (parse_filter(json.dumps(deepest)), widest):
        tree: Filter = asked or Exists(("a",), exists=True)
        for _ in range(CONDITION_MAX_DEPTH):
            tree = And((tree, Or(entries)))
        change = Write(TARGET, [Delete(tree, 1)])
        assert codec.write_from_proto(through(codec.write_to_proto(change)), None) == change


def test_bytes_that_nest_without_end_are_a_bad_request() -> None:
    data = b""
    for _ in range(500):
        size = len(data)
        length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
        data = b"\x1a" + length + data
    assert reason_of(lambda: codec.decode(filter_pb2.Filter, data)) is Reason.BAD_REQUEST


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, float("inf"), float("nan")])
def test_a_number_beyond_the_contract_is_not_sent(number: float) -> None:
    assert reason_of(lambda: value_to_proto(number)) is Reason.BAD_REQUEST


def test_no_error_repeats_what_was_sent() -> None:
    secret = "hunter2"
    messages = [
        filter_pb2.Filter(contains=filter_pb2.Contains(path=path("a"), element=value(json=secret))),
        node("comparison", any_message(filter_pb2.Comparison, path=path("a"), operand=value(string=secret))),
    ]
    for message in messages:
        with pytest.raises(DataError) as caught:
            filter_from_proto(message)
        assert secret not in json.dumps([str(caught.value), caught.value.metadata])
