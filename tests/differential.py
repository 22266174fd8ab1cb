"""Do two adapters answer alike? They are led through the same programs, and every answer is compared exactly."""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from adapter_answers import Answer, alike, answer_of, ensured_shown, outcomes_shown, page_shown, refusal, statuses_shown
from aol_wire.adapter import (
    Adapter,
    Capability,
    CollectionSpec,
    Count,
    Delete,
    Deleted,
    Find,
    Insert,
    Mutation,
    Restore,
    Target,
    Update,
    Write,
)
from aol_wire.capabilities import required_by_indexes
from aol_wire.errors import DataError
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import And, Compare, ContainsAny, Filter, Operator, Or
from aol_wire.index_parser import parse_index
from aol_wire.json_text import encode
from aol_wire.paths import parse_projection, parse_sort
from aol_wire.update_parser import parse_update
from random_programs import START_US, Step, program

_STEPS_OF_A_PROGRAM = 120

Answers = tuple[Answer, Answer]
"""The reference's answer and the adapter's."""


class Clock:
    """By which documents expire; it moves only when a program says so."""

    now_us = START_US

    def __call__(self) -> int:
        return self.now_us


@dataclass(frozen=True, slots=True)
class Difference:
    """The last of these steps was answered differently."""

    steps: list[Step]
    answers: Answers

    def __str__(self) -> str:
        steps = "\n".join(json.dumps(step, ensure_ascii=False) for step in self.steps)
        return f"{steps}\nreference: {self.answers[0]}\nadapter:   {self.answers[1]}"


@dataclass(slots=True)
class Pair:
    """The reference and an adapter, and how many of their operations were compared: mutations, pages, counts.

    :param capabilities: what both declare; no index is asked for that needs more.
    :param clock: by which both expire documents, if they share one.
    :param keeps_text: the adapter returns documents as they were written; else their sizes differ, and so do the pages
        that end by size, which are then not asked for.
    :param keeps_extremes: the database finds doubles like 1e-300 and 1e300 by its indexes; else there are none.
    """

    reference: Adapter
    adapter: Adapter
    capabilities: frozenset[Capability]
    clock: Clock = field(default_factory=Clock)
    sweep: Callable[[], Awaitable[object]] | None = None
    keeps_text: bool = True
    keeps_extremes: bool = True
    compared: int = 0
    _names: Iterator[int] = field(default_factory=count)

    async def compare(self, seed: int, numbers: Iterable[int], operations: int | None = None) -> str | None:
        """Run programs by their numbers, until so many operations were compared; return a difference, reported."""
        end = None if operations is None else self.compared + operations
        for number in numbers:
            steps = program(f"{seed}:{number}", _STEPS_OF_A_PROGRAM)
            if not self.keeps_text:
                steps = [{key: value for key, value in step.items() if key != "max_bytes"} for step in steps]
            if not self.keeps_extremes:
                steps = json.loads(json.dumps(steps).replace("5e-324", "1e-100").replace("e+300", "e+100"))
            difference = await self.run(steps)
            if difference is not None:
                return f"AOL_SOAK_SEED={seed}:{number} shows a difference:\n{await self._shortest(difference)}"
            if end is not None and self.compared >= end:
                break
        return None

    async def run(self, steps: Sequence[Step]) -> Difference | None:
        """Lead both through a program, on a collection of its own; return the first difference."""
        self.clock.now_us = START_US
        target = Target("shop", f"items-{next(self._names)}")
        life = _Life(self, target)
        try:
            for number, step in enumerate(steps):
                answers = await life.live(step)
                if answers is not None and not alike(*answers):
                    return Difference(list(steps[: number + 1]), answers)
        finally:
            for adapter in (self.reference, self.adapter):
                await adapter.drop_collection(target)
        return None

    async def _shortest(self, difference: Difference) -> Difference:
        """Return a difference from whose program nothing can be left out."""
        found, shrinks = difference, True
        while shrinks:
            shrinks = False
            for steps in _shorter(found.steps):
                other = await self.run(steps)
                if other is not None:
                    found, shrinks = other, True
                    break
        return found


@dataclass(slots=True)
class _Cursor:
    """A query that is being paged through, and where the next page of each adapter begins."""

    query: Find
    positions: list[bytes]


class _Life:
    """One program's run, over one collection."""

    def __init__(self, pair: Pair, target: Target) -> None:
        self._pair = pair
        self._target = target
        self._times = count(START_US)
        self._cursors: dict[int, _Cursor] = {}

    async def live(self, step: Step) -> Answers | None:
        """Do a step on both and return their answers; None when there is nothing to compare."""
        match step["do"]:
            case "tick":
                self._pair.clock.now_us += step["us"]
                return None
            case "sweep":
                if self._pair.sweep is not None:
                    await self._pair.sweep()
                return None
            case "ensure":
                return await self._ensure(step)
            case "inspect":
                return await self._inspect()
            case "write":
                return await self._write(step)
            case "count":
                return await self._count(step)
            case "find":
                cursor = self._cursors[step.get("cursor", 0)] = _Cursor(_query(step, self._target), [b"", b""])
                return await self._find(cursor, step["pages"])
            case _:
                following = self._cursors.get(step["cursor"])
                return await self._find(following, 1) if following is not None and all(following.positions) else None

    async def _ensure(self, step: Step) -> Answers:
        specs = (parse_index(index, "index") for index in step["indexes"])
        indexes = tuple(spec for spec in specs if required_by_indexes([spec]) <= self._pair.capabilities)

        owners, acls = step.get("owners", False), step.get("acls", False)
        spec = CollectionSpec(self._target, indexes=indexes, owners=owners, acls=acls)

        async def ensure(adapter: Adapter) -> Answer:
            return ensured_shown(await adapter.ensure_collection(spec))

        return await self._both(ensure)

    async def _inspect(self) -> Answers:
        async def inspect(adapter: Adapter) -> Answer:
            return statuses_shown(await adapter.inspect_collection(self._target))

        return await self._both(inspect)

    async def _write(self, step: Step) -> Answers:
        mutations = [self._mutation(mutation) for mutation in step["mutations"]]
        broad = [isinstance(mutation, Update) and not _names_one(mutation) for mutation in mutations]
        request = Write(_target(step, self._target), mutations, step.get("atomic", False), return_ids=True)
        self._pair.compared += len(mutations)

        async def write(adapter: Adapter) -> Answer:
            try:
                return outcomes_shown(await adapter.write(request), broad)
            except DataError as error:
                return refusal(error, any(broad))

        return await self._both(write)

    async def _count(self, step: Step) -> Answers:
        deleted = Deleted(step.get("deleted", "exclude"))
        request = Count(_target(step, self._target), _filter(step, "filter"), deleted)
        self._pair.compared += 1

        async def ask(adapter: Adapter) -> Answer:
            return (await adapter.count(request),)

        return await self._both(ask)

    async def _find(self, cursor: _Cursor, pages: int) -> Answers:
        answers = [
            await answer_of(_next_pages(adapter, cursor, number, pages))
            for number, adapter in enumerate((self._pair.reference, self._pair.adapter))
        ]
        # A refusal counts as the page that it stands for.
        self._pair.compared += 1 if answers[0][:1] == ("refused",) else len(answers[0])
        return answers[0], answers[1]

    async def _both(self, ask: Callable[[Adapter], Awaitable[Answer]]) -> Answers:
        return await answer_of(ask(self._pair.reference)), await answer_of(ask(self._pair.adapter))

    def _mutation(self, step: Step) -> Mutation:
        now_us = next(self._times)
        most, version = step.get("max_affected"), step.get("if_version")
        match step:
            case {"insert": id_, "document": document}:
                return Insert(id_, encode(document), now_us, step.get("owner", ""), step.get("acl", ""))
            case {"update": _}:
                operations = parse_update(encode(step["with"])) if "with" in step else ()
                handed = step.get("acl"), step.get("owner")
                return Update(_filter(step, "update"), operations, now_us, most, version, *handed)
            case {"delete": _}:
                return Delete(_filter(step, "delete"), now_us, step.get("soft", False), most, version)
            case {"purge": _}:
                return Delete(_filter(step, "purge"), now_us, False, most, version, purge=True)
            case _:
                return Restore(_filter(step, "restore"), most)


def _filter(step: Step, key: str) -> Filter | None:
    """Return the filter of a question or a change, and-ed with what a broker would add to it."""
    asked, access = parse_filter(encode(step[key])), step.get("access")
    if access is None:
        return asked
    parts: list[Filter] = []
    if "owner" in access:
        parts.append(Compare(("_owner",), Operator.EQ, access["owner"]))
    if "entries" in access:
        parts.append(ContainsAny(("_acl", access["list"]), tuple(access["entries"])))
    condition = parts[0] if len(parts) == 1 else Or(tuple(parts))
    return condition if asked is None else And((asked, condition))


def _target(step: Step, target: Target) -> Target:
    return replace(target, tenant=step.get("tenant", ""))


def _query(step: Step, target: Target) -> Find:
    return Find(
        _target(step, target),
        _filter(step, "filter"),
        parse_sort([(key.removeprefix("-"), key.startswith("-")) for key in step["sort"]]),
        parse_projection(step.get("projection", ())),
        limit=step.get("limit", 10),
        skip=step.get("skip", 0),
        deleted=Deleted(step.get("deleted", "exclude")),
        max_bytes=step.get("max_bytes", 2 << 20),
    )


def _names_one(update: Update) -> bool:
    match update.filter:
        case Compare(("_id",), Operator.EQ, _):
            return True
    return False


async def _next_pages(adapter: Adapter, cursor: _Cursor, number: int, pages: int) -> Answer:
    """Return up to so many pages from a cursor's position of an adapter on, which is moved behind them."""
    shown: list[Answer] = []
    position, cursor.positions[number] = cursor.positions[number], b""
    for _ in range(pages):
        found = await adapter.find(replace(cursor.query, skip=0 if position else cursor.query.skip, position=position))
        position = found.next_position
        shown.append((page_shown(found.page), bool(position)))
        if not position:
            break
    cursor.positions[number] = position
    return tuple(shown)


def _shorter(steps: list[Step]) -> Iterator[list[Step]]:
    """Yield programs that leave something out: many steps at once, then single ones, then mutations and indexes."""
    size = len(steps) // 2
    while size:
        # The first step makes the collection, the last shows the difference.
        for start in range(1, len(steps) - size, size):
            yield steps[:start] + steps[start + size :]
        size //= 2
    for number, step in enumerate(steps):
        for key, least in (("mutations", 1), ("indexes", 0)):
            parts = step.get(key, [])
            if len(parts) > least:
                for index in range(len(parts)):
                    yield [*steps[:number], {**step, key: parts[:index] + parts[index + 1 :]}, *steps[number + 1 :]]
