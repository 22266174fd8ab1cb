"""Does a collection with documents of every kind arrive whole at PostgreSQL, and whole at SQLite from there?"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, cast

import pytest

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_client import AOLDataClient, ConflictError
from aol_wire.adapter import Adapter, Insert, Target, Write
from copying import WITHIN_S, Site, Start, ended, sqlite_program
from postgres_server import rows

pytestmark = pytest.mark.integration

PLAIN = 300
MANIFEST = """\
metadata: {name: mover, version: "1"}
spec:
  dataRequirements:
    enabled: true
    collections:
      - name: items
        description: Of every kind
        softDelete: true
        schemaHint: {expires: datetime}
        indexes:
          - {fields: [n], type: unique}
          - {fields: [text], type: text}
          - {fields: [expires], type: ttl, expireAfterSeconds: 60}
          - {fields: [group.name, {n: desc}], type: compound}
"""
NUMBERS: dict[str, list[Any]] = {
    "int64": [2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 0],
    "doubles": [0.1, 1e16, 1e300, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, -0.0, 1.0, 4e15 + 0.5],
}
TEXTS = ["", "é", "e\u0301", "😀 \U0010ffff", "\u0001\u001f\u007f\u2028\ufffe", "שָׁלוֹם", "\\u0000", "' \" ; -- $1 %s"]
KINDS: list[dict[str, Any]] = [
    {"numbers": NUMBERS},
    {"strings": TEXTS, "text": "naïve Straße ΣΊΣΥΦΟΣ 東京 a_b-c"},
    {"keys": {text or "x": n for n, text in enumerate(TEXTS) if "." not in text}, "a b": {"0": {"1": True}}},
    {"empty": [[], {}, "", None, [[]], [{}]], "no": None, "yes": True, "not": False, "one": 1},
    {"deep": reduce(lambda inner, _: {"d": [inner]}, range(25), cast("Any", None))},
    {"large": "x" * 900_000},
    {"group": {"name": "é" * 500}},
    {"expires": datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "as text": "2999-12-31"},
]
IDS = ["'", '"', "é" * 128, " ", "\t", "%", "a/b", "\\", "😀"]


@pytest.fixture
def site(tmp_path: Path, start: Start, request: pytest.FixtureRequest, postgres_database: str) -> Site:
    """A site of two adapters, `source` and `target`, which are of the kinds that the test names."""
    programs = {
        "sqlite": sqlite_program(tmp_path / "sqlite"),
        "postgres": {
            "command": [sys.executable, "-m", "aol_adapters.postgres"],
            "environment": {"AOL_POSTGRES_DSN": postgres_database},
        },
    }
    return Site(tmp_path, start, {kind: programs[kind] for kind in request.param})


TO_POSTGRES = pytest.param(("sqlite", "postgres"), id="sqlite to postgres")
TO_SQLITE = pytest.param(("postgres", "sqlite"), id="postgres to sqlite")


async def fill(site: Site, endpoint: str) -> None:
    manifest = site.folder / "manifest.yaml"
    manifest.write_text(MANIFEST)
    await asyncio.to_thread(ended, site.aol(endpoint, "apply", str(manifest)))
    soon = datetime.now(UTC) + timedelta(days=1)
    async with AOLDataClient(endpoint, "mover", timeout=WITHIN_S) as client:
        plain = [{"_id": f"plain-{n}", "n": n, "text": f"word{n}", "expires": soon} for n in range(PLAIN)]
        await client.insert_many("items", plain)
        await client.insert_many("items", [{"_id": f"kind-{n}", "n": -n - 1, **kind} for n, kind in enumerate(KINDS)])
        await client.insert_many("items", [{"_id": id_, "n": -n - 0.5} for n, id_ in enumerate(IDS)])
        for times in range(3):
            await client.update("items", {"n": {"$lte": times}}, {"changed": times})
        await client.delete("items", {"n": {"$gte": 100, "$lt": 120}})
        await client.delete("items", {"_id": "kind-6"})
        await client.restore("items", {"n": 119})


async def put_owned(adapter: Adapter) -> None:
    """Put in what no service can put in yet: documents that belong to somebody."""
    await adapter.start()
    owned = [Insert(f"owned-{n}", f'{{"n":{10_000 + n}}}', 1, "änn", '["team:ops","user:bob"]') for n in range(2)]
    outcomes = await adapter.write(Write(Target("mover", "items"), owned))
    assert all(outcome.error is None for outcome in outcomes)
    await adapter.close()


def told_apart(value: Any) -> Any:
    """Return a value in which booleans are not equal to numbers."""
    match value:
        case bool():
            return str(value)
        case dict():
            return {key: told_apart(inner) for key, inner in value.items()}
        case list():
            return [told_apart(inner) for inner in value]
        case _:
            return value


async def stored(endpoint: str) -> dict[str, Any]:
    """All documents with all metadata, the soft-deleted too, by their ids."""
    async with AOLDataClient(endpoint, "mover", timeout=WITHIN_S) as client:
        return {document["_id"]: told_apart(document) async for document in client.stream("items", deleted="include")}


async def check_use(endpoint: str, adapter: str) -> None:
    """Check that the collection does in its new place what it is declared to do."""
    async with AOLDataClient(endpoint, "mover", timeout=WITHIN_S) as client:
        info = await client.describe_collection("items")
        assert (info.adapter, info.moving_to, info.description) == (adapter, "", "Of every kind")
        assert {index.type: index.state for index in info.indexes} == dict.fromkeys(
            ("unique", "text", "ttl", "compound"), "ready"
        )
        assert await client.count("items", {"$text": "東京 NAÏVE"}) == 1
        assert await client.count("items", {"numbers.int64.0": 2**63 - 1}) == 1
        assert await client.count("items", deleted="only") == 20
        with pytest.raises(ConflictError):
            await client.insert("items", {"n": 7})
        assert await client.update("items", {"_id": "kind-3"}, {"$set": {"yes": False}}, if_version=4) == 1
        assert await client.insert("items", {"_id": "new", "n": 77_777}) == "new"
        expired = {"n": 88_888, "expires": datetime.now(UTC) - timedelta(days=1)}
        await client.insert("items", {"_id": "expired", **expired})
        assert await client.get("items", "expired") is None


@pytest.mark.parametrize("site", [TO_POSTGRES, TO_SQLITE], indirect=True)
async def test_documents_of_every_kind_arrive_as_they_were(site: Site, postgres_database: str) -> None:
    source, target = site.adapters
    broker = site.broker()
    await fill(site, broker.endpoint)
    direct: dict[str, Adapter] = {
        "sqlite": SqliteAdapter(site.folder / "sqlite"),
        "postgres": PostgresAdapter(Settings(dsn=postgres_database)),
    }
    await put_owned(direct[source])
    before = await stored(broker.endpoint)
    assert len(before) == PLAIN + len(KINDS) + len(IDS) + 2
    assert {document["_version"] for document in before.values()} >= {1, 2, 3, 4}
    assert (before["owned-1"]["_owner"], len(before["owned-1"]["_acl"])) == ("änn", 2)
    stdout, stderr = await asyncio.to_thread(ended, site.copying(broker.endpoint, target))
    assert f"mover.items is kept by {target} now: {len(before):,} documents, equal on both sides" in stdout
    assert stderr == ""
    assert await stored(broker.endpoint) == before
    await check_use(broker.endpoint, target)
    back = site.aol(broker.endpoint, "copy", "mover.items", "--to", source)
    _, stderr = await asyncio.to_thread(ended, back, 2)
    assert f"the adapter '{source}' holds a collection of this name already" in stderr


@pytest.mark.parametrize("site", [TO_POSTGRES], indirect=True)
async def test_a_copy_that_is_given_up_leaves_nothing_in_postgresql(site: Site, postgres_database: str) -> None:
    broker = site.broker()
    await fill(site, broker.endpoint)
    before = await stored(broker.endpoint)
    copying = site.copying(broker.endpoint, "postgres")
    copying.kill()
    copying.wait()
    await asyncio.to_thread(ended, site.aol(broker.endpoint, "copy", "mover.items", "--abort"))
    left = "SELECT tablename FROM pg_tables WHERE schemaname LIKE 'aol\\_%' AND tablename = 'items'"
    assert await rows(postgres_database, left) == []
    assert await stored(broker.endpoint) == before
