"""How far does a grant reach? Some fields only, the documents that meet a condition only, until a time only."""

from dataclasses import dataclass

from aol_wire.filters import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """What a grant leaves out; without any, it is for all documents, whole, for as long as it is not taken back.

    `fields` are the paths that it shows, each with all below it, in order; () is every field. `where` is a filter that
    every document meets, as JSON text in one form; "" is every document. From `expires_us` on, microseconds since 1970,
    it gives nothing; 0 is never.
    """

    fields: tuple[Path, ...] = ()
    where: str = ""
    expires_us: int = 0

    @property
    def narrow(self) -> bool:
        """Whether it is for less than whole documents, or for less than all of them."""
        return bool(self.fields or self.where)

    def over(self, now_us: int) -> bool:
        """Whether its time has come."""
        return 0 < self.expires_us <= now_us


UNLIMITED = Limits()
"""All documents, whole, for as long as it is not taken back."""
