"""After this update, might a document no longer fit its schema hint? What is not known to fit, might not."""

from collections.abc import Iterator
from typing import NamedTuple

from aol_broker.shapes import REQUIRED, Shape
from aol_wire.errors import Violation
from aol_wire.filters import And, Compare, Filter, Operator, Path
from aol_wire.paths import format_path, shown
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation

_LOWER = frozenset({Operator.EQ, Operator.GT, Operator.GTE})
_UPPER = frozenset({Operator.EQ, Operator.LT, Operator.LTE})


class _Bounds(NamedTuple):
    """Between what a number is known to be, before an update; and whether it is known to be there."""

    low: int | float | None
    high: int | float | None
    there: bool


def misfits_of_update(
    operations: tuple[UpdateOperation, ...], root: Shape, guard: Filter | None
) -> Iterator[Violation]:
    """Yield what is wrong with the steps of an update, by paths of the document.

    :param guard: the filter of the documents that it changes; what it says of numbers is known of them.
    """
    put = [step.path for step in operations if not isinstance(step, Unset)]
    for step in operations:
        place: Shape | None = root
        there = True
        for size, segment in enumerate(step.path[:-1], 1):
            place = place.children.get(segment) if place is not None else None
            if place is None:
                break
            there = there and place.rules.required
            yield from _misfits_of_way(step, step.path[:size], place, there, put)
        target = place.children.get(step.path[-1]) if place is not None else None
        if target is not None:
            yield from _misfits_of_step(step, target, there and target.rules.required, guard)


def _misfits_of_way(
    step: UpdateOperation, above: Path, place: Shape, there: bool, put: list[Path]
) -> Iterator[Violation]:
    """Yield what is wrong with going through a place; where nothing is, a step makes an object, though empty."""
    if isinstance(step, Unset):
        if place.items is not None:
            yield Violation(format_path(above), "its elements have rules: set the whole array")
        return
    if place.kind not in ("", "object"):
        what = "nothing can be put below it" if place.kind != "array" else "set the whole array"
        yield Violation(format_path(above), f"the schema hint says {place.kind}: {what}")
    elif not there:
        for name in place.required_children:
            path = (*above, name)
            if not any(other[: len(path)] == path for other in put):
                what = f"{REQUIRED}, and this may make a new '{shown(above)}' without it. Set it, too"
                yield Violation(format_path(path), what)


def _misfits_of_step(step: UpdateOperation, target: Shape, there: bool, guard: Filter | None) -> Iterator[Violation]:
    path = format_path(step.path)
    match step:
        case Unset():
            if target.rules.required:
                yield Violation(path, REQUIRED)
        case Set(_, value):
            yield from target.misfit_or_missing(value, path)
        case Inc(_, amount) if target.kind in ("", "number"):
            yield from _misfits_under_scalar(target, path)
            yield from _misfits_of_sum(amount, target, _known(step.path, target, there, guard), path)
        case Inc():
            yield Violation(path, f"the schema hint says {target.kind}, and $inc makes a number")
        case Push(_, value) if target.kind in ("", "array"):
            yield from _misfits_under_scalar(target, path)
            if target.items is not None:
                yield from target.items.misfit_or_missing(value, path)
        case Push():
            yield Violation(path, f"the schema hint says {target.kind}, and $push makes an array")


def _misfits_under_scalar(target: Shape, path: str) -> Iterator[Violation]:
    for name in target.required_children:
        yield Violation(f"{path}.{name}", REQUIRED)


def _misfits_of_sum(amount: int | float, target: Shape, known: _Bounds, path: str) -> Iterator[Violation]:
    rules = target.rules
    if rules.enum:
        yield Violation(path, "it has an enum, and what $inc makes cannot be known: $set it")
        return
    lowest = [] if known.there else [amount]  # what is not there counts as 0
    highest = list(lowest)
    if known.low is not None:
        # As the database may add them: exactly, or as doubles.
        lowest += [known.low + amount, float(known.low) + float(amount)]
    if known.high is not None:
        highest += [known.high + amount, float(known.high) + float(amount)]
    if rules.min is not None and min(lowest) < rules.min:
        yield Violation(path, _unknown_sum("min", rules.min, "$gte"))
    if rules.max is not None and max(highest) > rules.max:
        yield Violation(path, _unknown_sum("max", rules.max, "$lte"))


def _unknown_sum(rule: str, bound: int | float, operator: str) -> str:
    # The amount is not told: it may be a value that is sensitive.
    return (
        f"its {rule} is {bound}, which this $inc might pass. Let the filter choose only documents that stay within it, "
        f"by {operator} on this path with what is {bound} after the $inc"
    )


def _known(path: Path, target: Shape, there: bool, guard: Filter | None) -> _Bounds:
    low, high = target.rules.min, target.rules.max
    for part in guard.filters if isinstance(guard, And) else (guard,):
        if not isinstance(part, Compare) or part.path != path:
            continue
        operand = part.operand
        if isinstance(operand, bool) or not isinstance(operand, int | float):
            continue
        # Each of these matches numbers only, so that one is there.
        if part.operator in _LOWER:
            low, there = operand if low is None else max(low, operand), True
        if part.operator in _UPPER:
            high, there = operand if high is None else min(high, operand), True
    return _Bounds(low, high, there)
