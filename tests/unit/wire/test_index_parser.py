"""Which indexes can be declared, and which documents stand in them?"""

from typing import Any

import pytest

from aol.data.v1 import collection_pb2
from aol_wire.adapter import Capability
from aol_wire.capabilities import required_by_indexes
from aol_wire.errors import DataError, Reason
from aol_wire.index_parser import check_indexes, index_from_proto, index_to_proto, parse_index
from aol_wire.indexed_paths import check_indexed, fits
from aol_wire.indexes import IndexField, IndexSpec, IndexType

DECLARED: list[tuple[dict[str, Any], str]] = [
    ({"fields": ["a"], "type": "ascending"}, "ascending(a)"),
    ({"fields": ["a.b"], "type": "descending"}, "descending(a.b desc)"),
    ({"fields": [{"a": "desc"}], "type": "descending"}, "descending(a desc)"),
    ({"fields": ["a", {"b": "desc"}, {"c": "asc"}], "type": "compound"}, "compound(a, b desc, c)"),
    ({"fields": ["a"], "type": "unique"}, "unique(a)"),
    ({"fields": ["a", "b"], "type": "unique"}, "unique(a, b)"),
    ({"fields": ["a", "b"], "type": "text"}, "text(a, b)"),
    ({"fields": ["a"], "type": "ttl", "expireAfterSeconds": 0}, "ttl(a)"),
]


@pytest.mark.parametrize(("obj", "name"), DECLARED)
def test_an_index_is_understood_and_survives_its_message(obj: dict[str, Any], name: str) -> None:
    spec = parse_index(obj, "indexes.0")
    assert spec.name == name
    assert index_from_proto(index_to_proto(spec)) == spec
    assert spec.expire_after_s == obj.get("expireAfterSeconds")


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (None, Reason.BAD_REQUEST),
        ([], Reason.BAD_REQUEST),
        ({}, Reason.BAD_REQUEST),
        ({"fields": ["a"]}, Reason.BAD_REQUEST),
        ({"type": "ascending"}, Reason.BAD_REQUEST),
        ({"fields": "a", "type": "ascending"}, Reason.BAD_REQUEST),
        ({"fields": [], "type": "ascending"}, Reason.BAD_REQUEST),
        ({"fields": [1], "type": "ascending"}, Reason.BAD_REQUEST),
        ({"fields": [{"a": "down"}], "type": "compound"}, Reason.BAD_REQUEST),
        ({"fields": [{"a": "asc", "b": "asc"}], "type": "compound"}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "hash"}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": ["ascending"]}, Reason.BAD_REQUEST),
        ({"fields": ["a", "b"], "type": "ascending"}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "compound"}, Reason.BAD_REQUEST),
        ({"fields": ["a", {"a": "desc"}], "type": "compound"}, Reason.BAD_REQUEST),
        ({"fields": [f"f{n}" for n in range(9)], "type": "compound"}, Reason.BAD_REQUEST),
        ({"fields": [{"a": "desc"}], "type": "unique"}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "ttl"}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "ttl", "expireAfterSeconds": -1}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "ttl", "expireAfterSeconds": True}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "ttl", "expireAfterSeconds": 2**62}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "ascending", "expireAfterSeconds": 5}, Reason.BAD_REQUEST),
        ({"fields": ["a"], "type": "ascending", "unique": True}, Reason.BAD_REQUEST),
        ({"fields": ["a.0"], "type": "ascending"}, Reason.BAD_PATH),
        ({"fields": ["_id"], "type": "ascending"}, Reason.BAD_PATH),
        ({"fields": ["$a"], "type": "ascending"}, Reason.BAD_PATH),
    ],
)
def test_what_is_no_index_is_refused(obj: Any, reason: Reason) -> None:
    with pytest.raises(DataError) as caught:
        parse_index(obj, "indexes.0")
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "message",
    [
        collection_pb2.IndexSpec(),
        collection_pb2.IndexSpec(type=collection_pb2.INDEX_TYPE_ASCENDING),
        collection_pb2.IndexSpec(fields=[collection_pb2.IndexField(path="a")]),
        collection_pb2.IndexSpec(fields=[collection_pb2.IndexField()], type=collection_pb2.INDEX_TYPE_ASCENDING),
        collection_pb2.IndexSpec(fields=[collection_pb2.IndexField(path="a")], type=collection_pb2.INDEX_TYPE_TTL),
        collection_pb2.IndexSpec(fields=[collection_pb2.IndexField(path="a")], type=99),  # type: ignore[arg-type]
    ],
)
def test_a_message_that_is_no_index_is_refused(message: collection_pb2.IndexSpec) -> None:
    with pytest.raises(DataError) as caught:
        index_from_proto(message)
    assert caught.value.reason in {Reason.BAD_REQUEST, Reason.BAD_PATH}


def test_a_collection_has_up_to_64_indexes_each_once() -> None:
    specs = [IndexSpec((IndexField((f"f{number}",)),), IndexType.ASCENDING) for number in range(65)]
    assert check_indexes([*specs[:64], specs[0]]) == tuple(specs[:64])
    with pytest.raises(DataError) as caught:
        check_indexes(specs)
    assert caught.value.reason is Reason.TOO_LARGE


def test_indexes_say_which_capabilities_they_need() -> None:
    specs = [parse_index(obj, "index") for obj, _ in DECLARED]
    assert required_by_indexes(specs) == {Capability.UNIQUE, Capability.TEXT, Capability.TTL}
    assert required_by_indexes(specs[:4]) == frozenset()


@pytest.mark.parametrize(
    ("document", "plain", "text"),
    [
        ({}, True, True),
        ({"a": {"b": "x" * 1024}}, True, True),
        ({"a": {"b": "x" * 1025}}, False, True),
        ({"a": {"b": "é" * 513}}, False, True),
        ({"a": {"b": [1]}}, False, False),
        ({"a": {"b": {}}}, False, False),
        ({"a": [1]}, False, False),
        ({"a": 1}, True, True),
    ],
)
def test_a_document_fits_an_index_or_not(document: dict[str, Any], plain: bool, text: bool) -> None:
    path = IndexField(("a", "b"))
    for spec, expected in (
        (IndexSpec((path,), IndexType.UNIQUE), plain),
        (IndexSpec((IndexField(("z",)), path), IndexType.COMPOUND), plain),
        (IndexSpec((path,), IndexType.TEXT), text),
    ):
        assert fits(document, spec) is expected
        if expected:
            check_indexed(document, [spec])
        else:
            with pytest.raises(DataError) as caught:
                check_indexed(document, [spec])
            assert caught.value.metadata == {"index": spec.name}
            assert "xxx" not in caught.value.message


def test_the_fields_of_an_index_are_counted_before_they_are_read() -> None:
    message = collection_pb2.IndexSpec(
        type=collection_pb2.INDEX_TYPE_COMPOUND, fields=[collection_pb2.IndexField(path="")] * 9
    )
    with pytest.raises(DataError) as caught:
        index_from_proto(message)
    assert caught.value.reason is Reason.BAD_REQUEST
    with pytest.raises(DataError) as caught:
        parse_index({"type": "compound", "fields": [""] * 9}, "index")
    assert caught.value.reason is Reason.BAD_REQUEST
