"""Does a checkpoint say of a segment what was read in it?"""

from dataclasses import dataclass

from aol_broker.audit.chain import Checkpoint
from aol_broker.audit.chain_walk import Wrong
from aol_broker.audit.findings import Kind


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the records `first_seq` to `last_seq` of the segment `file`.

    `prev` is the hash of the record before the first, `head` that of the last; each is empty where it is not known.
    """

    file: str
    first_seq: int
    last_seq: int
    prev: str
    head: str


def contradiction(checkpoint: Checkpoint, read: Read) -> Wrong | None:
    """Return where a checkpoint, which the broker signed, says something else than what was read."""
    if checkpoint.segment != read.file:
        return Wrong(Kind.CHECKPOINT, 0, f"the checkpoint is about another segment, {checkpoint.segment}")
    if not checkpoint.closed or checkpoint.first_seq != read.first_seq:
        return Wrong(Kind.CHECKPOINT, 0, "the checkpoint is not the one that closes this segment")
    if checkpoint.last_seq > read.last_seq:
        missing = f"records {read.last_seq + 1:,} to {checkpoint.last_seq:,} are missing: the checkpoint counts them"
        return Wrong(Kind.MISSING, read.last_seq + 1, missing)
    if checkpoint.last_seq < read.last_seq:
        added = f"the checkpoint vouches for records up to {checkpoint.last_seq:,}: those behind it were added"
        return Wrong(Kind.OUT_OF_PLACE, checkpoint.last_seq + 1, added)
    if (read.head and checkpoint.head != read.head) or (read.prev and checkpoint.prev != read.prev):
        rewritten = (
            f"the checkpoint has other hashes than the records {read.first_seq:,} to {read.last_seq:,}: some of them "
            "were rewritten, their hashes included"
        )
        return Wrong(Kind.REWRITTEN, read.last_seq, rewritten)
    return None
