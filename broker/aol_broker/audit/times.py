"""From when to when are the records of an audit file? By its first and its last record."""

from pathlib import Path

from aol_broker.audit.files import lines_backwards
from aol_broker.audit.lines import blocks_forwards, whole_lines_end
from aol_broker.audit.stored import record_time_us, stored_record


def first_time_us(path: Path) -> int | None:
    """Return when the call of the first record began, microseconds since 1970; None when there is no record.

    :raises OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        descriptor = file.fileno()
        for _, block in blocks_forwards(descriptor, 0, whole_lines_end(descriptor)):
            for line in block.splitlines():
                record = stored_record(line)
                if record is not None:
                    return record_time_us(record)
    return None


def last_time_us(path: Path) -> int | None:
    """Return when the call of the last record began; None when there is no record.

    :raises OSError: the file cannot be read.
    """
    for line in lines_backwards(path):
        record = stored_record(line)
        if record is not None:
            return record_time_us(record)
    return None
