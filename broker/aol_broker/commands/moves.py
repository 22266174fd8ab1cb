"""How do operators move a collection to another adapter? CopyCollection, AbortCopy."""

from aol.admin.v1 import admin_pb2 as pb
from aol_broker.backends import Backend, Backends, needed_by, require
from aol_broker.commands import known, newest
from aol_broker.moving.steps import Steps
from aol_broker.registry.move_changes import abandoned
from aol_broker.registry.moves import Move, Phase
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json

_PHASES = {
    Phase.MARKED: pb.COPY_PHASE_MARKED,
    Phase.COPYING: pb.COPY_PHASE_COPYING,
    Phase.INDEXING: pb.COPY_PHASE_INDEXING,
    Phase.SETTLING: pb.COPY_PHASE_SETTLING,
    Phase.VERIFYING: pb.COPY_PHASE_VERIFYING,
    Phase.DONE: pb.COPY_PHASE_DONE,
    Phase.DIFFERENT: pb.COPY_PHASE_DIFFERENT,
}


class CopyCollection:
    """Takes the next step of copying a collection to another adapter."""

    def __init__(self, registry: Registry, backends: Backends, steps: Steps) -> None:
        self._registry = registry
        self._backends = backends
        self._steps = steps

    async def admit(self, request: Request[pb.CopyCollectionRequest], record: CollectionRecord | None) -> Backend:
        """Check that there is such an adapter, and that it can do what the collection needs."""
        target, record = self._backends.named(request.arguments.to_adapter), known(record)
        if target.name != record.adapter:
            require(target, needed_by(record), "that the collection shall move to")
        return target

    async def dispatch(
        self, request: Request[pb.CopyCollectionRequest], record: CollectionRecord | None, work: Backend
    ) -> Answer:
        """Go on with the copy that is under way, or begin one."""
        record = await newest(self._registry, known(record))
        move = await self._registry.move_of(record.collection_id)
        if move is None and record.adapter == work.name:
            response = pb.CopyCollectionResponse(
                phase=pb.COPY_PHASE_DONE, from_adapter=work.name, to_adapter=work.name, already_there=True
            )
            return Answer(response, 0, {"already_there": True})
        if move is None:
            after = await self._steps.begin(record, work, request.principal.name)
            return _answer(after, 0)
        _require_same(move, work)
        before, after = move, await self._steps.take(move, record, left_s=lambda: request.remaining_s)
        return _answer(after, _handled(after) - _handled(before))


class AbortCopy:
    """Gives up copying a collection."""

    def __init__(self, registry: Registry, steps: Steps) -> None:
        self._registry = registry
        self._steps = steps

    async def admit(self, request: Request[pb.AbortCopyRequest], record: CollectionRecord | None) -> None:
        """Authorization has said all there is to say."""

    async def dispatch(
        self, request: Request[pb.AbortCopyRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Let writes through again, and drop what was copied."""
        record = await newest(self._registry, known(record))
        move = await self._steps.abandon(record)
        if move is None:
            return Answer(pb.AbortCopyResponse(adapter=record.adapter))
        response = pb.AbortCopyResponse(aborted=True, adapter=move.from_adapter, to_adapter=move.to_adapter)
        return Answer(response, move.progress.copied, {"to_adapter": move.to_adapter})


def _require_same(move: Move, target: Backend) -> None:
    if move.phase is Phase.ABANDONED:
        raise abandoned(move)
    if move.to_adapter != target.name:
        raise DataError.invalid(
            Reason.BAD_REQUEST,
            "to_adapter",
            f"the collection is being copied to '{move.to_adapter}'. Go on with that, or give it up first "
            f"(aol copy {move.collection_id} --abort)",
        )


def _handled(move: Move) -> int:
    return move.progress.copied + move.progress.source.count


def _answer(move: Move, handled: int) -> Answer:
    progress, seen = move.progress, move.progress.differences
    is_over = move.phase in (Phase.DONE, Phase.DIFFERENT)
    response = pb.CopyCollectionResponse(
        phase=_PHASES[move.phase],
        from_adapter=move.from_adapter,
        to_adapter=move.to_adapter,
        total=progress.total,
        copied=progress.copied,
        compared=progress.source.count,
        checksum=progress.source.checksum if is_over else "",
    )
    details: dict[str, Json] = {"from_adapter": move.from_adapter, "phase": move.phase.value, "copied": progress.copied}
    if seen:
        differences = pb.CopyDifferences(
            missing=seen.missing,
            unexpected=seen.unexpected,
            different=seen.different,
            failed_indexes=seen.failed_indexes,
        )
        response.differences.CopyFrom(differences)
        details |= {"missing": seen.missing, "unexpected": seen.unexpected, "different": seen.different}
        details["failed_indexes"] = list(seen.failed_indexes)
    if move.phase is Phase.DONE:
        details |= {"compared": progress.source.count, "checksum": progress.source.checksum}
    return Answer(response, max(0, handled), details)
