"""What becomes of each of many documents in SQLite, which are inserted as one step where nothing is in the way?"""

from pathlib import Path

import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import CollectionSpec, Count, Insert, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.index_parser import parse_index
from many_inserts import CHOICES, insert_beside_the_reference

TARGET = Target("shop", "orders")
EMAIL = parse_index({"fields": ["email"], "type": "unique"}, "index")
WORDS = parse_index({"fields": ["t"], "type": "text"}, "index")


@pytest.mark.parametrize("choices", CHOICES)
@pytest.mark.parametrize(
    "spec",
    [
        CollectionSpec(TARGET),
        CollectionSpec(TARGET, indexes=(EMAIL,), owners=True, acls=True),
        CollectionSpec(TARGET, indexes=(WORDS,)),
    ],
    ids=["plain", "unique, with triggers", "text"],
)
async def test_of_many_documents_each_becomes_what_it_becomes_alone(
    tmp_path: Path, spec: CollectionSpec, choices: int
) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await insert_beside_the_reference(adapter, spec, choices)
    await adapter.close()


async def test_many_documents_that_are_all_or_none_are_none_when_one_fails(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    await adapter.write(Write(TARGET, [Insert("77", '{"n":1}', 1)]))
    inserts = [Insert(str(number), "{}", 1) for number in range(150)]
    with pytest.raises(DataError) as caught:
        await adapter.write(Write(TARGET, inserts, atomic=True))
    assert (caught.value.reason, caught.value.applied) == (Reason.DUPLICATE_ID, Applied.NO)
    assert await adapter.count(Count(TARGET)) == 1
    inserts[77] = Insert("another", "{}", 1)
    assert len(await adapter.write(Write(TARGET, inserts, atomic=True))) == 150
    assert await adapter.count(Count(TARGET)) == 151
    await adapter.close()
