"""Does a collection that is there get what finds documents by owner and list: large, in parts, or kept by tenant?"""

import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from access_conditions import acl, fill, found, naming, open_to
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Adapter, CollectionSpec, Delete, Find, Insert, Mutation, Target, Update, Write
from aol_wire.filter_parser import parse_filter
from aol_wire.ids import now_us
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage, Tenancy
from mongodb_adapters import opened as opened_mongodb
from mongodb_server import native
from postgres_adapters import opened as opened_postgres
from postgres_server import rows, statements

TARGET = Target("shop", "orders")
PLAIN = CollectionSpec(TARGET)
SECURED = CollectionSpec(TARGET, owners=True, acls=True)
MINE = open_to("ann", "user:bob")
DOCUMENTS = 1200


async def serves(adapter: Adapter, target: Target = TARGET) -> bool:
    explanation = await adapter.explain(Find(target, MINE))
    return explanation.uses_access and explanation.examined_documents < 60


async def write(adapter: Adapter, *mutations: Mutation, target: Target = TARGET) -> None:
    outcomes = await adapter.write(Write(target, mutations))
    assert [outcome.error for outcome in outcomes] == [None] * len(mutations)


async def assert_follows_changes(adapter: Adapter, before: list[str]) -> None:
    """A document is handed to ann, one of hers is taken away, one is opened to bob, one is deleted."""
    await write(
        adapter,
        Update(parse_filter('{"_id": "00001"}'), (), 2, owner="ann"),
        Update(parse_filter(f'{{"_id": "{before[0]}"}}'), (), 2, acl="", owner=""),
        Update(parse_filter('{"_id": "00002"}'), (), 2, acl=acl("user:bob")),
        Delete(parse_filter(f'{{"_id": "{before[1]}"}}'), 2),
    )
    assert await found(adapter, TARGET, MINE) == sorted(["00001", "00002", *before[2:]])


async def test_sqlite_builds_it_in_the_background_and_answers_meanwhile(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path, at_once_up_to=10)
    await adapter.start()
    await adapter.ensure_collection(PLAIN)
    await fill(adapter, TARGET, DOCUMENTS)
    before = await found(adapter, TARGET, MINE)
    assert len(before) == 20
    await adapter.ensure_collection(SECURED)
    # The build is given up, after a part of it or none, and taken up again at the next start.
    await adapter.close()
    again = SqliteAdapter(tmp_path, at_once_up_to=10)
    await again.start()
    assert await found(again, TARGET, MINE) == before
    await assert_follows_changes(again, before)
    await again.sweep()
    await again.settle()
    assert await serves(again)
    assert await found(again, TARGET, MINE) == sorted(["00001", "00002", *before[2:]])
    await again.drop_collection(TARGET)
    await again.close()
    with closing(apsw.Connection(str(tmp_path / "shop.db"))) as connection:
        left = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
    assert [name for name in left if name.startswith("orders")] == []


async def test_sqlite_keeps_exactly_the_entries_that_documents_have(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(SECURED)
    odd = ['{"read": "x"}', '["x"]', '{"read": [1, ["x"], null], "write": {"x": 1}}', '{"read": ["x", "x"]}']
    await write(adapter, *(Insert(str(number), "{}", 1, acl=text) for number, text in enumerate(odd)))
    await write(adapter, Insert("9", "{}", 1, "ann", acl("x", "y", write=("z",))), target=replace(TARGET, tenant="t"))
    await adapter.close()
    with closing(apsw.Connection(str(tmp_path / "shop.db"))) as connection:
        kept = list(connection.execute('SELECT tenant, list, entry FROM "orders:access" ORDER BY 1, 2, 3'))
    assert kept == [("", "read", "x"), ("t", "read", "x"), ("t", "read", "y"), ("t", "write", "z")]


async def test_sqlite_removes_the_entries_of_a_document_without_going_through_those_of_others(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(SECURED)
    await fill(adapter, TARGET, DOCUMENTS)
    await adapter.close()
    steps = 0

    def count_steps() -> bool:
        nonlocal steps
        steps += 10
        return False

    with closing(apsw.Connection(str(tmp_path / "shop.db"))) as connection:
        connection.set_progress_handler(count_steps, 10)
        connection.execute('UPDATE "orders:documents" SET acl = ? WHERE number = 700', (acl("user:eve"),))
        connection.execute('DELETE FROM "orders:documents" WHERE number = 701')
    # Of SQLite's virtual machine; with a step for each document's entry it would be thousands.
    assert 0 < steps < DOCUMENTS


async def test_postgres_builds_it_beside_readers_and_writers(postgres_database: str) -> None:
    async with opened_postgres(postgres_database, at_once_up_to=10) as adapter:
        await adapter.ensure_collection(PLAIN)
        await fill(adapter, TARGET, DOCUMENTS)
        before = await found(adapter, TARGET, MINE)
        await adapter.ensure_collection(SECURED)
        await assert_follows_changes(adapter, before)
        await adapter.settle()
        assert await serves(adapter)
        assert await found(adapter, TARGET, MINE) == sorted(["00001", "00002", *before[2:]])


async def test_postgres_finds_them_in_partitions_old_and_new(postgres_database: str) -> None:
    storage = Storage(CREATED_AT, PartitionInterval.DAY)
    day_us = 86_400_000_000
    async with opened_postgres(postgres_database) as adapter:
        await adapter.ensure_collection(replace(PLAIN, storage=storage))

        async def put(day: int, owner: str, *entries: str) -> str:
            us = now_us() + day * day_us
            id_ = str(uuid.UUID(int=(us // 1000 << 80) | (7 << 76) | (0b10 << 62) | uuid.uuid4().int >> 66))
            await write(adapter, Insert(id_, "{}", us, owner, acl(*entries)))
            return id_

        mine = [await put(-2, "ann"), await put(-1, "eve", "user:bob")]
        await adapter.ensure_collection(replace(SECURED, storage=storage))
        # Partitions that are made now have it, too.
        mine += [await put(-5, "eve", "user:bob"), await put(-6, "ann")]
        for day in range(-6, 0):
            await put(day, "eve", "role:all")
        assert sorted(mine) == await found(adapter, TARGET, MINE, limit=1)
        indexes = await rows(
            postgres_database,
            "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
            "JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname = 'gin' AND c.relkind = 'i'",
        )
        partitions = await rows(
            postgres_database,
            "SELECT count(*) FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid WHERE c.relkind = 'r'",
        )
        assert indexes[0][0] == partitions[0][0] >= 5


@pytest.mark.parametrize("tenancy", [Tenancy.SCHEMA, Tenancy.DATABASE])
async def test_the_places_of_tenants_get_it_made_before_and_after(
    postgres_database: str, mongodb_uri: str, mongodb_prefix: str, tenancy: Tenancy
) -> None:
    storage = Storage(tenancy=tenancy)
    early, late = replace(TARGET, tenant="early"), replace(TARGET, tenant="late")
    prefix = f"p{uuid.uuid4().hex[:8]}"
    async with (
        opened_postgres(postgres_database, prefix=prefix) as postgres,
        opened_mongodb(mongodb_uri, prefix=mongodb_prefix) as mongodb,
    ):
        for adapter in (postgres, mongodb):
            await adapter.ensure_collection(replace(PLAIN, storage=storage))
            await fill(adapter, early, 200)
            await adapter.ensure_collection(replace(SECURED, storage=storage))
            await adapter.settle()
            await fill(adapter, late, 200)
            for target in (early, late):
                assert await serves(adapter, target), (adapter, target)
                assert len(await found(adapter, target, MINE)) == 20
    if tenancy is Tenancy.DATABASE:
        for tenant in ("early", "late"):
            await statements(postgres_database, f'DROP DATABASE "{prefix}_tenant_{tenant}" WITH (FORCE)')


async def test_mongodb_fills_in_what_an_earlier_version_has_stored(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened_mongodb(mongodb_uri, prefix=mongodb_prefix, at_once_up_to=10) as adapter:
        await adapter.ensure_collection(PLAIN)
        await fill(adapter, TARGET, 200)
        await write(adapter, Insert("none", "{}", 1))
        before = await found(adapter, TARGET, MINE)
        async with native(mongodb_uri) as client:
            stored = client[f"{mongodb_prefix}_shop"]["orders"]
            assert "r" not in (await stored.find_one({"_id": "none"}) or {})["_aol"]
            await stored.update_many({}, {"$unset": {"_aol.r": "", "_aol.e": ""}})
        await adapter.ensure_collection(SECURED)
        await adapter.settle()
        assert await serves(adapter)
        assert await found(adapter, TARGET, MINE) == before
        await assert_follows_changes(adapter, before)
        # What another tool writes there opens nothing.
        async with native(mongodb_uri) as client:
            stored = client[f"{mongodb_prefix}_shop"]["orders"]
            await stored.update_one({"_id": "none"}, {"$set": {"_aol.r": ["e:user:bob"]}})
        assert "none" not in await found(adapter, TARGET, naming("user:bob"))
