"""What does an adapter program write to its standard error? One JSON object a line, without exception texts."""

import logging
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict

from aol_wire.library_logs import LibraryRecords


def configure_logs(name: str, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records to `stream` (standard error when not given).

    Standard output is the handshake's. Called once, by the program.
    """
    out = sys.stderr if stream is None else stream

    def add_adapter(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"adapter": name, **event}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_adapter,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_names: _Lines(out),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryRecords(_log_library_record)], force=True)


class _Lines:
    """Writes lines for as long as somebody reads them: a broker that died must not fail the adapter's orderly end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError:
            return

    debug = info = warning = error = critical = log = msg


def _log_library_record(level: int, fields: Mapping[str, str]) -> None:
    structlog.get_logger("library").log(level, "library.record", **fields)
