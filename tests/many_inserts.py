"""Which documents make an adapter leave its short way of inserting many? Random ones, and what becomes of them."""

import random

import orjson

from aol_adapters.memory.adapter import MemoryAdapter
from aol_wire.adapter import Adapter, CollectionSpec, Count, Deleted, Find, Insert, Outcome, Stamps, Write
from aol_wire.filters import Text
from aol_wire.indexes import IndexType

# How many ids and values there are to choose from: from hardly any that are not taken to hardly any that are.
CHOICES = [20, 101, 2001, 1_000_000, 1_000_001]
_SIZES = (150, 7, 120, 250)


async def insert_beside_the_reference(adapter: Adapter, spec: CollectionSpec, choices: int) -> None:
    """Write several requests of many inserts, and compare what becomes of each and what is there in the end."""
    chance = random.Random(choices)
    reference = MemoryAdapter()
    await reference.start()
    for each in (adapter, reference):
        await each.ensure_collection(spec)
    for size in _SIZES:
        inserts = [_any_insert(chance, choices) for _ in range(size)]
        request = Write(spec.target, inserts, return_ids=chance.random() < 0.5)
        assert _told(await adapter.write(request)) == _told(await reference.write(request))
    if any(index.type is IndexType.TEXT for index in spec.indexes):
        with_words = Count(spec.target, Text(("line",)))
        assert await adapter.count(with_words) == await reference.count(with_words)
    everything = Find(spec.target, deleted=Deleted.INCLUDE)
    found, expected = (await adapter.find(everything)).page, (await reference.find(everything)).page
    assert list(map(orjson.loads, found.json)) == list(map(orjson.loads, expected.json))
    for column in ("id", "created_us", "updated_us", "version", "owner", "deleted_us"):
        assert list(getattr(found, column)) == list(getattr(expected, column))


def _told(outcomes: list[Outcome]) -> list[object]:
    return [(it.affected, it.was_duplicate, it.ids, it.error and it.error.reason) for it in outcomes]


def _any_insert(chance: random.Random, choices: int) -> Insert:
    """An insert that may not be possible, or that a statement for many takes in another form, now and then."""
    email = "[]" if chance.random() < 0.02 else chance.randrange(choices)
    fields = [f'"email":{email}', '"x":1.50', '"y":1e16', '"z":-0', '"t":"line\\n"', '\n"u":"\\\\N"']
    return Insert(
        chance.choice(["", "", "", "line\n", "\U0001f600"]) + str(chance.randrange(choices)),
        "{" + ",".join(chance.sample(fields, chance.choice([0, 0, 0, 1, 2]))) + "}",
        7 if choices % 2 else chance.randrange(1, 9),
        chance.choice(["", "", "", "ann"]),
        chance.choice(["", "", '{"read":["\\n"],"write":["a","b"]}']),
        Stamps(1, 2, 3, 4) if chance.random() < 0.01 else None,
    )
