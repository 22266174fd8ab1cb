"""Does each direct side do what it is measured at, as durably as the broker's, and is a wrong answer noticed?"""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from benchmarks.databases import Sqlite
from benchmarks.direct_postgres import direct_postgres
from benchmarks.documents import document, document_id, user
from benchmarks.operations import find
from benchmarks.store import Store, WrongAnswerError
from postgres_server import rows


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: str) -> AsyncIterator[Store]:
    """Both, with the documents 0 to 29 in `things`."""
    if request.param == "sqlite":
        async with Sqlite(tmp_path).direct() as sqlite:
            yield await with_things(sqlite)
    else:
        async with direct_postgres(postgres_database) as postgres:
            yield await with_things(postgres)


async def with_things(made: Store) -> Store:
    await made.create("things")
    await made.insert_many("things", range(30))
    await made.index("things")
    return made


async def test_what_is_stored_comes_back_as_a_dict_with_its_metadata(store: Store) -> None:
    await store.insert("things", document(30))
    for number in (7, 30):
        found = await store.get("things", document_id(number))
        assert found.items() >= document(number).items()
        assert found["_version"] == 1
        assert found["_created_at"] == found["_updated_at"] > 0


async def test_a_query_finds_the_ten_documents_of_a_user(store: Store) -> None:
    found = await store.find("things", user(15))
    assert [item["n"] for item in found] == list(range(10, 20))


async def test_an_update_sets_the_field_and_the_metadata(store: Store) -> None:
    await store.update("things", document_id(3), 99)
    found = await store.get("things", document_id(3))
    assert (found["n"], found["_version"], found["user"]) == (99, 2, user(3))


async def test_a_scan_sees_what_was_not_deleted(store: Store) -> None:
    await store.delete("things", document_id(3))
    assert await store.scan("things") == 29


async def test_what_is_not_there_is_a_wrong_answer_and_no_fast_one(store: Store) -> None:
    missing = document_id(10**6)
    with pytest.raises(WrongAnswerError):
        await store.get("things", missing)
    with pytest.raises(WrongAnswerError):
        await store.update("things", missing, 1)
    with pytest.raises(WrongAnswerError):
        await store.delete("things", missing)
    with pytest.raises(WrongAnswerError):
        await find(store, "things", 10**6)


async def test_sqlite_syncs_each_commit(tmp_path: Path) -> None:
    async with Sqlite(tmp_path).direct() as store:
        connection = store.connection  # type: ignore[attr-defined]
        assert isinstance(connection, apsw.Connection)
        assert (connection.pragma("synchronous"), connection.pragma("journal_mode")) == (2, "wal")


async def test_postgresql_uses_the_index(postgres_database: str) -> None:
    async with direct_postgres(postgres_database) as store:
        await store.create("things")
        await store.insert_many("things", range(5000))
        await store.index("things")
    await rows(postgres_database, "ANALYZE things")
    plan = await rows(
        postgres_database, "EXPLAIN SELECT * FROM things WHERE doc ->> 'user' = 'u000000001' ORDER BY id LIMIT 10"
    )
    assert "things_expr_id_idx" in plan[0][0] + plan[1][0]
