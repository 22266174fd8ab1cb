"""What is done without being asked? Expired documents go, and interrupted builds are begun again."""

from contextlib import suppress

import structlog

from aol_adapters.kit.rounds import Rounds
from aol_adapters.mongodb.building import drop
from aol_adapters.mongodb.builds import Builds
from aol_adapters.mongodb.catalogue import Catalogue
from aol_adapters.mongodb.expiring import expired_in, range_of
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.server import Deadline, Document, Server, StaleError
from aol_wire.adapter import Target
from aol_wire.indexes import IndexSpec, IndexState

_REMOVED_AT_ONCE = 100

_log = structlog.get_logger("aol.adapter")


class Upkeep:
    """Goes its rounds, every `upkeep_interval_s`."""

    def __init__(self, server: Server, catalogue: Catalogue, builds: Builds) -> None:
        self._server = server
        self._catalogue = catalogue
        self._builds = builds
        self._rounds = Rounds(self.sweep, server.settings.upkeep_interval_s)
        # The first round looks after what was cut off just as an index failed, too: its rule is still held to.
        self._begun = {IndexState.BUILDING, IndexState.FAILED}

    def start(self) -> None:
        """Begin the rounds, with one at once."""
        self._rounds.start()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.close()

    async def sweep(self) -> int:
        """Do a round now; return how many expired documents were removed."""
        removed = 0
        with self._server.within(Deadline(None)):
            for known in await self._catalogue.read_all():
                target = Target(known.service, known.name)
                if known.is_going:
                    with suppress(StaleError):
                        await drop(self._server, self._catalogue, target)
                    continue
                if any(it.state in self._begun for it in known.indexes):
                    self._builds.begin(target)
                for index in known.expiring:
                    for place in self._catalogue.places(known):
                        removed += await self._remove(place, index)
            self._begun = {IndexState.BUILDING}
        return removed

    async def _remove(self, place: Place, index: IndexSpec) -> int:
        stored = self._server.collection(*place)
        now_us = self._server.settings.clock()
        condition = expired_in(index, now_us)
        pipeline: list[Document] = [
            {"$match": range_of(index, now_us)},
            {"$match": condition},
            {"$limit": _REMOVED_AT_ONCE},
            {"$project": {"_id": 1}},
        ]
        removed = 0
        while True:
            found = await (await stored.aggregate(pipeline)).to_list()
            if not found:
                return removed
            # The condition again: one of them may have been replaced.
            result = await stored.delete_many({"_id": {"$in": [it["_id"] for it in found]}, **condition})
            removed += result.deleted_count
            if len(found) < _REMOVED_AT_ONCE or not result.deleted_count:
                return removed
