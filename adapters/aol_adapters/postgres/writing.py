"""How is a Write answered? Inserts go with those of others, everything else in transactions of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from aol_adapters.postgres.changing import Changing
from aol_adapters.postgres.connections import Deadline, transaction
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.inserting import Inserting, Item
from aol_wire.adapter import Delete, Insert, Mutation, Outcome, Restore, Target, Update, Write
from aol_wire.errors import Applied, DataError, Reason


async def insert_batch(
    database: Database, target: Target, batch: Sequence[Sequence[Item]], until: Deadline
) -> list[list[Outcome]]:
    """Insert what several calls want inserted into one collection; return their outcomes, each of its call."""
    items = [item for call in batch for item in call]
    outcomes: list[Outcome | None] = [None] * len(items)

    async def work() -> None:
        if database.settings.transaction_pooling:
            # All of it is one transaction, and the one before was undone.
            outcomes[:] = [None] * len(items)
        collection = await database.collection(target.service, target.collection, until)
        await Inserting(database, collection).together(items, outcomes, until)

    failed = Outcome()
    try:
        await database.again(work, until, target)
    except DataError as error:
        if database.settings.transaction_pooling or not any(outcomes):
            raise
        # What came before is done, and keeps its outcomes.
        error.applied = error.applied or Applied.NO
        failed = Outcome(error=error)
    each = iter(outcomes)
    return [[next(each) or failed for _ in call] for call in batch]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring inserts of a request, or one mutation of another kind."""

    inserts: tuple[Insert, ...] = ()
    others: tuple[Update | Delete | Restore, ...] = ()

    def __len__(self) -> int:
        return len(self.inserts) + len(self.others)


def runs(mutations: Sequence[Mutation]) -> list[Run]:
    """Return mutations, in order."""
    found: list[Run] = []
    inserts: list[Insert] = []
    for mutation in mutations:
        if isinstance(mutation, Insert):
            inserts.append(mutation)
            continue
        if inserts:
            found.append(Run(tuple(inserts)))
            inserts = []
        found.append(Run(others=(mutation,)))
    return [*found, Run(tuple(inserts))] if inserts else found


async def change(database: Database, request: Write, mutation: Mutation, until: Deadline) -> Outcome:
    """Apply one mutation in a transaction of its own; its failure is its outcome.

    :raises DataError: DEADLINE.
    """

    async def work() -> Outcome:
        return (await _transaction(database, request, [mutation], until))[0]

    try:
        return await database.again(work, until, request.target)
    except DataError as error:
        if error.reason is Reason.DEADLINE:
            raise
        error.applied = error.applied or Applied.NO
        return Outcome(error=error)


async def change_together(database: Database, request: Write, until: Deadline) -> list[Outcome]:
    """Apply all mutations in one transaction.

    :raises DataError: one failed, and nothing was changed.
    """
    return await database.again(
        lambda: _transaction(database, request, request.mutations, until), until, request.target
    )


async def _transaction(
    database: Database, request: Write, mutations: Sequence[Mutation], until: Deadline
) -> list[Outcome]:
    target = request.target
    collection = await database.collection(target.service, target.collection, until)
    inserting = Inserting(database, collection)
    outcomes = []
    async with database.connection(until) as connection, transaction(connection, until):
        changing = Changing(database, connection, collection, target, until)
        for mutation in mutations:
            if isinstance(mutation, Insert):
                outcome = await inserting.alone(connection, Item(target.tenant or "", mutation), until)
                if request.return_ids:
                    outcome = Outcome(outcome.affected, outcome.was_duplicate, (mutation.id,))
            else:
                outcome = await changing.apply(mutation, return_ids=request.return_ids)
            outcomes.append(outcome)
    return outcomes
