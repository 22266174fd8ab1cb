"""What may be said of a library's log record? Its template and where it came from, not the values in it."""

import logging
from collections.abc import Callable, Mapping

from aol_wire.faults import describe_fault


class LibraryRecords(logging.Handler):
    """Hands on the first line of a record's template, and where its exception came from.

    Arguments, exception texts and further lines (asyncio shows a failed task's exception there) may hold stored values.
    """

    def __init__(self, write: Callable[[int, Mapping[str, str]], None]) -> None:
        """`write` takes a level of the standard library, WARNING or ERROR, and the fields to show."""
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one record."""
        fields = {"logger": record.name, "template": str(record.msg).partition("\n")[0]}
        if record.exc_info and record.exc_info[1] is not None:
            fields["fault"] = describe_fault(record.exc_info[1])
        self._write(logging.WARNING if record.levelno < logging.ERROR else logging.ERROR, fields)
