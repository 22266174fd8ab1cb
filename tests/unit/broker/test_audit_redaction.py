"""What records show of filters and ids: at each level, and of values that nobody may read."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.audit.filter_shape import filter_shape
from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.audit.record import FILTER_MAX_BYTES
from aol_broker.audit.redaction import FIELDS_MAX_BYTES, IDS_SHOWN, recorded, recorded_fields
from aol_broker.audit.secret_names import ANYWHERE, ENDINGS, WORDS, may_name_secrets, names_secret
from aol_broker.audit.value_hash import hash_value
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.verbs import VERBS
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index

KEY = b"k" * 32
CANARY = "canary-8c1f4"
DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
HIDDEN = {"$hmac": hash_value(CANARY, KEY)}


def collection(*sensitive: str, level: AuditLevel = AuditLevel.VALUES, text: str = "") -> CollectionRecord:
    indexes = (parse_index({"fields": [text], "type": "text"}, "indexes.0"),) if text else ()
    policy = AuditPolicy(level, tuple(tuple(path.split(".")) for path in sensitive))
    return CollectionRecord("shop", "people", "memory", indexes=indexes, audit=policy)


def is_canonical(filters: bytes) -> bool:
    """Whether the hash of a record can be made of it: JSON with sorted keys, on one line."""
    return orjson.dumps(orjson.loads(filters), option=orjson.OPT_SORT_KEYS) == filters


def shown(filters: Any, record: CollectionRecord | None) -> Any:
    text = filters if isinstance(filters, str) else json.dumps(filters)
    line = recorded("query", pb.QueryDataRequest(filter=text), record, KEY)
    assert len(line) <= FILTER_MAX_BYTES
    assert b"\n" not in line
    return json.loads(line)


def test_a_collection_without_a_policy_shows_values() -> None:
    filters = {"kind": "error", "$or": [{"n": {"$gt": 1}}, {"tags": {"$in": ["a", None]}}]}
    assert shown(filters, collection()) == filters


@pytest.mark.parametrize(
    ("filters", "shape"),
    [
        ({"a": "x", "b": 1, "c": 1.5, "d": True, "e": None}, ["string", "number", "number", "boolean", "null"]),
        ({"a": {"x": 1}, "b": [1], "c": {}}, ["object", "array", "object"]),
        ({"age": {"$gt": 18, "$lte": 2.5}}, [{"$gt": "number", "$lte": "number"}]),
        (
            {"a": {"$in": ["x", "y", 1]}, "b": {"$nin": ["x"]}},
            [{"$in": ["string", "number", "…"]}, {"$nin": ["string"]}],
        ),
        ({"a": {"$in": []}}, [{"$in": []}]),
        ({"a": {"$exists": False}}, [{"$exists": False}]),
        ({"a": {"$exists": CANARY}}, [{"$exists": "string"}]),
        ({"a": {"$regex": "^x", "$options": "i"}}, [{"$options": "i", "$regex": "string"}]),
        ({"a": {"$regex": "^x", "$options": CANARY}}, [{"$options": "string", "$regex": "string"}]),
        ({"a": {"$contains": {"x": 1}}}, [{"$contains": "object"}]),
        ({"$text": "two words"}, ["string"]),
        ({"$or": [{"a": 1}, {"$not": {"b": "x"}}, 7]}, [[{"a": "number"}, {"$not": {"b": "string"}}, "number"]]),
        ({"$or": "x", "$near": {"a": 1}}, ["object", "string"]),
    ],
)
def test_a_shape_has_paths_and_operators_and_types_in_the_place_of_values(filters: Any, shape: list[Any]) -> None:
    assert shown(filters, collection(level=AuditLevel.SHAPE)) == dict(zip(sorted(filters), shape, strict=True))


@given(
    st.recursive(
        st.text() | st.integers() | st.floats(allow_nan=False),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["a", "$or", "$not", "$in", "$eq", "$exists", "$options", "$text", "$regex"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=10,
    )
)
def test_no_shape_shows_a_value(value: Any) -> None:
    types = {"null", "boolean", "number", "string", "object", "array", "…", "i", ""}

    def leaves(shape: Json) -> list[Json]:
        if isinstance(shape, dict | list):
            return [leaf for item in (shape.values() if isinstance(shape, dict) else shape) for leaf in leaves(item)]
        return [shape]

    assert set(leaves(filter_shape(value))) <= types


@pytest.mark.parametrize(
    "record", [collection(level=AuditLevel.METADATA), collection("ssn", level=AuditLevel.METADATA)]
)
@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.operation)
def test_metadata_shows_nothing_of_filters_and_ids(record: CollectionRecord, verb: Any) -> None:
    request = verb.request()
    for name in ("filter", "document_id", "document"):
        if name in verb.request.DESCRIPTOR.fields_by_name:
            setattr(request, name, f'{{"a": "{CANARY}"}}')
    if verb.operation == "insert_many":
        request.document_ids.append(CANARY)
    assert CANARY not in recorded(verb.operation, request, record, KEY, [CANARY]).decode()


def test_of_a_name_that_is_no_collection_the_shape_is_shown() -> None:
    assert shown({"ssn": CANARY}, None) == {"ssn": "string"}
    line = recorded("insert", pb.StoreDataRequest(document_id=CANARY), None, KEY)
    assert json.loads(line) == {"_id": "string"}


@pytest.mark.parametrize(
    ("filters", "sensitive", "recorded_as"),
    [
        ({"ssn": CANARY, "n": 1}, "ssn", {"ssn": HIDDEN, "n": 1}),
        ({"login.name": CANARY}, "login", {"login.name": HIDDEN}),
        ({"ssn": {"$eq": CANARY}}, "ssn", {"ssn": {"$eq": HIDDEN}}),
        ({"ssn": {"$gt": CANARY, "$exists": True}}, "ssn", {"ssn": {"$gt": HIDDEN, "$exists": True}}),
        ({"ssn": {"$in": [CANARY, 1]}}, "ssn", {"ssn": {"$in": [HIDDEN, {"$hmac": hash_value(1, KEY)}]}}),
        ({"ssn": {"$nin": [CANARY]}}, "ssn", {"ssn": {"$nin": [HIDDEN]}}),
        ({"ssn": {"$regex": CANARY, "$options": "i"}}, "ssn", {"ssn": {"$regex": HIDDEN, "$options": "i"}}),
        ({"ssn": {"$contains": CANARY}}, "ssn", {"ssn": {"$contains": HIDDEN}}),
        ({"$not": {"$or": [{"$and": [{"ssn": CANARY}]}, {"a": 1}]}}, "ssn",
         {"$not": {"$or": [{"$and": [{"ssn": HIDDEN}]}, {"a": 1}]}}),
        ({"login": {"name": "bob", "pin": CANARY}}, "login.pin", {"login": {"name": "bob", "pin": HIDDEN}}),
        ({"login": {"$eq": {"name": "bob", "pin": CANARY}}}, "login.pin",
         {"login": {"$eq": {"name": "bob", "pin": HIDDEN}}}),
        ({"login": {"$ne": {"a": {"pin": [CANARY]}}}}, "login.a.pin",
         {"login": {"$ne": {"a": {"pin": {"$hmac": hash_value([CANARY], KEY)}}}}}),
        ({"people.0.ssn": CANARY}, "people.ssn", {"people.0.ssn": HIDDEN}),
        ({"people.ssn": CANARY}, "people.0.ssn", {"people.ssn": HIDDEN}),
        ({"people": {"$contains": {"ssn": CANARY}}}, "people.3.ssn", {"people": {"$contains": {"ssn": HIDDEN}}}),
        ({"people": [{"ssn": CANARY, "n": 1}]}, "people.ssn", {"people": [{"ssn": HIDDEN, "n": 1}]}),
        ({"2024": CANARY, "2025": 1}, "2024", {"2024": HIDDEN, "2025": 1}),
        ({"years.2024.total": CANARY}, "years.2024.total", {"years.2024.total": HIDDEN}),
        ({"_id": CANARY}, "_id", {"_id": HIDDEN}),
        # Refused as filters, but recorded.
        ({"ssn": {"$not": {"$eq": CANARY}}}, "ssn", {"ssn": {"$not": {"$eq": HIDDEN}}}),
        ({"ssn": {"$near": CANARY}}, "ssn", {"ssn": {"$near": HIDDEN}}),
        ({"login": {"$eq": 1, "pin": CANARY}}, "login.pin", {"login": {"$eq": 1, "pin": HIDDEN}}),
        ({"login": {"a": {"$eq": {"pin": CANARY}}}}, "login.a.pin", {"login": {"a": {"$eq": {"pin": HIDDEN}}}}),
        ({"$where": CANARY}, "ssn", {"$where": HIDDEN}),
        ({"$or": CANARY}, "ssn", {"$or": HIDDEN}),
        ({"$or": [CANARY]}, "ssn", {"$or": [HIDDEN]}),
        ({"$text": CANARY}, "ssn", {"$text": HIDDEN}),
    ],
)  # fmt: skip
def test_what_is_compared_with_a_sensitive_path_is_hidden(filters: Any, sensitive: str, recorded_as: Any) -> None:
    assert shown(filters, collection(sensitive)) == recorded_as


def test_a_text_query_is_hidden_when_it_is_over_a_sensitive_field() -> None:
    query = {"$text": CANARY}
    assert shown(query, collection("notes", text="notes")) == {"$text": HIDDEN}
    assert shown(query, collection("notes", text="notes.body")) == {"$text": HIDDEN}
    assert shown(query, collection(text="password_hint")) == {"$text": HIDDEN}
    assert shown(query, collection(text="title")) == query
    assert shown(query, collection("ssn", text="password_hint")) == {"$text": HIDDEN}
    assert shown(query, collection("ssn", text="title")) == query


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "userPassword", "user_password", "login.password", "PASS-WORD", "passwd", "passphrase",
     "api-key", "apiKey", "X-Api-Key", "APIKEY", "privateKey", "access_key", "secret", "client_secret", "secrets",
     "clientsecret", "token", "accessToken", "accesstoken", "tokens", "token_v2", "Authorization", "credentials",
     "ssn", "userSSN", "ssnLast4", "cvv", "pwd", "userpwd"],
)  # fmt: skip
def test_what_is_compared_with_a_field_that_looks_like_a_secret_is_hidden_undeclared(name: str) -> None:
    assert shown({name: CANARY}, collection()) == {name: HIDDEN}
    assert shown({"a": {"b": {name: CANARY}}}, collection()) == {"a": {"b": {name: HIDDEN}}}


@pytest.mark.parametrize("name", ["secretary", "tokenizer", "passenger", "keyboard", "className", "compass", "monkey"])
def test_other_names_are_not_those_of_secrets(name: str) -> None:
    assert shown({name: CANARY}, collection()) == {name: CANARY}


def test_a_name_written_with_escapes_is_the_name() -> None:
    assert shown(f'{{"\\u0070assword": "{CANARY}"}}', collection()) == {"password": HIDDEN}


@given(st.sampled_from(sorted({*ANYWHERE, *WORDS, *ENDINGS})), st.text(max_size=3), st.text("-_. ", max_size=2))
def test_whatever_names_a_secret_is_looked_at(name: str, around: str, between: str) -> None:
    name = name.replace(" ", between)
    for key in (name, around + name, name + around, name.title(), name.upper()):
        if names_secret(key):
            assert may_name_secrets(json.dumps({key: 1}))
            assert may_name_secrets(json.dumps({key: 1}, ensure_ascii=False))


def test_a_filter_that_cannot_be_read_or_is_too_long_is_told_by_its_size() -> None:
    sensitive = collection("ssn")
    assert shown(f'{{"ssn": "{CANARY}', sensitive) == {"$malformed_characters": 21}
    assert shown({"ssn": CANARY * 2000}, sensitive).keys() == {"$omitted_characters"}
    assert shown({"ssn": {"$in": list(range(1000))}}, sensitive).keys() == {"$omitted_characters"}
    for levels in (100, 300, 5000):
        nested = '{"a":' * levels + "1" + "}" * levels
        for record in (sensitive, collection(level=AuditLevel.SHAPE), None):
            assert shown(nested, record).keys() <= {"$malformed_characters", "$omitted_characters"}
    assert shown(f'["{CANARY}"]', sensitive).keys() == {"$hmac"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0, -0.0),
        (10**18, 1e18),
        ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}),
        ("2025-11-22", "2025-11-22T00:00:00.000000Z"),
        ("2025-11-22T01:00:00+01:00", "2025-11-22 00:00"),
    ],
)
def test_equal_values_have_equal_hashes(one: Json, other: Json) -> None:
    assert hash_value(one, KEY) == hash_value(other, KEY)


def test_other_values_and_other_keys_make_other_hashes() -> None:
    values: list[Json] = [
        None,
        True,
        False,
        0,
        1,
        "1",
        "",
        "true",
        [],
        {},
        [1],
        ["1"],
        {"a": 1},
        {"a": "1"},
        1.5,
        2**53,
    ]
    assert len({hash_value(value, KEY) for value in values}) == len(values)
    assert hash_value(2**53 + 1, KEY) != hash_value(2**53, KEY)
    assert hash_value(CANARY, KEY) != hash_value(CANARY, b"o" * 32)
    assert len(bytes.fromhex(hash_value(CANARY, KEY))) == 32


def insert(record: CollectionRecord, document_id: str, *admitted: str) -> Any:
    return json.loads(recorded("insert", pb.StoreDataRequest(document_id=document_id), record, KEY, admitted))


def insert_many(record: CollectionRecord, *ids: str) -> Any:
    line = recorded("insert_many", pb.StoreBatchRequest(), record, KEY, ids)
    assert len(line) <= FILTER_MAX_BYTES - 4000, "there is room for the failures of a batch"
    return json.loads(line)


def test_the_record_of_an_insert_is_found_by_the_documents_id() -> None:
    assert insert(collection(), "given") == {"_id": "given"}
    assert insert(collection(), "", "made") == {"_id": "made"}
    assert insert(collection(), "") is None
    assert insert(collection(), "x" * 300) == {"_id": {"$malformed_characters": 300}}
    assert insert(collection("_id"), CANARY) == {"_id": HIDDEN}
    assert insert(collection("ssn"), "given") == {"_id": "given"}
    assert insert(collection(level=AuditLevel.SHAPE), "given") == {"_id": "string"}


def test_the_record_of_a_batch_names_the_first_hundred_and_says_so() -> None:
    ids = [f"id-{number}" for number in range(150)]
    assert insert_many(collection(), *ids[:2]) == {"_id": {"$in": ids[:2]}}
    assert insert_many(collection(), *ids) == {"_id": {"$in": ids[:IDS_SHOWN], "$omitted_values": 50}}
    assert insert_many(collection(level=AuditLevel.SHAPE), *ids) == {"_id": {"$in": ["string", "…"]}}
    assert insert_many(collection("_id"), CANARY) == {"_id": {"$in": [HIDDEN]}}
    assert insert_many(collection()) is None
    long = insert_many(collection(), *["\x01" * 250 + str(number) for number in range(100)])["_id"]
    assert len(long["$in"]) + long["$omitted_values"] == 100


def test_a_record_of_a_change_says_nothing_of_what_was_written() -> None:
    update = pb.UpdateDataRequest(filter='{"a": 1}', update=f'{{"b": "{CANARY}"}}')
    assert recorded("update", update, collection(), KEY) == b'{"a":1}'
    document = pb.StoreDataRequest(document=f'{{"b": "{CANARY}"}}', document_id="x")
    assert CANARY not in recorded("insert", document, collection(), KEY).decode()


def test_the_fields_of_a_query_are_named_as_far_as_there_is_room() -> None:
    assert recorded_fields(pb.QueryDataRequest(projection=["a.b", "c"]), collection()) == ("a.b", "c")
    assert recorded_fields(pb.QueryDataRequest(), collection()) is None
    assert recorded_fields(pb.StoreDataRequest(), collection()) is None
    assert recorded_fields(None, None) is None
    assert recorded_fields(pb.QueryDataRequest(projection=["a"]), collection(level=AuditLevel.METADATA)) is None
    many = recorded_fields(pb.QueryDataRequest(projection=["\x01" * 100] * 50), None)
    assert many is not None
    assert many[-1] == f"$omitted_paths: {51 - len(many)}"
    assert len(json.dumps(many)) < FIELDS_MAX_BYTES + 100


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.operation)
def test_every_empty_request_can_be_recorded(verb: Any) -> None:
    for record in (None, collection("ssn"), collection(level=AuditLevel.SHAPE)):
        assert is_canonical(recorded(verb.operation, verb.request(), record, KEY))
        assert is_canonical(recorded(verb.operation, None, record, KEY))


def test_the_documentation_has_the_levels_as_they_are() -> None:
    [example] = re.findall(r"^\| `audit` \| `filters` of `(.*)` \|$", DOCUMENTATION, re.MULTILINE)
    for level in AuditLevel:
        filters = shown(example, collection(level=level))
        recorded_as = "null" if filters is None else f"`{json.dumps(filters, ensure_ascii=False)}`"
        assert re.search(rf"^\| `{level}`.* \| {re.escape(recorded_as)} \|$", DOCUMENTATION, re.MULTILINE), level


def test_the_documentation_names_what_names_secrets() -> None:
    listed = DOCUMENTATION.split("a path whose name looks like that of a secret")[1].split("It does not matter")[0]
    items = (item.split(": `")[0] for item in listed.split("\n- ")[1:])
    anywhere, words, endings = (set(re.findall(r"`([a-z ]+)`", item)) for item in items)
    assert anywhere == {name.replace("pass ", "pass") for name in ANYWHERE}
    assert words == {word.removesuffix("s") if word in {"secrets", "tokens"} else word for word in WORDS}
    assert endings == {ending.removesuffix("s") for ending in ENDINGS}


KEYS = ["a", "ssn", "login", "pin", "login.pin", "ssn.0..x", "", ".", "$", "0", "$or", "$and", "$not", "$in", "$nin",
        "$eq", "$contains", "$exists", "$options", "$regex", "$text", "$near", "userPassword"]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.text(max_size=3) | st.sampled_from([0, -1, 2**63, 2**64 - 1, 1e300, -0.0, 0.5])
FILTERS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=15,
)
POLICIES = [
    None,
    *(collection(*paths, level=level) for level in AuditLevel for paths in ((), ("ssn", "login.pin", "0"))),
]


@given(
    st.dictionaries(st.sampled_from(KEYS), FILTERS, max_size=3).map(json.dumps) | FILTERS.map(json.dumps) | st.text()
)
def test_whatever_a_caller_sends_can_be_recorded_under_every_policy(text: str) -> None:
    text = text.encode(errors="ignore").decode()
    for record in POLICIES:
        filters = recorded("query", pb.QueryDataRequest(filter=text), record, KEY)
        assert is_canonical(filters)
        assert len(filters) <= FILTER_MAX_BYTES


@given(st.text())
def test_hidden_values_are_in_no_form_that_can_be_read(text: str) -> None:
    text = f"{CANARY}{text.encode(errors='ignore').decode()}"
    line = recorded("query", pb.QueryDataRequest(filter=json.dumps({"ssn": {"$in": [text]}})), collection("ssn"), KEY)
    for form in (CANARY.encode(), base64.b64encode(text.encode())[:12], text.encode().hex()[:24].encode()):
        assert form not in line
