"""Do numbers, and values of every type, compare and come back in PostgreSQL as the contract says?"""

import json
import math
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aol_adapters.postgres import places
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.numbers import has_usual_numbers, jsonb_text, number_text
from aol_adapters.postgres.places import document_place, number_of, text_of
from aol_wire.filters import Json
from aol_wire.values import MISSING, equal, sort_key, type_rank

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

EDGES = [0, 1, -1, 2**53, 2**53 + 1, 10**16, 10**16 + 1, 2**63 - 1, 2**63 - 1024, -(2**63), -(2**63) + 1, 2**64 - 1]
INTEGERS = st.sampled_from(EDGES) | st.integers(-(2**63), 2**64 - 1)
LARGE = [1e15, 1e16, 1.0000000000000002e16, 1e17, 1.2345678901234567e18, 2.0**63, 1.8446744073709550e19, 2.0**64, 1e20,
         1e300, 5e-324, 1e-7, 0.1, -0.0, -1e16, 1.7976931348623157e308]  # fmt: skip
DOUBLES = st.sampled_from(LARGE) | st.floats(allow_nan=False, allow_infinity=False) | INTEGERS.map(float)
NUMBERS = INTEGERS | DOUBLES


@pytest.fixture
async def connection(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


@EXAMPLES
@given(pairs=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=20, max_size=20))
@example(pairs=[(one, other) for one in [*EDGES, *LARGE] for other in [*EDGES, *LARGE]])
async def test_any_two_numbers_compare_exactly_as_they_are_stored_and_as_they_are_asked_for(
    connection: asyncpg.Connection, pairs: list[tuple[int | float, int | float]]
) -> None:
    sql = (
        "SELECT (one::jsonb)::numeric < (other::jsonb)::numeric AS less, one::jsonb = other::jsonb AS same, "
        "(one::jsonb)::numeric > number::numeric AS greater, (one::jsonb)::numeric = number::numeric AS equal "
        "FROM unnest($1::text[], $2::text[], $3::text[]) AS pairs(one, other, number)"
    )
    stored = [[jsonb_text(pair[side]) for pair in pairs] for side in (0, 1)]
    found = await connection.fetch(sql, *stored, [number_text(pair[1]) for pair in pairs])
    expected = [(one < other, one == other, one > other, one == other) for one, other in pairs]
    assert list(map(tuple, found)) == expected


@EXAMPLES
@given(numbers=st.lists(NUMBERS, min_size=20, max_size=20))
@example(numbers=[*EDGES, *LARGE])
async def test_any_number_is_read_back_as_it_was_and_doubles_as_doubles(
    connection: asyncpg.Connection, numbers: list[int | float]
) -> None:
    # As clients write and read them.
    written = orjson.loads(json.dumps(numbers))
    found = orjson.loads(await connection.fetchval("SELECT $1::jsonb::text", jsonb_text(written)))
    assert found == written
    for before, after in zip(written, found, strict=True):
        if abs(before) < 2.0**64:
            assert type(before) is type(after)
            assert math.copysign(1, before) == math.copysign(1, after) or before == 0


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab0"), inner, max_size=3)
)


@EXAMPLES
@given(document=st.dictionaries(TEXTS, VALUES))
async def test_any_document_is_read_back_equal(connection: asyncpg.Connection, document: dict[str, Json]) -> None:
    document = orjson.loads(json.dumps(document))
    found = orjson.loads(await connection.fetchval("SELECT $1::jsonb::text", jsonb_text(document)))
    assert equal(found, document)


@EXAMPLES
@given(values=st.lists(VALUES | st.just(MISSING), min_size=2, max_size=20))
@example(
    values=[MISSING, None, -1e308, 0, 2**53 + 1, float(2**53), "", "A", "a", "é", "\uff5e", "😀", {}, [], False, True]
)
async def test_values_of_every_type_come_in_the_order_of_the_contract(
    connection: asyncpg.Connection, values: list[Any]
) -> None:
    at = document_place("value #> ARRAY['a']", is_indexed=True)
    documents = ["{}" if value is MISSING else jsonb_text({"a": value}) for value in values]
    sql = (
        f"SELECT number, dense_rank() OVER (ORDER BY {at.number}, {at.text}) AS place "
        "FROM unnest($1::jsonb[]) WITH ORDINALITY AS rows(value, number) ORDER BY number"
    )
    ranks = [row["place"] for row in await connection.fetch(sql, documents)]
    keys = [sort_key(value) for value in values]
    distinct = sorted(set(keys))
    assert ranks == [distinct.index(key) + 1 for key in keys]


@EXAMPLES
@given(values=st.lists(SCALARS, min_size=1, max_size=10))
async def test_what_is_bound_of_a_value_is_what_the_expressions_make_of_it(
    connection: asyncpg.Connection, values: list[Json]
) -> None:
    for value in values:
        bindings = Bindings()
        at = document_place(bindings.jsonb(value), is_indexed=True)
        rank = type_rank(value)
        number, text = number_of(rank, value, bindings), bindings.text(text_of(rank, value))
        found = await connection.fetchrow(f"SELECT {at.number} = {number}, {at.text} = {text}", *bindings.values)
        assert tuple(found) == (True, True)


def test_the_ranks_are_those_of_the_contract() -> None:
    values: list[Json] = [None, 1, "", {}, [], True]
    ranks = [type_rank(value) for value in values]
    assert ranks == [places.NOTHING, places.NUMBER, places.STRING, places.OBJECT, places.ARRAY, places.BOOLEAN]


# As anybody may write a number in JSON; most of these are unusual, and those of few digits are not.
WRITTEN = (
    st.from_regex(r"-?(0|[1-9][0-9]{0,22})([.][0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
    | st.from_regex(r"-?(0|[1-9][0-9]{0,3})([.][0-9]{1,4})?", fullmatch=True)
    | NUMBERS.map(repr)
)


def as_written(text: str) -> Any:
    """A JSON text with its numbers as `numeric` tells them apart: by their values, and by their decimal places."""
    return json.loads(text, parse_int=lambda it: Decimal(it).as_tuple(), parse_float=lambda it: Decimal(it).as_tuple())


@settings(max_examples=500, deadline=None)
@given(
    numbers=st.lists(WRITTEN, min_size=1, max_size=3),
    text=st.text(max_size=5) | WRITTEN,
    space=st.sampled_from(["", " ", "\n\t"]),
)
@example(numbers=["1.50"], text="", space="")
@example(numbers=["-0"], text="", space="")
@example(numbers=["1e5"], text="", space=" ")
@example(numbers=["100000000000000000000"], text="", space="")
def test_documents_of_usual_numbers_are_stored_as_if_they_were_written_anew(
    numbers: list[str], text: str, space: str
) -> None:
    array = f",{space}".join(numbers)
    document = f'{{"n"{space}:{space}{numbers[0]}{space},"t":{json.dumps(text)},"a":[{space}{array}{space}]}}'
    if has_usual_numbers(f"{{}}\n{document}"):
        assert as_written(document) == as_written(jsonb_text(orjson.loads(document)))


@given(st.integers(-(10**16) + 1, 10**16 - 1), st.integers(-(10**9), 10**9), st.integers(1, 5))
def test_numbers_of_few_digits_are_usual(integer: int, digits: int, places: int) -> None:
    document = orjson.dumps({"n": integer, "x": [digits / 10**places], "at": "2025-11-22T00:00:59.120000Z"}).decode()
    assert has_usual_numbers(document) or "e-" in document
