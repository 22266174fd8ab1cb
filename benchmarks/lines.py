"""What does a line say? One figure from several rounds, with its spread, its target, and whether that holds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load import Sample
from benchmarks.targets import Target, target_of

RATIO = "ratio"
MILLISECONDS = "ms"
MEBIBYTES = "MiB"
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A figure. `values` has one of each round; `direct` and `broker` are the medians that it comes from, if any."""

    name: str
    database: str
    unit: str
    values: tuple[float, ...]
    direct: float | None = None
    broker: float | None = None

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def target(self) -> Target | None:
        """What the line must reach; None where it just says how it is."""
        return target_of(self.name, self.database)

    @property
    def holds(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        return None if self.target is None else self.target.is_reached_by(self.value)

    def as_json(self) -> dict[str, Any]:
        """Return it as `--json` shows it."""
        return {
            "name": self.name,
            "database": self.database,
            "value": rounded(self.value),
            "min": rounded(min(self.values)),
            "max": rounded(max(self.values)),
            "target": None if self.target is None else self.target.value,
            "target_is": None if self.target is None else self.target.bound,
            "holds": self.holds,
            "unit": self.unit,
            "direct": None if self.direct is None else rounded(self.direct),
            "broker": None if self.broker is None else rounded(self.broker),
        }


def throughput_line(name: str, database: str, direct: Sequence[Sample], broker: Sequence[Sample]) -> Line:
    """Return broker ÷ direct throughput, round by round."""
    rounds = zip(direct, broker, strict=True)
    ratios = tuple(ours.per_s / theirs.per_s for theirs, ours in rounds)
    return Line(name, database, RATIO, ratios, _median_per_s(direct), _median_per_s(broker))


def added_line(name: str, database: str, direct: Sequence[Sample], broker: Sequence[Sample]) -> Line:
    """Return how much the p50 through the broker is above the direct one, in milliseconds, round by round."""
    rounds = zip(direct, broker, strict=True)
    added = tuple(ours.p50_ms - theirs.p50_ms for theirs, ours in rounds)
    return Line(name, database, MILLISECONDS, added, _median_p50(direct), _median_p50(broker))


def growth_line(
    name: str, database: str, few: Sequence[Sample], many: Sequence[Sample], direct: Sequence[Sample] = ()
) -> Line:
    """Return p50 with many ÷ p50 with few, both through the broker, round by round.

    :param direct: the driver alone, with many. In the line, both sides' p50 are those with many.
    """
    rounds = zip(few, many, strict=True)
    ratios = tuple(more.p50_ms / less.p50_ms for less, more in rounds)
    return Line(name, database, RATIO, ratios, _median_p50(direct) if direct else None, _median_p50(many))


def rounded(value: float) -> float:
    """Return a figure without the digits that mean nothing."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value))))


def _median_per_s(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.per_s for sample in samples)


def _median_p50(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.p50_ms for sample in samples)
