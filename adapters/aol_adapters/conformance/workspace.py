"""What do the trials of one rule share? A clock, names that nobody else uses, and what is to be dropped at the end."""

from itertools import count

from aol_wire.adapter import Target


class Workspace:
    """The clock is a counter: each mutation happens one microsecond after the last."""

    def __init__(self, prefix: str = "items") -> None:
        self.used: dict[tuple[str, str], Target] = {}
        self._prefix = prefix
        self._clock = count(1_700_000_000_000_000)
        self._numbers = count(1)

    def now_us(self) -> int:
        """Return the next moment, microseconds since 1970."""
        return next(self._clock)

    def fresh_name(self) -> str:
        """Return the name of a collection that was not used yet."""
        return f"{self._prefix}-{next(self._numbers)}"

    def note(self, target: Target) -> Target:
        """Note a target as used, and return it."""
        self.used.setdefault((target.service, target.collection), target)
        return target
