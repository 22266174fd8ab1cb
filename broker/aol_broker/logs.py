"""How does the broker log? Structured lines on stderr: keys and sizes, never values that a user stored."""

import logging
import sys
from collections.abc import Mapping
from typing import Literal

import structlog

from aol_wire.library_logs import LibraryRecords
from aol_wire.log_lines import LogLines


def configure(level: str, form: Literal["json", "text"]) -> None:
    """Set up logging for this process; `form` is `text` for people and `json` for programs."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_names: LogLines(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryRecords(_log_library_record)], force=True)


def _log_library_record(level: int, fields: Mapping[str, str]) -> None:
    structlog.get_logger("library").log(level, "library.record", **fields)
