"""Can a name, a key or a text mean something to PostgreSQL that it should not?"""

import json
import re

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aol_adapters.postgres.quoting import NAME_MAX_BYTES, fit_name, quote_name, quote_path, quote_text

# Neither surrogates nor NUL can stand in a key.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
HOSTILE = ['"', "'", "\\", "\\'", "''", '""', "$1", "$$", "{}", "{a,b}", "a,b", "NULL", "null", " ", "a b", "%s", ":a",
           "--", "/*", "*/", ";", "';--", "E'", "\\x41", "\\u0041", "\u202e", "\U0001f600", "\n", "\r\n", "\x01",
           "\ufeff", "\u2028", "é", "e\u0301", "SELECT", "\x7f", "Ä" * 40, "x" * 63, "x" * 64]  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(CHARACTERS, min_size=1, max_size=40)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
@example(texts=HOSTILE)
async def test_a_quoted_text_is_that_text_whatever_the_server_makes_of_backslashes(
    postgres_dsn: str, texts: list[str]
) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        for conforming in ("on", "off"):
            await connection.execute(f"SET standard_conforming_strings = {conforming}")
            assert await connection.fetchval(f"SELECT ARRAY[{', '.join(map(quote_text, texts))}]") == texts
            assert await connection.fetchval(f"SELECT {quote_path(texts)}") == texts
    finally:
        await connection.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(TEXTS, min_size=1, max_size=4), other=TEXTS)
async def test_a_quoted_path_reaches_its_key_and_no_other(postgres_dsn: str, keys: list[str], other: str) -> None:
    document: object = "found"
    for key in reversed(keys):
        document = {"decoy": [1], **({other: "wrong"} if other != key else {}), key: document}
    connection = await asyncpg.connect(postgres_dsn)
    try:
        assert await connection.fetchval(f"SELECT $1::jsonb #>> {quote_path(keys)}", json.dumps(document)) == "found"
    finally:
        await connection.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(TEXTS, min_size=1, max_size=6, unique=True))
@example(names=["x" * 63, "x" * 64, "x" * 65, "Ä" * 31, "Ä" * 32, "Ä" * 33])
async def test_a_quoted_name_is_one_name_and_different_ones_stay_different(postgres_dsn: str, names: list[str]) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        columns = ", ".join(f"{number} AS {quote_name(name)}" for number, name in enumerate(names))
        (row,) = await connection.fetch(f"SELECT {columns}")
        assert list(row.keys()) == [fit_name(name) for name in names]
        assert len(set(row.keys())) == len(names)
    finally:
        await connection.close()


@given(name=st.text(CHARACTERS, min_size=1, max_size=100))
def test_a_name_that_is_too_long_is_cut_to_the_same_every_time(name: str) -> None:
    cut = fit_name(name)
    assert cut == fit_name(name)
    assert len(cut.encode()) <= NAME_MAX_BYTES
    if len(name.encode()) <= NAME_MAX_BYTES:
        assert cut == name
    else:
        assert name.startswith(cut.rpartition("~")[0])
        assert re.fullmatch("[0-9a-f]{16}", cut.rpartition("~")[2])
        assert cut != fit_name(name + "x")


@pytest.mark.parametrize("quote", [quote_name, quote_text])
def test_nul_is_never_quoted(quote: object) -> None:
    assert callable(quote)
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


def test_nothing_is_no_name() -> None:
    with pytest.raises(ValueError, match="empty"):
        quote_name("")
