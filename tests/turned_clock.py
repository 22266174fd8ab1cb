"""A clock that tests turn by hand."""

from aol_wire.datetimes import from_us


class TurnedClock:
    """Stands still until it is turned. It begins at noon of the 22nd of November 2025, in microseconds since 1970."""

    def __init__(self) -> None:
        self.now_us = 1_763_812_800_000_000

    def __call__(self) -> int:
        return self.now_us

    def monotonic_s(self) -> float:
        """Return its time as a clock that counts seconds does."""
        return self.now_us / 1_000_000

    def turn(self, seconds: float) -> None:
        """Let time go by."""
        self.now_us += round(seconds * 1_000_000)

    def in_seconds(self, seconds: float) -> str:
        """Return the moment in so many seconds, as documents hold it."""
        return from_us(self.now_us + round(seconds * 1_000_000))
