"""What is configured of an adapter, where does it stand, and how long does its host wait for what?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class AdapterConfig(Protocol):
    """How one adapter is reached: exactly one of `command` (it is started) and `address` (it is there) is given."""

    @property
    def command(self) -> Sequence[str] | None:
        """The program and its arguments."""

    @property
    def address(self) -> str | None:
        """A gRPC address, `unix:/PATH` or `HOST:PORT`."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for the program, beside those that it inherits."""


class Phase(StrEnum):
    """Where an adapter stands."""

    STARTING = "starting"
    READY = "ready"
    DOWN = "down"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class HostState:
    """Where an adapter stands, and why.

    `reason` is fit for callers' eyes. `output` is what the program last wrote on standard error, or the command that
    could not be started: for operators only.
    """

    phase: Phase
    reason: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the host waits for what, in seconds."""

    handshake_s: float = 10.0
    check_every_s: float = 1.0
    # A program whose health service is silent for so long hangs, and is replaced.
    unresponsive_s: float = 10.0
    # More than the kit's `DRAIN_S`, and with the killing after it less than the 5 s that a broker takes to stop.
    stop_s: float = 3.0
    first_delay_s: float = 0.1
    last_delay_s: float = 10.0
    # A program that was ready for so long is restarted as after its first failure.
    settled_s: float = 10.0
    # What a start takes, for callers that are told when to come back.
    start_estimate_s: float = 0.5

    def delay_s(self, failures: int) -> float:
        """How long to wait before the next start, after so many failures in a row."""
        # Beyond 2**32 the exponent adds nothing; without a bound it would overflow after a day of failures.
        return min(self.first_delay_s * 2.0 ** min(failures - 1, 32), self.last_delay_s)
