"""What came out of a run? Counts by topic, a closing sentence, and the same as JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aol_adapters.conformance.rule import Topic
from aol_adapters.conformance.runner import Result, Verdict
from aol_wire.adapter import Description
from aol_wire.filters import Json

_WORDS: Mapping[Verdict, str] = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.NOT_DECLARED: "not declared",
    Verdict.DOES_NOT_APPLY: "not applicable",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run; `description` is None for an adapter that did not say what it is."""

    description: Description | None
    results: tuple[Result, ...]

    @property
    def kept(self) -> bool:
        """Whether no rule failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results of the rules that failed."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAIL)

    def topics(self) -> list[tuple[Topic, Counter[Verdict]]]:
        """Return how many rules of each topic came out how, in the order of the topics."""
        return [
            (topic, counts(result for result in self.results if result.rule.topic is topic))
            for topic in Topic
            if any(result.rule.topic is topic for result in self.results)
        ]

    def summary(self) -> str:
        """Return the closing sentence, for example `sqlite 0.1.0: 171 passed, 2 failed (12.3 s)`."""
        name = "the adapter" if self.description is None else f"{self.description.name} {self.description.version}"
        numbers = counts(self.results)
        said = [
            f"{numbers[verdict]} {word}" for verdict, word in _WORDS.items() if numbers[verdict] or _always(verdict)
        ]
        seconds = sum(result.seconds for result in self.results)
        return f"{name}: {', '.join(said)} ({seconds:.1f} s)"

    def to_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        described = self.description
        numbers = counts(self.results)
        return {
            "ok": self.kept,
            "adapter": "" if described is None else described.name,
            "version": "" if described is None else described.version,
            "capabilities": [] if described is None else [it.value for it in sorted(described.capabilities)],
            **{word.replace(" ", "_"): numbers[verdict] for verdict, word in _WORDS.items()},
            "rules": [_rule_to_json(result) for result in self.results],
        }


def counts(results: Iterable[Result]) -> Counter[Verdict]:
    """Return how many rules came out how."""
    return Counter(result.verdict for result in results)


def failure_lines(result: Result) -> Sequence[str]:
    """Return what is to be said of a rule that failed: its name, what it says, what came instead."""
    return (
        f"FAIL {result.rule.name} ({result.rule.topic})",
        f"  rule: {result.rule.sentence}",
        f"  seen: {result.detail}",
    )


def _always(verdict: Verdict) -> bool:
    return verdict in (Verdict.PASS, Verdict.FAIL)


def _rule_to_json(result: Result) -> Json:
    return {
        "name": result.rule.name,
        "topic": result.rule.topic.value,
        "sentence": result.rule.sentence,
        "verdict": result.verdict.value,
        "detail": result.detail,
        "seconds": round(result.seconds, 4),
    }
