"""Does SQL find the documents that do not fit an index by the rule of the contract?"""

from pathlib import Path

import pytest

from aol_adapters.sqlite import indexing
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import CollectionSpec, Insert, Target, Write
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexed_paths import fits
from aol_wire.indexes import IndexSpec
from aol_wire.json_text import encode

TARGET = Target("shop", "orders")

DOCUMENTS: list[Json] = [
    {},
    {"a": None},
    {"a": 1, "b": True},
    {"a": "x" * 1024},
    {"a": "x" * 1025},
    {"a": "é" * 512},
    {"a": "é" * 513},
    {"a": {}},
    {"a": []},
    {"a": {"b": 1}},
    {"a": {"b": {"c": "deep"}}},
    {"a": {"b": [1]}},
    {"a": {"b": ["x"]}},
    {"a": [{"b": {"c": 1}}]},
    {"a": "text", "b": {}},
    {"b": [[]]},
]
FORMS: list[Json] = [
    {"fields": ["a"], "type": "ascending"},
    {"fields": ["a.b"], "type": "unique"},
    {"fields": ["a.b.c"], "type": "descending"},
    {"fields": ["a", "b"], "type": "compound"},
    {"fields": ["a", "a.b"], "type": "text"},
]
INDEXES = [parse_index(form, "index") for form in FORMS]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
async def test_sql_and_the_contract_agree_on_what_does_not_fit(tmp_path: Path, index: IndexSpec) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    inserts = [Insert(str(number), encode(it), 1) for number, it in enumerate(DOCUMENTS)]
    await adapter.write(Write(TARGET, inserts))

    def misfits(session: Session) -> list[bool]:
        with session.reading() as connection:
            collection = session.catalogue.collection(connection, "orders")
            return [
                indexing.count_misfits(connection, collection, index, 0, after=number, last=number + 1) == 1
                for number in range(len(DOCUMENTS))
            ]

    async with adapter.files.use("shop") as file:
        found = await file.readers.run(misfits)
    assert found == [not fits(it, index) for it in DOCUMENTS if isinstance(it, dict)]
    await adapter.close()
