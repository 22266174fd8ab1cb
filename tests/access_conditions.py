"""How do tests ask for documents by their owners and access control lists, as a broker does for a user?"""

from collections.abc import Iterator
from dataclasses import replace

import orjson

from aol_wire.adapter import Adapter, Find, Insert, Target, Write
from aol_wire.filters import And, Compare, ContainsAny, Filter, Operator, Or

READ, WRITE = ("_acl", "read"), ("_acl", "write")


def of(owner: str) -> Filter:
    """Return the condition for documents of an owner."""
    return Compare(("_owner",), Operator.EQ, owner)


def naming(*entries: str, path: tuple[str, ...] = READ) -> Filter:
    """Return the condition for documents whose list has one of these entries."""
    return ContainsAny(path, entries)


def open_to(owner: str, *entries: str) -> Filter:
    """Return the condition for documents that are open to a user, as their owner or by an entry."""
    return Or((of(owner), naming(*entries)))


def both(condition: Filter, asked: Filter | None) -> Filter:
    """Return a condition beside what a caller asked for."""
    return condition if asked is None else And((asked, condition))


def acl(*read: str, write: tuple[str, ...] = ()) -> str:
    """Return the text of an access control list."""
    return orjson.dumps({"read": list(read), "write": list(write)}).decode()


def corpus(documents: int) -> Iterator[Insert]:
    """Yield documents: ten are of ann, ten are open to bob, ten to the team ops, and all of them to the role all."""
    step = documents // 10
    for number in range(documents):
        more = {11: ("user:bob",), 13: ("team:ops",)}.get(number % step, ())
        yield Insert(
            f"{number:05}",
            orjson.dumps({"n": number, "kind": number % 2}).decode(),
            1,
            "ann" if number % step == 7 else f"user-{number % 40}",
            acl("role:all", *more),
        )


async def fill(adapter: Adapter, target: Target, documents: int) -> None:
    """Insert the corpus."""
    inserts = list(corpus(documents))
    for start in range(0, documents, 1000):
        outcomes = await adapter.write(Write(target, inserts[start : start + 1000]))
        assert [outcome.error for outcome in outcomes if outcome.error is not None] == []


async def found(adapter: Adapter, target: Target, condition: Filter, *, limit: int = 10_000) -> list[str]:
    """Return the ids of all documents that match, page by page."""
    request = Find(target, condition, limit=limit)
    ids: list[str] = []
    while True:
        page = await adapter.find(request)
        ids += page.page.id
        if not page.next_position:
            return ids
        request = replace(request, position=page.next_position)
