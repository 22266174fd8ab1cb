"""What is a sink's destination, and in which ways can it fail to take records?"""

from collections.abc import Sequence
from typing import Protocol


class Destination(Protocol):
    """A place that takes audit records. Used by one task at a time, apart from `put`."""

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Take records, in order: all of them, or none as far as it can tell.

        Each is a line of an audit file without its end. A record that was taken before, which happens after a crash or
        a broken connection, is no fault; a destination that can tell keeps it once. Whoever cancels it delivers the
        same records again.

        :raises UnavailableError: it takes nothing now.
        :raises RefusedError: it took none, because of what is in them.
        :raises PartlyRefusedError: it took the others.
        """

    async def put(self, line: bytes) -> None:
        """Take a checkpoint, a line that vouches for the records so far, and keep it apart from records.

        :raises UnavailableError: it was not taken.
        """

    async def close(self) -> None:
        """Let go of connections; delivering opens them again."""


class DeliveryError(Exception):
    """Records were not taken. `kind` is a name such as TIMEOUT or 57P03: never text of the destination, which may quote
    what it was sent."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class UnavailableError(DeliveryError):
    """The destination takes nothing now; the records are to be delivered again, not before `retry_after_s`."""

    def __init__(self, kind: str, retry_after_s: float = 0.0) -> None:
        super().__init__(kind)
        self.retry_after_s = retry_after_s


class RefusedError(DeliveryError):
    """The destination refuses something in these records; which one, delivering them in smaller groups shows."""


class PartlyRefusedError(DeliveryError):
    """The destination took the records but for `count` of them, and says that none is to be sent again."""

    def __init__(self, kind: str, count: int) -> None:
        super().__init__(kind)
        self.count = count
