"""Do two adapters answer alike? They are led through the same programs, and every answer is compared exactly."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from aol.data.v1.document_pb2 import Page
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire import adapter as contract
from aol_wire.errors import Applied, DataError
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.json_text import encode
from aol_wire.paths import parse_projection, parse_sort
from aol_wire.update_parser import parse_update
from random_programs import FINAL_STEPS, START_US, Step, program

STEPS_OF_A_PROGRAM = 120
# Integral doubles from here on may read back as integers.
_WHOLE = 1e16

Answer = tuple[Any, ...]
"""What an adapter answered, in a form in which equal answers are equal."""


class Clock:
    """By which documents expire; it moves only when a program says so."""

    now_us = START_US

    def __call__(self) -> int:
        return self.now_us


@dataclass(frozen=True, slots=True)
class Difference:
    """A step that two adapters answered differently, and the program up to it."""

    steps: list[Step]
    answers: tuple[Answer, Answer]

    def __str__(self) -> str:
        program = "\n".join(json.dumps(step, ensure_ascii=False) for step in self.steps)
        return f"{program}\nreference: {self.answers[0]}\nadapter:   {self.answers[1]}"


@dataclass(slots=True)
class _Cursor:
    """A query that is being paged through: where each adapter's next page begins."""

    query: contract.Find
    positions: list[bytes]


@dataclass(slots=True)
class Pair:
    """The reference and an adapter, and how many operations of theirs were compared: mutations, queries, counts."""

    reference: contract.Adapter
    adapter: contract.Adapter
    clock: Clock
    compared: int = 0
    _names: Iterator[int] = field(default_factory=count)

    async def run(self, steps: Sequence[Step]) -> Difference | None:
        """Lead both through a program, on a collection of its own; return the first difference."""
        self.clock.now_us = START_US
        collection = f"items-{next(self._names)}"
        life = _Life(self, collection)
        try:
            for number, step in enumerate(steps):
                answers = await life.step(step)
                if answers is not None and not alike(*answers):
                    return Difference(list(steps[: number + 1]), answers)
        finally:
            for adapter in (self.reference, self.adapter):
                await adapter.drop_collection(contract.Target("shop", collection))
        return None

    async def shortest(self, difference: Difference) -> Difference:
        """Return a difference that no step and no mutation can be left out of."""
        found, shrinking = difference, True
        while shrinking:
            shrinking = False
            for shorter in _shorter(found.steps):
                other = await self.run(shorter)
                if other is not None:
                    found, shrinking = other, True
                    break
        return found


class _Life:
    """One program's run."""

    def __init__(self, pair: Pair, collection: str) -> None:
        self._pair = pair
        self._adapters = (pair.reference, pair.adapter)
        self._collection = collection
        self._times = count(START_US)
        self._cursors: dict[int, _Cursor] = {}

    async def step(self, step: Step) -> tuple[Answer, Answer] | None:
        """Do a step on both and return their answers; None when there is nothing to compare."""
        match step["do"]:
            case "tick":
                self._pair.clock.now_us += step["us"]
                return None
            case "sweep":
                for adapter in self._adapters:
                    if isinstance(adapter, SqliteAdapter | MemoryAdapter) and hasattr(adapter, "sweep"):
                        await adapter.sweep()
                return None
            case "ensure":
                indexes = tuple(parse_index(index, "index") for index in step["indexes"])
                spec = contract.CollectionSpec(self._target(step), indexes=indexes)
                return await self._both(lambda adapter: _ensured(adapter.ensure_collection(spec)))
            case "inspect":
                target = self._target(step)
                return await self._both(lambda adapter: _inspected(adapter.inspect_collection(target)))
            case "write":
                return await self._write(step)
            case "count":
                self._pair.compared += 1
                deleted = contract.Deleted(step.get("deleted", "exclude"))
                request = contract.Count(self._target(step), parse_filter(encode(step["filter"])), deleted)
                return await self._both(lambda adapter: _counted(adapter.count(request)))
            case "find":
                cursor = self._cursors[step.get("cursor", 0)] = _Cursor(self._query(step), [b"", b""])
                self._pair.compared += 1
                return await self._pages(cursor, step["pages"])
            case "next":
                following = self._cursors.get(step["cursor"])
                if following is None or not all(following.positions):
                    return None
                self._pair.compared += 1
                return await self._pages(following, 1)
            case other:
                raise ValueError(f"no such step: {other}")

    async def _write(self, step: Step) -> tuple[Answer, Answer]:
        mutations = [self._mutation(mutation) for mutation in step["mutations"]]
        self._pair.compared += len(mutations)
        request = contract.Write(self._target(step), mutations, step.get("atomic", False), return_ids=True)
        return await self._both(lambda adapter: _written(adapter.write(request)))

    async def _pages(self, cursor: _Cursor, pages: int) -> tuple[Answer, Answer]:
        query = cursor.query
        answers: list[Answer] = []
        for number, adapter in enumerate(self._adapters):
            answers.append(await _paged(adapter, query, cursor.positions, number, pages))
        return answers[0], answers[1]

    async def _both(self, ask: Callable[[contract.Adapter], Awaitable[Answer]]) -> tuple[Answer, Answer]:
        return await _answer(ask(self._adapters[0])), await _answer(ask(self._adapters[1]))

    def _target(self, step: Step) -> contract.Target:
        return contract.Target("shop", self._collection, step.get("tenant", ""))

    def _query(self, step: Step) -> contract.Find:
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in step["sort"]]
        return contract.Find(
            self._target(step),
            parse_filter(encode(step["filter"])),
            parse_sort(keys),
            parse_projection(step.get("projection", ())),
            limit=step.get("limit", 10),
            skip=step.get("skip", 0),
            deleted=contract.Deleted(step.get("deleted", "exclude")),
            max_bytes=step.get("max_bytes", 2 << 20),
        )

    def _mutation(self, step: Step) -> contract.Mutation:
        now_us = next(self._times)
        guards = (step.get("max_affected"), step.get("if_version"))
        match step:
            case {"insert": id_, "document": document}:
                return contract.Insert(id_, encode(document), now_us, step.get("owner", ""), step.get("acl", ""))
            case {"update": condition, "with": update}:
                operations = parse_update(encode(update))
                return contract.Update(parse_filter(encode(condition)), operations, now_us, *guards)
            case {"delete": condition}:
                return contract.Delete(parse_filter(encode(condition)), now_us, step.get("soft", False), *guards)
            case {"purge": condition}:
                return contract.Delete(parse_filter(encode(condition)), now_us, False, *guards, purge=True)
            case _:
                return contract.Restore(parse_filter(encode(step["restore"])), step.get("max_affected"))


def alike(left: Any, right: Any) -> bool:
    """Return whether two answers are the same, down to the types of numbers (but see `_WHOLE`)."""
    if isinstance(left, list | tuple):
        return (
            isinstance(right, list | tuple)
            and len(left) == len(right)
            and all(alike(one, other) for one, other in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(alike(left[k], right[k]) for k in left)
    if type(left) is not type(right):
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        return numbers and not isinstance(left, bool) and left == right and abs(left) >= _WHOLE
    return bool(left == right)


async def _answer(asked: Awaitable[Answer]) -> Answer:
    try:
        return await asked
    except DataError as error:
        return _refused(error)
    except Exception as error:  # noqa: BLE001 - an adapter that raises anything else is what is looked for
        return "raised", type(error)


def _refused(error: DataError) -> Answer:
    # An error that does not say whether it changed anything changed nothing.
    return "refused", error.reason, error.applied or Applied.NO


async def _ensured(asked: Awaitable[contract.Ensured]) -> Answer:
    ensured = await asked
    return ensured.created, [(status.spec, status.state, status.offenders) for status in ensured.indexes]


async def _inspected(asked: Awaitable[tuple[Any, ...]]) -> Answer:
    return tuple(sorted((status.spec.name, status.state, status.offenders) for status in await asked))


async def _counted(asked: Awaitable[int]) -> Answer:
    return (await asked,)


async def _written(asked: Awaitable[list[contract.Outcome]]) -> Answer:
    return tuple(
        (outcome.affected, outcome.was_duplicate, sorted(outcome.ids))
        if outcome.error is None
        else _refused(outcome.error)
        for outcome in await asked
    )


async def _paged(
    adapter: contract.Adapter, query: contract.Find, positions: list[bytes], number: int, pages: int
) -> Answer:
    """Return up to so many pages of a query from a position on, which is moved behind them."""
    answers: list[Answer] = []
    for _ in range(pages):
        skip = 0 if positions[number] else query.skip
        asked = contract.Find(
            query.target,
            query.filter,
            query.sort,
            query.projection,
            query.limit,
            skip,
            positions[number],
            query.deleted,
            query.max_bytes,
        )
        try:
            found = await adapter.find(asked)
        except DataError as error:
            positions[number] = b""
            answers.append(_refused(error))
            break
        positions[number] = found.next_position
        answers.append((_shown(found.page), bool(found.next_position)))
        if not found.next_position:
            break
    return tuple(answers)


def _shown(page: Page) -> Answer:
    size = len(page.id)
    return (
        list(page.id),
        [orjson.loads(text) for text in page.json],
        list(page.created_us),
        list(page.updated_us),
        list(page.version),
        list(page.owner) or [""] * size,
        list(page.tenant) or [""] * size,
        list(page.acl) or [""] * size,
        list(page.deleted_us) or [0] * size,
    )


def _shorter(steps: list[Step]) -> list[list[Step]]:
    """Return programs that leave something out: steps first, many at once, then single mutations and indexes."""
    shorter: list[list[Step]] = []
    size = len(steps) // 2
    while size:
        # The first step makes the collection, the last shows the difference.
        shorter += [steps[:start] + steps[start + size :] for start in range(1, len(steps) - size, size)]
        size //= 2
    for number, step in enumerate(steps):
        for key in ("mutations", "indexes"):
            parts = step.get(key, [])
            for index in range(len(parts) if key == "indexes" or len(parts) > 1 else 0):
                less = {**step, key: parts[:index] + parts[index + 1 :]}
                shorter.append([*steps[:number], less, *steps[number + 1 :]])
    return shorter


@asynccontextmanager
async def sqlite_beside_memory(folder: Path) -> AsyncIterator[Pair]:
    """Start the reference and SQLite; both expire documents by one clock."""
    clock = Clock()
    reference, adapter = MemoryAdapter(clock=clock), SqliteAdapter(folder, clock=clock)
    async with AsyncExitStack() as stack:
        for started in (reference, adapter):
            await started.start()
            stack.push_async_callback(started.close)
        yield Pair(reference, adapter, clock)


async def compare(pair: Pair, seed: int, numbers: Iterable[int], operations: int) -> str | None:
    """Run programs until so many operations were compared; return the first difference, as a report."""
    for number in numbers:
        difference = await pair.run(program(f"{seed}:{number}", STEPS_OF_A_PROGRAM))
        if difference is not None:
            shortest = await pair.shortest(difference)
            return f"AOL_SOAK_SEED={seed}:{number} shows a difference:\n{shortest}"
        if pair.compared >= operations:
            break
    return None
