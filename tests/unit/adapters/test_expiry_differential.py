"""Do SQLite and the reference answer alike while documents expire between, before and within calls?"""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aol_adapters.conformance.trial import Trial
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Deleted, Mutation
from aol_wire.errors import DataError
from aol_wire.filters import Json
from turned_clock import TurnedClock

INDEXES = (
    {"fields": ["until"], "type": "ttl", "expireAfterSeconds": 2},
    {"fields": ["email"], "type": "unique"},
    {"fields": ["email", "number"], "type": "unique"},
    {"fields": ["note"], "type": "text"},
)

IDS = st.sampled_from(["a", "b", "c", "d"])
# Seconds from now, or what is no date-time.
UNTIL = st.one_of(st.integers(-4, 2), st.sampled_from([None, "never", "1999-01-01"]))
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "until": UNTIL,
    "email": st.sampled_from(["x", "y", None]),
    "number": st.integers(0, 1),
    "note": st.sampled_from(["red", "blue"]),
}
FILTERS = st.one_of(
    st.just({}),
    IDS.map(lambda id_: {"_id": id_}),
    st.sampled_from([{"email": "x"}, {"number": {"$ne": 1}}, {"$text": "red"}]),
)


@dataclass(frozen=True)
class Change:
    """A mutation in the making: `kind` is a method of `Step`'s maker."""

    kind: str
    id: str
    filter: dict[str, Any]
    fields: dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One write after some seconds, and perhaps a round of removing what is expired."""

    seconds: int
    changes: list[Change]
    atomic: bool
    sweep: bool


CHANGES = st.builds(
    Change,
    st.sampled_from(["insert", "insert", "update", "delete", "soft", "restore", "purge"]),
    IDS,
    FILTERS,
    st.fixed_dictionaries({}, optional=FIELDS),
)
STEPS = st.builds(Step, st.integers(0, 2), st.lists(CHANGES, min_size=1, max_size=4), st.booleans(), st.booleans())


def mutation(trial: Trial, change: Change, clock: TurnedClock) -> Mutation:
    fields = dict(change.fields)
    if isinstance(fields.get("until"), int):
        fields["until"] = clock.in_seconds(fields["until"])
    match change.kind:
        case "insert":
            return trial.insertion(change.id, fields)
        case "update":
            return trial.change(change.filter, {"$set": fields or {"seen": True}})
        case "restore":
            return trial.restoring(change.filter)
        case "purge":
            return trial.purging(change.filter)
        case _:
            return trial.removal(change.filter, soft=change.kind == "soft")


async def answers(trial: Trial, mutations: list[Mutation], atomic: bool) -> list[Any]:
    try:
        outcomes = await trial.write(*mutations, atomic=atomic)
        written: list[Any] = [
            (it.affected, it.was_duplicate, sorted(it.ids), it.error.reason if it.error else None) for it in outcomes
        ]
    except DataError as error:
        written = [error.reason]
    seen: list[Json] = []
    for deleted in Deleted:
        ids = await trial.ids(deleted=deleted)
        seen += [*ids, await trial.count({"email": None}, deleted), await trial.count({"$text": "red"}, deleted)]
        seen += [await trial.get(id_, deleted) for id_ in ids]
    return [written, seen]


async def compare(steps: list[Step], folder: Path) -> None:
    clock = TurnedClock()
    reference, sqlite = MemoryAdapter(clock=clock), SqliteAdapter(folder, readers=1, clock=clock)
    trials = [Trial(reference), Trial(sqlite)]
    for trial in trials:
        await trial.adapter.start()
        await trial.ensure(*INDEXES)
    try:
        for step in steps:
            clock.turn(step.seconds)
            if step.sweep:
                await sqlite.sweep()
            mutations = [mutation(trials[0], change, clock) for change in step.changes]
            expected, found = [await answers(trial, mutations, step.atomic) for trial in trials]
            assert found == expected
    finally:
        for trial in trials:
            await trial.adapter.close()


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_any_program_is_answered_alike_while_time_goes_by(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(steps, Path(folder)))
