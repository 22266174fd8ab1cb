"""How do log lines reach a stream whose reader may be gone, or whose disk may be full?"""

from typing import TextIO


class LogLines:
    """A structlog logger that writes lines for as long as that works: what cannot be logged must not fail a call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write a line, or leave it."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError:
            return

    debug = info = warning = error = critical = log = msg
