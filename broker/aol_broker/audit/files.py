"""Where do the audit files lie, and how is one read from its end?"""

import re
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"audit-(\d{16})\.jsonl")
_BLOCK_BYTES = 1 << 20


def file_name(first_seq: int) -> str:
    """Return the name of the file whose first record has this number; names sort by it."""
    return f"audit-{first_seq:016d}.jsonl"


def first_seq_of(path: Path) -> int:
    """Return the number that a file's name gives to its first record."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError("not the name of an audit file")
    return int(match[1])


def files_of(directory: Path) -> list[Path]:
    """Return the audit files of a folder, oldest first.

    :raises OSError: the folder is not there, or cannot be read.
    """
    # A glob would pass over a folder that cannot be read, and the sequence would begin anew.
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that hold anything, last one first, without their ends.

    :raises OSError: the file cannot be read, or is gone.
    """
    with path.open("rb") as file:
        end = file.seek(0, 2)
        rest = b""
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            lines = (file.read(end - start) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
            end = start
        if rest:
            yield rest
