"""Is a closed audit file whole, and does the next one go on where it ends? Asked before it is removed.

It is a program, too, of low priority: `python -m aol_broker.audit.closed_segment FILE NEXT_FILE KEY`, the key in
hexadecimal. It prints what is wrong, and nothing when nothing is.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.chain import BrokenChainError, Checkpoint, checkpoint_of, hash_of, is_checkpoint
from aol_broker.audit.files import first_seq_of, lines_backwards
from aol_broker.audit.lines import blocks_forwards, whole_lines_end

_NICE = 10
_BROKEN = 3


def verified_checkpoint(segment: Path, following: Path, key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint in which a file ends, once every record is found to be as it was written.

    :param following: the next file.
    :raises BrokenChainError: a record was changed, is missing or is out of order; the file has no signed end; or the
        next file does not go on where it ends.
    :raises OSError: a file cannot be read.
    """
    found: Checkpoint | None = None
    first_seq = first_seq_of(segment)
    seq = first_seq - 1
    head = prev = ""
    for line in _lines(segment):
        if found is not None:
            raise BrokenChainError("something stands behind the checkpoint in which it ends")
        if is_checkpoint(line):
            found = checkpoint_of(line, key)
            continue
        digest = hash_of(line)
        said_seq, said_prev = _place(line)
        if said_seq != seq + 1 or (head and said_prev != head):
            raise BrokenChainError(f"record {seq + 1} is missing, or another stands in its place")
        prev = prev or said_prev
        seq, head = said_seq, digest
    if found is None or not found.closed or _is_torn(segment):
        raise BrokenChainError("it does not end in a checkpoint")
    said = (found.segment, found.first_seq, found.last_seq, found.prev, found.head)
    if said != (segment.name, first_seq, seq, prev or found.prev, head or found.head):
        raise BrokenChainError("its checkpoint is about other records than it holds")
    _check_following(found, following)
    return found


async def verify_apart(segment: Path, following: Path, key: Ed25519PublicKey) -> None:
    """Find a file whole, in a process of its own: hashing every record in a thread would take turns with the calls.

    :raises BrokenChainError: as `verified_checkpoint`.
    :raises OSError: a file cannot be read, or the process cannot be started.
    """
    arguments = (str(segment), str(following), key.public_bytes_raw().hex())
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __spec__.name, *arguments, stdin=null, stdout=pipe, stderr=null
    )
    try:
        said, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode == _BROKEN:
        raise BrokenChainError(said.decode().strip())
    if program.returncode:
        raise OSError(errno.EIO, f"{segment.name} cannot be verified")


def closing_checkpoint(segment: Path, key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint in which a file ends, without a look at its records.

    :raises BrokenChainError: it does not end in one that is signed with that key.
    :raises OSError: the file cannot be read.
    """
    return checkpoint_of(next(lines_backwards(segment), b""), key)


def _check_following(checkpoint: Checkpoint, following: Path) -> None:
    line = next(_lines(following), b"")
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


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their ends; of what stands behind the last end, nothing."""
    with path.open("rb") as file:
        descriptor = file.fileno()
        for _, block in blocks_forwards(descriptor, 0, whole_lines_end(descriptor)):
            yield from block[:-1].split(b"\n")


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        return whole_lines_end(file.fileno()) != os.fstat(file.fileno()).st_size


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
