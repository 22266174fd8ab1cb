"""What is a change? Where it is, what becomes of it, how much it wants to be thought about, and whom it breaks."""

import hashlib
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import total_ordering


@total_ordering
class Grade(Enum):
    """How much a change wants to be thought about, from the least to the most."""

    SAFE = 1
    """Nothing that works stops working."""
    NEEDS_REVIEW = 2
    """Nobody is known to be harmed, and somebody should look at it."""
    BREAKING = 3
    """It breaks a consumer that is known."""
    DESTRUCTIVE = 4
    """Documents are deleted by it."""

    def __lt__(self, other: "Grade") -> bool:
        """Whether the other one is worse."""
        return self.value < other.value

    @property
    def words(self) -> str:
        """The grade as people read it."""
        return self.name.lower().replace("_", " ")


class Action(Enum):
    """What becomes of a thing that a manifest declares."""

    ADDED = 1
    CHANGED = 2
    REMOVED = 3


class Known(StrEnum):
    """How it is known that a service uses something."""

    DECLARED = "declared"
    """A version of its manifest that is still deployed asks for it."""
    GRANTED = "granted"
    """It was granted by a call."""
    OBSERVED = "observed"
    """Its calls were seen."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service that uses what is changed. `last_us` is when that was last seen, microseconds since 1970, or 0."""

    service: str
    known: Known
    detail: str
    last_us: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `before` and `after` are what was and what is declared, for people; empty for nothing.

    `path` begins with the service's name. `consumers` are those that it breaks; of a change that breaks nobody, those
    who use the thing.
    """

    service: str
    path: str
    action: Action
    grade: Grade
    reason: str
    before: str = ""
    after: str = ""
    consumers: tuple[Consumer, ...] = ()


def plan_id(seal: bytes) -> str:
    """Return the id of a plan by its seal, hexadecimal. Two plans are never the same one."""
    return hashlib.sha256(seal).hexdigest()
