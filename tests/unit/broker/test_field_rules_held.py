"""Rules of fields: what is stored keeps them, all that does not is told at once, and no update leads around them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from structlog.testing import capture_logs

from aol_broker.admission import admit_document, admit_update
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_wire.errors import DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.filter_parser import parse_filter
from aol_wire.schema_hint import parse_schema_hint
from aol_wire.update_apply import apply_update
from aol_wire.update_parser import parse_update

HINT: dict[str, Any] = {
    "email": {"type": "string", "required": True, "pattern": "^[^@]+@[^@]+$", "maxLength": 20},
    "status": {"type": "string", "enum": ["open", "done"]},
    "stock": {"type": "number", "min": 0, "max": 10},
    "address": {"type": "object", "properties": {"city": {"type": "string", "required": True}, "zip": "string"}},
    "tags": {"type": "array", "items": {"type": "string", "required": True, "minLength": 2}},
    "lines": {"type": "array", "items": {"sku": {"type": "string", "required": True}, "n": "number"}},
    "owner": {"type": "object", "required": True, "properties": {"name": {"type": "string", "required": True}}},
}
GOOD: dict[str, Any] = {
    "email": "a@b",
    "status": "open",
    "stock": 10,
    "address": {"city": "Bern"},
    "tags": ["ab"],
    "lines": [{"sku": "x", "n": 1}],
    "owner": {"name": "ann"},
}


def record(hint: dict[str, Any], validation: Validation = Validation.STRICT) -> CollectionRecord:
    parsed = parse_schema_hint(hint)
    return CollectionRecord(
        "shop", "things", "memory", schema_hint=parsed.types, field_rules=parsed.rules, validation=validation
    )


RECORD = record(HINT)


def misfits(document: Mapping[str, Any]) -> list[str]:
    try:
        admit_document(json.dumps(document), "x", RECORD)
    except DataError as error:
        if error.reason is not Reason.VALIDATION_FAILED:
            raise
        return [violation.path for violation in error.violations]
    return []


def misfits_of_update(update: Mapping[str, Any], where: Mapping[str, Any] | None = None) -> list[str]:
    guard = parse_filter(json.dumps(where)) if where else None
    try:
        admit_update(parse_update(json.dumps(update)), RECORD, guard)
    except DataError as error:
        if error.reason is not Reason.VALIDATION_FAILED:
            raise
        return [violation.path for violation in error.violations]
    return []


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({}, []),
        ({"email": None}, ["email"]),
        ({"email": "ab"}, ["email"]),
        ({"email": "a@" + "b" * 18}, []),
        ({"email": "a@" + "b" * 19}, ["email"]),
        ({"email": "@" + "😀" * 30}, ["email", "email"]),
        ({"status": "lost", "stock": 10.5}, ["status", "stock"]),
        ({"status": None, "stock": None, "tags": None, "address": None}, []),
        ({"stock": -1}, ["stock"]),
        ({"stock": True}, ["stock"]),
        ({"address": {}}, ["address.city"]),
        ({"address": {"city": None, "zip": 1}}, ["address.city", "address.zip"]),
        ({"address": "Bern"}, ["address"]),
        ({"tags": ["ab", "c", None, 1]}, ["tags.1", "tags.2", "tags.3"]),
        ({"tags": {}}, ["tags"]),
        ({"lines": [{"sku": "x"}, {"n": "1"}, None, 5]}, ["lines.1.sku", "lines.1.n", "lines.3"]),
        ({"owner": {}}, ["owner.name"]),
        ({"owner": None}, ["owner"]),
    ],
)
def test_a_document_is_told_everything_that_is_wrong_with_it(change: dict[str, Any], paths: list[str]) -> None:
    assert misfits({**GOOD, **change}) == paths


def test_an_empty_document_lacks_what_is_required_and_nothing_under_what_is_not_there() -> None:
    assert misfits({}) == ["email", "owner"]


@pytest.mark.parametrize(
    ("update", "paths"),
    [
        ({"email": "c@d", "status": "done", "stock": 3}, []),
        ({"email": None}, ["email"]),
        ({"$unset": {"email": 1}}, ["email"]),
        ({"$unset": {"status": 1, "address": 1, "tags": 1}}, []),
        ({"$unset": {"owner": 1}}, ["owner"]),
        ({"$unset": {"address.city": 1}}, ["address.city"]),
        ({"status": "lost"}, ["status"]),
        ({"address": {"zip": "3000"}}, ["address.city"]),
        ({"address": {"city": "Bern", "zip": 3000}}, ["address.zip"]),
        ({"address": None}, []),
        ({"address.zip": "3000"}, ["address.city"]),
        ({"address.zip": "3000", "address.city": "Bern"}, []),
        ({"address.zip": "3000", "address.city": None}, ["address.city"]),
        ({"$set": {"address.zip": "3000"}, "$unset": {"address.city": 1}}, ["address.city"]),
        ({"address.other.x": 1}, ["address.city"]),
        ({"owner.other": 1}, []),
        ({"$push": {"tags": "cd"}}, []),
        ({"$push": {"tags": "c"}}, ["tags"]),
        ({"$push": {"tags": None}}, ["tags"]),
        ({"$push": {"lines": {"n": 1}}}, ["lines.sku"]),
        ({"$push": {"lines": {"sku": "y"}}}, []),
        ({"$unset": {"lines.0.sku": 1}}, ["lines"]),
        ({"lines.0.sku": 1}, ["lines"]),
        ({"$inc": {"email": 1}}, ["email"]),
        ({"$inc": {"stock": 1}}, ["stock"]),
        ({"$inc": {"stock": -1}}, ["stock"]),
        ({"$inc": {"stock": 0}}, []),
    ],
)
def test_an_update_may_not_break_what_inserts_keep(update: dict[str, Any], paths: list[str]) -> None:
    assert sorted(set(misfits_of_update(update))) == sorted(paths)


@pytest.mark.parametrize(
    ("amount", "where", "taken"),
    [
        (-2, {"stock": {"$gte": 2}}, True),
        (-2, {"stock": {"$gt": 2}, "status": "open"}, True),
        (-2, {"stock": 2}, True),
        (-2, {"stock": {"$gte": 1}}, False),
        (-2, {"stock": {"$lte": 2}}, False),
        (-2, {"$or": [{"stock": {"$gte": 2}}, {"status": "open"}]}, False),
        (-2, {"$not": {"stock": {"$gte": 2}}}, False),
        (-2, {"other": {"$gte": 2}}, False),
        (-2, {"stock": {"$ne": 1}}, False),
        (-2, {"stock": None}, False),
        (2, {"stock": {"$lte": 8}}, True),
        (2, {"stock": {"$lt": 9}}, False),
        (0.5, {"stock": {"$lte": 9.5}}, True),
        (0.5, {"stock": {"$lte": 9.6}}, False),
    ],
)
def test_a_filter_lets_an_inc_keep_to_the_bounds(amount: float, where: dict[str, Any], taken: bool) -> None:
    assert misfits_of_update({"$inc": {"stock": amount}}, where) == ([] if taken else ["stock"])


def test_a_refusal_says_what_to_do_and_no_value() -> None:
    with pytest.raises(DataError) as caught:
        admit_document(json.dumps({**GOOD, "email": "hunter2", "status": "hunter2"}), "x", RECORD)
    assert "hunter2" not in str(caught.value)
    assert "'shop.things' (validation: strict)" in caught.value.message
    with pytest.raises(DataError) as caught:
        admit_update(parse_update('{"$inc": {"stock": 4711}}'), RECORD)
    assert "4711" not in str(caught.value)
    assert "$lte" in caught.value.message


def test_a_collection_that_warns_logs_the_paths_and_how_many_there_are() -> None:
    warned = record(HINT, Validation.WARN)
    with capture_logs() as logs:
        admit_document(json.dumps({**GOOD, "email": "hunter2", "tags": ["x"] * 1000}), "x", warned)
        admit_update(parse_update('{"status": "hunter2"}'), warned)
    assert [(line["what"], line["misfits"]) for line in logs] == [("document", 1001), ("update", 1)]
    assert logs[0]["paths"][:2] == ["email", "tags.0"]
    assert len(logs[0]["paths"]) == 20
    assert "hunter2" not in str(logs)


def test_a_field_that_is_required_of_what_may_be_anything_is_required_of_all_of_that() -> None:
    loose = record({"a": {"b": {"type": "string", "required": True}}})
    admit_document('{"a": {"b": "x"}}', "x", loose)
    admit_document("{}", "x", loose)
    for document in ('{"a": {}}', '{"a": 5}', '{"a": []}'):
        with pytest.raises(DataError):
            admit_document(document, "x", loose)
    for update in ('{"$inc": {"a": 1}}', '{"$push": {"a": 1}}', '{"a": 1}'):
        with pytest.raises(DataError):
            admit_update(parse_update(update), loose)


# The same rules in the words of JSON Schema, for a validator that knows nothing of ours.


def as_schema(said: Any, name: str = "") -> dict[str, Any]:
    if isinstance(said, str):
        return as_schema({"type": said})
    schema: dict[str, Any] = {}
    kind = said["type"]
    schema["type"] = {"datetime": "string"}.get(kind, kind)
    if kind == "datetime":
        schema["enum"] = ["2020-01-01", "2020-01-01T00:00:00.000000Z"]
    for rule, word in (("enum", "enum"), ("pattern", "pattern"), ("min", "minimum"), ("max", "maximum"),
                       ("minLength", "minLength"), ("maxLength", "maxLength")):  # fmt: skip
        if rule in said:
            schema[word] = said[rule]
    if "items" in said:
        schema["items"] = or_null(said["items"])
    if "properties" in said:
        schema |= fields_schema(said["properties"])
    return schema


def or_null(said: Any) -> dict[str, Any]:
    if isinstance(said, dict) and said.get("required"):
        return as_schema(said)
    return {"anyOf": [{"type": "null"}, as_schema(said)]}


def fields_schema(fields: dict[str, Any]) -> dict[str, Any]:
    required = [name for name, said in fields.items() if isinstance(said, dict) and said.get("required")]
    return {"properties": {name: or_null(said) for name, said in fields.items()}, "required": required}


TEXTS = st.sampled_from(["", "a", "ab", "b" * 4, "2020-01-01", "2020-01-01T00:00:00.000000Z"])
NUMBERS = st.sampled_from([0, 1, -1, 2.5, 10, -0.5, 2**53 + 1, 1e300])
KEYS = st.sampled_from(["a", "b", "c"])
REQUIRED = {"required": st.booleans()}
FIELDS = st.recursive(
    st.one_of(
        st.sampled_from(["string", "number", "boolean", "datetime", "object", "array"]),
        st.fixed_dictionaries(
            {"type": st.just("string"), **REQUIRED},
            optional={
                "enum": st.sampled_from([["ab"], ["", "ab"]]),
                "pattern": st.sampled_from(["^a", "b"]),
                "minLength": st.integers(0, 2),
                "maxLength": st.integers(2, 4),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("number"), **REQUIRED},
            optional={
                "enum": st.sampled_from([[0, 1], [1]]),
                "min": st.sampled_from([-1, 0.5]),
                "max": st.sampled_from([1, 9.5]),
            },
        ),
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner, **REQUIRED}),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(KEYS, inner, max_size=3), **REQUIRED}
        ),
    ),
    max_leaves=5,
)
HINTS = st.dictionaries(KEYS, FIELDS, min_size=1, max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | TEXTS | NUMBERS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "0"]), min_size=1, max_size=3).map(".".join)
STEPS = st.fixed_dictionaries(
    {},
    optional={
        "$set": st.dictionaries(PATHS, VALUES, min_size=1, max_size=3),
        "$push": st.dictionaries(PATHS, VALUES, min_size=1, max_size=1),
        "$inc": st.dictionaries(PATHS, st.sampled_from([1, -1, 0, 0.5]), min_size=1, max_size=1),
        "$unset": st.dictionaries(PATHS, st.just(1), min_size=1, max_size=2),
    },
).filter(bool)
FILTERS = st.dictionaries(
    PATHS,
    st.one_of(NUMBERS, st.dictionaries(st.sampled_from(["$gte", "$gt", "$lte", "$lt"]), NUMBERS, min_size=1)),
    max_size=2,
)


def _fits(document: Mapping[str, Any], strict: CollectionRecord) -> bool:
    try:
        admit_document(json.dumps(document), "x", strict)
    except DataError as error:
        if error.reason is not Reason.VALIDATION_FAILED:
            raise
        return False
    return True


@given(HINTS, DOCUMENTS)
def test_a_document_is_taken_exactly_when_a_json_schema_of_the_same_rules_takes_it(
    hint: dict[str, Any], document: dict[str, Any]
) -> None:
    validator = Draft202012Validator({"type": "object", **fields_schema(hint)})
    taken = _fits(document, record(hint))
    event(f"taken: {taken}")
    assert taken is validator.is_valid(document)


SCALARS: list[Any] = ["", "a", "ab", "bbbb", "2020-01-01T00:00:00.000000Z", 0, 1, -1, 2.5, 10, 2**53 + 1, True, {}, []]


def fitting(said: Any) -> st.SearchStrategy[Any]:
    """Values that keep to a field's rules."""
    if isinstance(said, dict) and "properties" in said:
        return fitting_fields(said["properties"])
    if isinstance(said, dict) and "items" in said:
        return st.lists(fitting(said["items"]), max_size=2)
    validator = Draft202012Validator(as_schema(said))
    return st.sampled_from([value for value in SCALARS if validator.is_valid(value)])


def fitting_fields(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    needed = {name for name, said in fields.items() if isinstance(said, dict) and said.get("required")}
    return st.fixed_dictionaries(
        {name: fitting(said) for name, said in fields.items() if name in needed},
        optional={name: fitting(said) for name, said in fields.items() if name not in needed},
    )


def sets_of_fitting(hint: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return fitting_fields(hint).map(lambda fields: {"$set": fields} if fields else {"$unset": {"a": 1}})


CASES = HINTS.flatmap(
    lambda hint: st.tuples(st.just(hint), fitting_fields(hint), st.one_of(STEPS, sets_of_fitting(hint)), FILTERS)
)


@given(CASES)
def test_whatever_fitted_before_an_update_that_is_taken_fits_after_it(case: tuple[Any, Any, Any, Any]) -> None:
    hint, document, update, where = case
    strict = record(hint)
    before = json.loads(admit_document(json.dumps(document), "x", strict).json)
    try:
        guard = parse_filter(json.dumps(where), strict.datetime_paths)
        if not matches(guard, before, frozenset()):
            guard = None
        operations = admit_update(parse_update(json.dumps(update), strict.datetime_paths), strict, guard)
        after = apply_update(before, operations)
    except DataError as error:
        event(f"refused: {error.reason}")
        return
    event(f"taken: {sorted(update)}")
    assert _fits(after, strict)
