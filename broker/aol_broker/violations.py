"""What is told of the many things that are wrong with one document? The first of them, and how many there are."""

from collections.abc import Iterable
from typing import NamedTuple

from aol_wire.errors import Violation
from aol_wire.paths import shown

VIOLATIONS_SHOWN = 20


class Told(NamedTuple):
    """The violations that are told, their paths fit to be shown, of the `number` that there are."""

    violations: tuple[Violation, ...]
    number: int

    @property
    def paths(self) -> list[str]:
        """Where they are."""
        return [violation.path for violation in self.violations]

    @property
    def text(self) -> str:
        """All that are told, and how many are not, on one line."""
        lines = "; ".join(f"{violation.path}: {violation.description}" for violation in self.violations)
        left = self.number - len(self.violations)
        return f"{lines}; and {left} more" if left else lines


def first_of(violations: Iterable[Violation]) -> Told:
    """Return the first VIOLATIONS_SHOWN, and count them all."""
    told: list[Violation] = []
    count = 0
    for violation in violations:
        count += 1
        if count <= VIOLATIONS_SHOWN:
            told.append(Violation(shown([violation.path]), violation.description))
    return Told(tuple(told), count)
