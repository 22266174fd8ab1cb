"""How is a Write answered? Inserts go with those of others; what is about many documents is a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from pymongo.asynchronous.client_session import AsyncClientSession

from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.changing import Changing, ExchangedError, outcome
from aol_adapters.mongodb.holders import Item
from aol_adapters.mongodb.inserting import Inserting, item
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.server import Deadline, Server
from aol_wire.adapter import Delete, Insert, Mutation, Outcome, Restore, Target, Update, Write
from aol_wire.errors import Applied, DataError, Reason

Other = Update | Delete | Restore


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring inserts of a request, or one mutation of another kind."""

    inserts: tuple[Insert, ...] = ()
    others: tuple[Other, ...] = ()

    def __len__(self) -> int:
        return len(self.inserts) + len(self.others)


def runs(request: Write) -> list[Run]:
    """Return the mutations of a request, in order."""
    found: list[Run] = []
    inserts: list[Insert] = []
    for mutation in request.mutations:
        if isinstance(mutation, Insert):
            inserts.append(mutation)
            continue
        if inserts:
            found.append(Run(tuple(inserts)))
            inserts = []
        found.append(Run(others=(mutation,)))
    return [*found, Run(tuple(inserts))] if inserts else found


class Writing:
    """Applies what is written to the collections of a server."""

    def __init__(self, server: Server, catalogue: Catalogue) -> None:
        self._server = server
        self._catalogue = catalogue

    async def insert_batch(
        self, target: Target, batch: Sequence[Sequence[Item]], until: Deadline
    ) -> list[list[Outcome]]:
        """Insert what several calls want inserted for one tenant; return their outcomes, each of its call."""
        items = [item for call in batch for item in call]

        async def work() -> list[Outcome]:
            known, place = await self._known(target)
            return await Inserting(self._server, self._catalogue, known, place).together(items, until)

        outcomes = iter(await self._server.again(work, until, self._catalogue.forget))
        return [[next(outcomes) for _ in call] for call in batch]

    async def change(self, request: Write, mutation: Other, until: Deadline) -> Outcome:
        """Apply one mutation; its failure is its outcome.

        :raises DataError: DEADLINE.
        """

        async def work() -> Outcome:
            known, place = await self._known(request.target)
            changing = Changing(self._server, place, known, request.target, mutation)
            if not (await self._server.abilities()).transactions:
                return outcome(await changing.one_by_one(), return_ids=request.return_ids)
            ids = await changing.alone()
            if ids is None:
                return (await self._transaction(request, [mutation]))[0]
            return outcome(ids, return_ids=request.return_ids)

        try:
            return await self._server.again(work, until, self._catalogue.forget)
        except DataError as error:
            if error.reason is Reason.DEADLINE:
                raise
            error.applied = error.applied or Applied.NO
            return Outcome(error=error)

    async def change_together(self, request: Write, until: Deadline) -> list[Outcome]:
        """Apply all mutations in one transaction.

        :raises DataError: one failed, and nothing was changed.
        """

        async def work() -> list[Outcome]:
            return await self._transaction(request, request.mutations)

        return await self._server.again(work, until, self._catalogue.forget)

    async def _transaction(self, request: Write, mutations: Sequence[Mutation]) -> list[Outcome]:
        known, place = await self._known(request.target)
        try:
            async with self._server.transaction() as session:
                return await self._apply(request, mutations, known, place, session, aside=False)
        except ExchangedError:
            async with self._server.transaction() as session:
                return await self._apply(request, mutations, known, place, session, aside=True)

    async def _apply(
        self,
        request: Write,
        mutations: Sequence[Mutation],
        known: Collection,
        place: Place,
        session: AsyncClientSession,
        *,
        aside: bool,
    ) -> list[Outcome]:
        target = request.target
        inserting = Inserting(self._server, self._catalogue, known, place)
        outcomes = []
        for mutation in mutations:
            if isinstance(mutation, Insert):
                done = await inserting.alone(item(target.tenant or "", mutation), session)
                if request.return_ids:
                    done = Outcome(done.affected, done.was_duplicate, (mutation.id,))
            else:
                changing = Changing(self._server, place, known, target, mutation)
                # One document alone meets no value of its own mutation, but it may meet one that is expired.
                ids = await changing.together(session, aside=aside and isinstance(mutation, Update))
                done = outcome(ids, return_ids=request.return_ids)
            outcomes.append(done)
        return outcomes

    async def _known(self, target: Target) -> tuple[Collection, Place]:
        known = await self._catalogue.collection(target)
        return known, self._catalogue.place(known, target.tenant)
