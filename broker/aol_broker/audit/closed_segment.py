"""Is a closed audit file whole, and does the next one go on where it ends? Asked before it is removed.

It is a program, too, of low priority: `python -m aol_broker.audit.closed_segment FILE NEXT_FILE KEY`, the key in
hexadecimal. It prints what is wrong, and nothing when nothing is.
"""

import errno
import os
import sys
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker import programs
from aol_broker.audit.chain import BrokenChainError, Checkpoint, checkpoint_of, is_checkpoint
from aol_broker.audit.files import first_seq_of, lines_backwards
from aol_broker.audit.segment_lines import SegmentLines
from aol_broker.audit.verify import verify_segment

_NICE = 10
_BROKEN = 3


def verified_checkpoint(segment: Path, following: Path, key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint in which a file ends, once every record is found to be as it was written.

    :param following: the next file.
    :raises BrokenChainError: a record was changed, is missing or is out of order; the file has no signed end; or the
        next file does not go on where it ends.
    :raises VerificationError: the file cannot be read.
    :raises OSError: a file is gone, or the next one cannot be read.
    """
    checkpoint = verify_segment(segment, [key])
    _check_following(checkpoint, following)
    return checkpoint


async def verify_apart(segment: Path, following: Path, key: Ed25519PublicKey) -> None:
    """Find a file whole, in a process of its own: hashing every record in a thread would take turns with the calls.

    :raises BrokenChainError: as `verified_checkpoint`.
    :raises OSError: a file cannot be read, or the process cannot be started.
    """
    arguments = (str(segment), str(following), key.public_bytes_raw().hex())
    ended = await programs.run((sys.executable, "-m", __spec__.name, *arguments), stdout=True)
    if ended.returncode == _BROKEN:
        raise BrokenChainError(ended.stdout.decode().strip())
    if ended.returncode:
        raise OSError(errno.EIO, f"{segment.name} cannot be verified")


def closing_checkpoint(segment: Path, key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint in which a file ends, without a look at its records.

    :raises BrokenChainError: it does not end in one that is signed with that key.
    :raises OSError: the file cannot be read.
    """
    return checkpoint_of(next(lines_backwards(segment), b""), key)


def _check_following(checkpoint: Checkpoint, following: Path) -> None:
    line = _first_line(following)
    if is_checkpoint(line):
        begins = checkpoint_of(line)
        goes_on = (begins.first_seq, begins.prev) == (checkpoint.last_seq + 1, checkpoint.head)
    elif line:
        goes_on = _place(line) == (checkpoint.last_seq + 1, checkpoint.head)
    else:  # nothing was written to it yet
        goes_on = first_seq_of(following) == checkpoint.last_seq + 1
    if not goes_on:
        raise BrokenChainError(f"{following.name} does not go on where it ends")


def _place(line: bytes) -> tuple[int, str]:
    """Return the number of a record and the hash of the one before it, as it says them."""
    try:
        record = orjson.loads(line)
        return int(record["seq"]), str(record["prev"])
    except (ValueError, KeyError, TypeError):
        raise BrokenChainError("a line is no record") from None


def _first_line(path: Path) -> bytes:
    """Return the first whole line of a file, without its end; nothing when there is none yet."""
    with path.open("rb") as file:
        return next((lines[0] for lines in SegmentLines(file)), b"")


def main(arguments: list[str]) -> int:
    """Verify a file; return the exit code."""
    os.nice(_NICE)
    segment, following, key = arguments
    try:
        verified_checkpoint(Path(segment), Path(following), Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)))
    except BrokenChainError as error:
        sys.stdout.write(f"{error}\n")
        return _BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
