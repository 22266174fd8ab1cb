"""What is the next step of a move? Each takes a few seconds, and the registry remembers what it came to.

Nothing but the last step is seen by services, except that writes are refused from the first one on. Whoever takes a
step that somebody else has taken meanwhile, on this broker or on another, has done nothing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from aol_broker.backends import Backend, Backends, spec_of, target_of
from aol_broker.moving.comparing import Comparison, nothing_compared
from aol_broker.moving.copying import copy
from aol_broker.registry.move_changes import abandoned
from aol_broker.registry.moves import Differences, Move, Phase, Progress
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import KNOWN_WITHIN_S, Registry
from aol_wire.adapter import Adapter, Count, Deleted, Target
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.ids import now_us
from aol_wire.indexes import IndexState

STEP_S = 2.0
# Brokers look every half second whether the registry has changed, see `server.TEND_EVERY_S`. One that could not for
# longer lets writes through for at most `KNOWN_WITHIN_S`: the comparison finds what they changed behind the copy.
COPIED_AFTER_S = 1.0
# How far the clocks of brokers may be apart.
CLOCKS_APART_S = 1.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Sides:
    """The two adapters of a move, and the collection in them, of all tenants."""

    source: Adapter
    target: Adapter
    where: Target


class Steps:
    """Takes the steps of moves. `longest_call_s` is the longest time that any broker of the registry gives a call."""

    def __init__(self, registry: Registry, backends: Backends, *, longest_call_s: float) -> None:
        self._registry = registry
        self._backends = backends
        self._settled_after_s = KNOWN_WITHIN_S + CLOCKS_APART_S + longest_call_s

    async def begin(self, record: CollectionRecord, target: Backend, started_by: str) -> Move:
        """Mark a collection as one that moves.

        :raises DataError: BAD_REQUEST, the target holds documents of that name already, which nobody could tell apart.
        """
        where = replace(target_of(record), tenant=None)
        there = await _count(target.adapter, where)
        if there:
            raise DataError.invalid(
                Reason.BAD_REQUEST,
                "to_adapter",
                f"the adapter '{target.name}' holds a collection of this name already, which no copy under way has "
                f"made (documents in it: {there:,}). Nothing was changed",
            )
        total = await _count(self._backends.of(record).adapter, where)
        move = Move(
            record.collection_id, record.adapter, target.name, Phase.MARKED, 0, now_us(), started_by, Progress(total)
        )
        if not await self._registry.begin_move(move):
            raise _taken(record.collection_id)
        return move

    async def take(self, move: Move, record: CollectionRecord, *, left_s: Callable[[], float]) -> Move:
        """Take the next step of a move and return it as it is then; with `Phase.DONE`, it is over.

        :param left_s: what is left of the caller's time, in seconds.
        :raises DataError: the step failed; it can be taken again.
        """
        until = time.monotonic() + min(STEP_S, left_s() / 2)
        after = await self._taken(move, record, until, left_s)
        if after.phase is Phase.DONE:
            done = await self._registry.finish_move(move)
        else:
            done = after == move or await self._registry.advance_move(move, after)
        if not done:
            raise _taken(move.collection_id)
        return after

    async def _taken(self, move: Move, record: CollectionRecord, until: float, left_s: Callable[[], float]) -> Move:
        sides = Sides(
            self._backends.of(record).adapter,
            self._backends.named(move.to_adapter).adapter,
            replace(target_of(record), tenant=None),
        )
        match move.phase:
            case Phase.MARKED:
                return await self._start(move, record, sides, until)
            case Phase.COPYING:
                progress, is_all = await copy(
                    sides.source, sides.target, sides.where, move.progress, until=until, left_s=left_s
                )
                return replace(move, progress=progress, phase=Phase.INDEXING if is_all else Phase.COPYING)
            case Phase.INDEXING:
                return await self._index(move, record, sides, until)
            case Phase.SETTLING:
                is_over = await _passed(move.marked_us, self._settled_after_s, until)
                return replace(move, phase=Phase.VERIFYING) if is_over else move
            case Phase.VERIFYING:
                return await self._verify(move, record, sides, until, left_s)
            case Phase.DIFFERENT:
                # Somebody may have mended it; the comparison begins from the start.
                return replace(move, phase=Phase.INDEXING, progress=nothing_compared(move.progress))
            case _:
                raise abandoned(move)

    async def _start(self, move: Move, record: CollectionRecord, sides: Sides, until: float) -> Move:
        """Wait until all brokers that can read the registry know, and make the collection.

        Its indexes are made when all documents are there: that is quicker, and a document that does not fit an index
        fails the index then, as it did where it comes from, and not the copy.
        """
        if move.step == 0:
            # Brokers can learn of the mark from the moment at which its transaction had ended, however long that took.
            return replace(move, marked_us=now_us())
        if not await _passed(move.marked_us, COPIED_AFTER_S, until):
            return move
        await sides.target.ensure_collection(replace(spec_of(record), indexes=()))
        return replace(move, phase=Phase.COPYING)

    async def _index(self, move: Move, record: CollectionRecord, sides: Sides, until: float) -> Move:
        """Have the target build the indexes; one that fails there, and has not failed in the source, ends it."""
        await sides.target.ensure_collection(spec_of(record))
        target = target_of(record)
        while True:
            stands = {status.spec: status.state for status in await sides.target.inspect_collection(target)}
            states = {spec: stands.get(spec, IndexState.BUILDING) for spec in record.indexes}
            if IndexState.BUILDING not in states.values():
                break
            if time.monotonic() >= until:
                return move
            await asyncio.sleep(_POLL_S)
        failed = {spec for spec, state in states.items() if state is IndexState.FAILED}
        if failed:
            before = {status.spec: status.state for status in await sides.source.inspect_collection(target)}
            failed = {spec for spec in failed if before.get(spec) is not IndexState.FAILED}
        if failed:
            differences = Differences(failed_indexes=tuple(sorted(spec.name for spec in failed)))
            return replace(move, phase=Phase.DIFFERENT, progress=replace(move.progress, differences=differences))
        return replace(move, phase=Phase.SETTLING)

    async def _verify(
        self, move: Move, record: CollectionRecord, sides: Sides, until: float, left_s: Callable[[], float]
    ) -> Move:
        comparison = Comparison(sides.source, sides.target, sides.where, record.indexes, move.progress)
        progress, is_all = await comparison.run(until=until, left_s=left_s)
        if not is_all:
            return replace(move, progress=progress)
        is_equal = not progress.differences and progress.source.checksum == progress.target.checksum
        return replace(move, progress=progress, phase=Phase.DONE if is_equal else Phase.DIFFERENT)

    async def abandon(self, record: CollectionRecord) -> Move | None:
        """Give a move up, let writes through and drop what was copied; None when nothing moves.

        :raises DataError: what was copied cannot be dropped now. Writes are let through all the same, and it can be
            tried again.
        """
        move = await self._registry.abandon_move(record.collection_id)
        if move is None:
            return None
        try:
            await self._backends.named(move.to_adapter).adapter.drop_collection(target_of(record))
        except DataError as error:
            raise DataError(
                error.reason,
                f"Writes to '{move.collection_id}' are let through again, but what was copied to '{move.to_adapter}' "
                f"cannot be dropped now: {error.message}. Give the copy up again once it can.",
                retry_after_s=error.retry_after_s,
                applied=Applied.UNKNOWN,
            ) from None
        await self._registry.forget_move(move)
        return move


async def _count(adapter: Adapter, where: Target) -> int:
    try:
        return await adapter.count(Count(where, deleted=Deleted.INCLUDE))
    except DataError as error:
        if error.reason is not Reason.COLLECTION_NOT_FOUND:
            raise
        return 0


async def _passed(since_us: int, after_s: float, until: float) -> bool:
    """Wait until so long after a moment, but not beyond a time on the clock `time.monotonic`; return whether it is."""
    left_s = after_s - (now_us() - since_us) / 1e6
    await asyncio.sleep(max(0.0, min(left_s, until - time.monotonic())))
    return now_us() - since_us >= after_s * 1e6


def _taken(collection_id: str) -> DataError:
    return DataError(
        Reason.OVERLOADED,
        f"Somebody else has taken this step of the copy of '{collection_id}', or given it up. Ask again.",
        retry_after_s=_POLL_S,
        applied=Applied.NO,
    )
