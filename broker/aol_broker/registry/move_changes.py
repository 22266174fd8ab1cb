"""What do the steps of a move write? Each one only if nobody else has taken it meanwhile."""

from collections.abc import Iterable
from dataclasses import replace

from aol_broker.registry import tables
from aol_broker.registry.moves import Move, Phase, move_from_row, move_to_row
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.writer import Writer
from aol_wire.errors import Applied, DataError, Reason

RETRY_AFTER_S = 5.0


def moving(record: CollectionRecord) -> DataError:
    """Return the refusal of a change to a collection that is being copied."""
    return DataError(
        Reason.OVERLOADED,
        f"Collection '{record.collection_id}' is being copied to another adapter, and cannot be changed until that is "
        "done. Nothing was changed; make the call again then.",
        metadata={"collection": record.collection_id},
        retry_after_s=RETRY_AFTER_S,
        applied=Applied.NO,
    )


def abandoned(move: Move) -> DataError:
    """Return the refusal of another copy, or of a drop, while a copy that was given up is not cleared away."""
    return DataError.invalid(
        Reason.BAD_REQUEST,
        "collection",
        f"a copy of it to '{move.to_adapter}' was given up, and what it copied is still there. Give it up again first "
        f"(aol copy {move.collection_id} --abort)",
    )


def not_dropped(move: Move) -> DataError:
    """Return the refusal to drop a collection of which there is a copy that is not over."""
    if move.phase is Phase.ABANDONED:
        return abandoned(move)
    return DataError.invalid(
        Reason.BAD_REQUEST,
        "collection",
        f"it is being copied to '{move.to_adapter}'. Let that come to its end, or give it up (aol copy "
        f"{move.collection_id} --abort), and drop it then",
    )


def refuse_moving(records: Iterable[CollectionRecord]) -> None:
    """Return if none of these collections is being copied.

    :raises DataError: OVERLOADED.
    """
    for record in records:
        if record.moving_to:
            raise moving(record)


async def begin(writer: Writer, move: Move) -> bool:
    """Mark a collection; return false when it moves already, or is not where the move begins any more."""
    record = (await writer.records(collection_id=move.collection_id)).get(move.collection_id)
    if record is None or record.adapter != move.from_adapter or await _of(writer, move.collection_id):
        return False
    await writer.insert(tables.moves, move_to_row(move))
    await _place(writer, move.collection_id, moving_to=move.to_adapter)
    return True


async def advance(writer: Writer, before: Move, after: Move) -> bool:
    """Write what a step came to; return false when somebody else has changed the move."""
    if await _of(writer, before.collection_id) != before:
        return False
    await _store(writer, replace(after, step=before.step + 1))
    return True


async def switch(writer: Writer, before: Move) -> bool:
    """Have the target keep the collection; return false when somebody else has changed the move."""
    if await _of(writer, before.collection_id) != before:
        return False
    await _place(writer, before.collection_id, adapter=before.to_adapter, moving_to="")
    await writer.delete(tables.moves, collection_id=before.collection_id)
    return True


async def abandon(writer: Writer, collection_id: str) -> Move | None:
    """Give a move up, wherever it stands, and let writes through; return it, None when there is none."""
    move = await _of(writer, collection_id)
    if move is None or move.phase is Phase.ABANDONED:
        return move
    move = replace(move, phase=Phase.ABANDONED, step=move.step + 1)
    await _store(writer, move)
    await _place(writer, collection_id, moving_to="")
    return move


async def forget(writer: Writer, move: Move) -> None:
    """Forget a move that was given up, once nothing of it is left."""
    if await _of(writer, move.collection_id) == move:
        await writer.delete(tables.moves, collection_id=move.collection_id)


async def _of(writer: Writer, collection_id: str) -> Move | None:
    rows = await writer.select(tables.moves, collection_id=collection_id)
    return move_from_row(rows[0]) if rows else None


async def _store(writer: Writer, move: Move) -> None:
    await writer.update(tables.moves, {"collection_id": move.collection_id}, **move_to_row(move))


async def _place(writer: Writer, collection_id: str, **columns: str) -> None:
    await writer.update(tables.collections, {"collection_id": collection_id}, **columns)
    await writer.touch([collection_id])
