"""Can a name, a key or a number mean something to SQLite that it should not?"""

import json

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aol_adapters.sqlite.places import json_rank
from aol_adapters.sqlite.quoting import json_path, quote_name, quote_text
from aol_wire.filters import Json
from aol_wire.values import type_rank

# Neither surrogates nor NUL can stand in a key.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
HOSTILE = ['"', "'", "\\", '\\"', "[0]", "#", "[#-1]", "$", "a.b", "*", "__proto__", "constructor", "\x01", "\x7f", "ÿ",
           "\u202e", "\U0001f600", '"]', "a\nb", "';--", "null", " ", "\u2028", "\\u0041", "A", "\uff41"]  # fmt: skip
KEYS = st.sampled_from(HOSTILE) | st.text(CHARACTERS, min_size=1, max_size=12)


@pytest.fixture(scope="module")
def memory() -> apsw.Connection:
    return apsw.Connection(":memory:")


@settings(max_examples=300, deadline=None)
@given(keys=st.lists(KEYS, min_size=1, max_size=4), other=KEYS, escaped=st.booleans())
@example(keys=["[0]"], other="0", escaped=False)
@example(keys=["\\u0041"], other="A", escaped=True)
def test_a_path_reaches_its_key_and_no_other(
    memory: apsw.Connection, keys: list[str], other: str, escaped: bool
) -> None:
    document: Json = "found"
    for key in reversed(keys):
        document = {"decoy": [1], key: document}
        if other != key:
            document[other] = "wrong"
    text = json.dumps(document, ensure_ascii=escaped)
    path = json_path(keys)
    assert memory.execute("SELECT json_extract(jsonb(?), ?)", (text, path)).get == "found"
    assert memory.execute(f"SELECT json_extract(jsonb(?), {quote_text(path)})", (text,)).get == "found"
    if keys[-1] + "x" != other:
        missing = json_path([*keys[:-1], keys[-1] + "x"])
        assert memory.execute("SELECT json_type(jsonb(?), ?)", (text, missing)).get is None


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_array_is_reached_by_index_and_an_object_by_key(memory: apsw.Connection, index: int) -> None:
    array, thing = '{"a": [10, 11, 12]}', '{"a": {"0": 10, "1": 11, "2": 12}}'
    assert memory.execute("SELECT json_extract(?, ?)", (array, json_path(["a", index]))).get == 10 + index
    assert memory.execute("SELECT json_extract(?, ?)", (array, json_path(["a", str(index)]))).get is None
    assert memory.execute("SELECT json_extract(?, ?)", (thing, json_path(["a", str(index)]))).get == 10 + index
    assert memory.execute("SELECT json_extract(?, ?)", (thing, json_path(["a", index]))).get is None


@settings(max_examples=100, deadline=None)
@given(name=KEYS)
def test_a_quoted_name_is_one_name(name: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE {quote_name('t:' + name)} (x)")
    assert connection.execute("SELECT name FROM sqlite_schema").get == "t:" + name
    assert connection.execute(f"SELECT {quote_text(name)}").get == name


@pytest.mark.parametrize("quote", [quote_name, quote_text])
def test_nul_is_never_quoted(quote: object) -> None:
    assert callable(quote)
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


@settings(max_examples=300, deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_read_from_json_is_the_double_that_was_written(memory: apsw.Connection, number: float) -> None:
    assert memory.execute("SELECT value FROM json_each(jsonb(?))", (json.dumps([number]),)).get == number


EDGES = [2**53, 2**53 + 1, 2**63 - 1, 2**63 - 1024, -(2**63)]
INTEGERS = st.sampled_from(EDGES) | st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=300, deadline=None)
@given(integer=INTEGERS, double=st.floats(allow_nan=False, allow_infinity=False) | INTEGERS.map(float))
@example(integer=2**53 + 1, double=float(2**53))
def test_integers_and_doubles_are_compared_exactly(memory: apsw.Connection, integer: int, double: float) -> None:
    compared = memory.execute("SELECT ?1 < ?2, ?1 = ?2, ?1 > ?2", (integer, double)).get
    assert compared == (integer < double, integer == double, integer > double)


@pytest.mark.parametrize("value", [None, True, False, 0, -1, 1.5, "", "a", {}, {"a": 1}, [], [1]])
def test_type_ranks_are_those_of_the_contract(memory: apsw.Connection, value: Json) -> None:
    document = json.dumps({"a": value})
    assert memory.execute(f"SELECT {json_rank('jsonb(?1)', quote_text('$.a'))}", (document,)).get == type_rank(value)
