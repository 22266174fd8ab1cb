"""What does an adapter program write to its standard error? One JSON object a line, without exception texts."""

import logging
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict

from aol_wire.library_logs import LibraryRecords
from aol_wire.log_lines import LogLines


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
        logger_factory=lambda *_names: LogLines(out),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryRecords(_log_library_record)], force=True)


def _log_library_record(level: int, fields: Mapping[str, str]) -> None:
    structlog.get_logger("library").log(level, "library.record", **fields)
