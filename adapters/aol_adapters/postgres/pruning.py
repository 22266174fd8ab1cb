"""Which partitions can a query leave out? Conditions on the partition that follow from those on times."""

from collections.abc import Iterator

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.partitions import CLOCKS_DIFFER_US, Partitioning, uuid7_us
from aol_wire import metadata
from aol_wire.datetimes import normalise, to_us
from aol_wire.filters import And, Compare, Filter, Json, Member, Operator, Path

_FROM = frozenset({Operator.EQ, Operator.GT, Operator.GTE})
_TO = frozenset({Operator.EQ, Operator.LT, Operator.LTE})
# What a PostgreSQL date and a Python one can be; times outside bound nothing.
_EARLIEST_US, _LATEST_US = -62_000_000_000_000_000, 253_000_000_000_000_000


def pruned(by: Partitioning, filter: Filter | None, bindings: Bindings) -> Iterator[str]:
    """Return conditions that hold for the partitions of all matching documents."""
    match filter:
        case And(filters):
            for part in filters:
                yield from pruned(by, part, bindings)
        case Compare((metadata.ID,), Operator.EQ, str(id_)) if by.path is None:
            yield from _of_ids(by, [id_], bindings)
        case Member((metadata.ID,), values, negated=False) if by.path is None:
            yield from _of_ids(by, [str(value) for value in values if isinstance(value, str)], bindings)
        case Compare((metadata.CREATED_AT,), operator, int(us)) if by.path is None and not isinstance(us, bool):
            yield from _between(by, operator, us, CLOCKS_DIFFER_US, bindings)
        case Compare(path, operator, operand) if path == by.path:
            yield from _of_field(by, operator, operand, path, bindings)


def _of_ids(by: Partitioning, ids: list[str], bindings: Bindings) -> Iterator[str]:
    # What is no UUIDv7 is the id of no document.
    times = [us for us in map(uuid7_us, ids) if us is not None and us < _LATEST_US]
    starts = sorted({by.start(us).isoformat() for us in times})
    yield (
        f"part = ANY ({bindings.texts(starts)}::date[])" if len(starts) != 1 else f"part = {_date(starts[0], bindings)}"
    )


def _of_field(by: Partitioning, operator: Operator, operand: Json, _: Path, bindings: Bindings) -> Iterator[str]:
    if isinstance(operand, str) and normalise(operand) == operand:
        yield from _between(by, operator, to_us(operand) or 0, 0, bindings)


def _between(by: Partitioning, operator: Operator, us: int, slack_us: int, bindings: Bindings) -> Iterator[str]:
    if not _EARLIEST_US < us < _LATEST_US:
        return
    if operator in _FROM:
        yield f"part >= {_date(by.start(us - slack_us).isoformat(), bindings)}"
    if operator in _TO:
        yield f"part <= {_date(by.start(us + slack_us).isoformat(), bindings)}"


def _date(start: str, bindings: Bindings) -> str:
    return f"{bindings.text(start)}::date"
