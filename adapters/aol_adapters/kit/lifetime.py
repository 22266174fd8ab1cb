"""When should an adapter program end? At SIGTERM or SIGINT, and when the broker that started it is gone."""

import asyncio
import os
import signal
import stat
import sys

import structlog

_log = structlog.get_logger("aol.adapter")


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def stop_with_broker(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends: the broker holds its other end for as long as it lives.

    Anything else than a pipe or socket cannot tell of a broker's end and is not watched.
    """
    descriptor = sys.stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        _log.warning("adapter.stdin_not_watched")
        return
    loop = asyncio.get_running_loop()

    def readable() -> None:
        try:
            data = os.read(descriptor, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(descriptor)
            stop.set()
            _log.info("adapter.broker_gone")

    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, readable)
