"""Is what a snapshot makes late the same as if it were there at once, and is a broken row told when it is loaded?"""

import pytest
from sqlalchemy import select, update

from aol_broker.access.limits import Limits
from aol_broker.registry import tables
from aol_broker.registry.lazy_mapping import LazyMapping
from aol_broker.registry.snapshot import CollectionRecord, Permission, Validation
from aol_broker.registry.store import Registry
from aol_wire.errors import DataError, Reason
from aol_wire.field_rules import FieldRules
from aol_wire.indexes import IndexField, IndexSpec, IndexType

EVENTS = CollectionRecord(
    "shop",
    "events",
    "sqlite",
    schema_hint={"at": "datetime", "n": "number"},
    indexes=(IndexSpec((IndexField(("at",), descending=True), IndexField(("n",))), IndexType.COMPOUND),),
    validation=Validation.STRICT,
    field_rules={"n": FieldRules(min=1)},
)


def test_a_value_is_made_when_it_is_first_read_and_once() -> None:
    made: list[str] = []

    def double(key: str, row: int) -> list[int]:
        made.append(key)
        return [row, row]

    mapping = LazyMapping({"a": 1, "b": 2}, double)
    assert ("a" in mapping, "c" in mapping, list(mapping), len(mapping), made) == (True, False, ["a", "b"], 2, [])
    assert mapping["a"] is mapping["a"]
    assert made == ["a"]
    assert dict(mapping) == {"a": [1, 1], "b": [2, 2]}
    assert mapping.get("c") is None
    with pytest.raises(KeyError):
        mapping["c"]


def test_what_did_not_change_is_not_made_again_and_what_changed_is() -> None:
    before = LazyMapping({"gone": 1, "changed": 2, "stays": 3, "unread": 4}, lambda key, row: (key, row))
    kept = [before[key] for key in ("gone", "changed", "stays")]
    after = before.changed({"gone", "changed"}.__contains__, {"changed": 20, "new": 5})
    assert dict(after) == {
        "stays": ("stays", 3),
        "unread": ("unread", 4),
        "changed": ("changed", 20),
        "new": ("new", 5),
    }
    assert after["stays"] is kept[2]
    assert [before[key] for key in ("gone", "changed", "stays")] == kept
    assert "new" not in before


async def test_another_broker_reads_the_collection_and_the_grants_that_were_written(
    registry: Registry, other: Registry
) -> None:
    await registry.declare_collection(EVENTS, "shop")
    await registry.grant("shop.events", "bank", Permission.READ, "operator", limits=Limits((("n",),), '{"n":1}', 5))
    await registry.grant("shop.events", "many-*", Permission.WRITE, "operator")
    snapshot = await other.refresh(registry.snapshot.revision)
    assert snapshot == registry.snapshot
    assert snapshot.collections["shop.events"] == EVENTS
    [grant] = snapshot.grants_of("shop.events", "bank")
    assert (grant.permission, grant.limits) == (Permission.READ, Limits((("n",),), '{"n":1}', 5))
    assert [grant.service for grant in snapshot.grants_of("shop.events", "many-one")] == ["many-*"]
    await registry.drop_collection("shop.events")
    after = await other.refresh(registry.snapshot.revision)
    assert (dict(after.collections), dict(after.grants), after.owned_by("shop")) == ({}, {}, ())
    assert snapshot.collection("shop", "events") == EVENTS


BROKEN = [
    ("collections", "schema_hint", "{"),
    ("collections", "schema_hint", '["at"]'),
    ("collections", "schema_hint", '{"at": 1}'),
    ("collections", "indexes", '[{"fields": [{"path": ["a"], "descending": false}], "type": "heap"}]'),
    ("collections", "indexes", '[{"type": "ascending", "expire_after_s": null}]'),
    ("collections", "indexes", "17"),
    ("collections", "validation", "sometimes"),
    ("collections", "storage", '{"tenancy": 1}'),
    ("collections", "audit", '{"level": "none"}'),
    ("collections", "field_rules", "[]"),
    ("collections", "secrets", ""),
    ("collections", "security", '{"tenant": "?"}'),
    ("grants", "permission", "own"),
    ("grants", "fields", '{"a"'),
]


async def test_a_row_that_cannot_be_read_is_told_when_it_is_loaded_by_table_and_column(sqlite_url: str) -> None:
    registry = Registry(sqlite_url, default_adapter="sqlite")
    await registry.open()
    await registry.declare_collection(EVENTS, "shop")
    await registry.grant("shop.events", "bank", Permission.READ, "operator")
    before = registry.snapshot
    for table, column, value in BROKEN:
        whole = await _put(registry, table, column, value)
        fresh = Registry(sqlite_url, default_adapter="sqlite")
        for loading in (fresh.open(), registry.refresh(before.revision + 1)):
            with pytest.raises(DataError) as caught:
                await loading
            assert caught.value.reason is Reason.REGISTRY_UNAVAILABLE
            assert f"table {table}, the {column} of shop.events" in caught.value.message
            assert not value or value not in caught.value.message
        assert registry.snapshot is before
        await fresh.close()
        await _put(registry, table, column, whole)
    assert (await registry.refresh(before.revision + 1)).collections == before.collections
    await registry.close()


async def _put(registry: Registry, table: str, column: str, value: str) -> str:
    """Write a text into the rows of a table, as another broker's change; return the one that was there."""
    broken = tables.metadata.tables[table]
    async with registry.database.writing() as connection:
        [whole] = (await connection.execute(select(broken.c[column]))).scalars()
        await connection.execute(update(broken).values({column: value}))
        for counted in (tables.touched, tables.revision):
            await connection.execute(update(counted).values(revision=registry.snapshot.revision + 1))
        await connection.commit()
    return str(whole)
