"""Do documents and updates fit their collection's schema hint? Where they do not, `validation` says what happens.

A hint speaks of the values at its paths: null and nothing fit every type. An update fits when every document that fits
before it fits after it, whatever that document is.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping

import structlog

from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_wire.datetimes import normalise
from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Json, Path
from aol_wire.indexes import IndexType
from aol_wire.paths import format_path, shown
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation
from aol_wire.values import MISSING, get

VIOLATIONS_SHOWN = 20

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "datetime": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}

_log = structlog.get_logger("aol.admission")


def check_document_fits(document: dict[str, Json], record: CollectionRecord) -> None:
    """Refuse, or log, a document whose values are not of the hinted types.

    :raises DataError: VALIDATION_FAILED.
    """
    violations = []
    for path, kind in record.schema_hint.items():
        value = get(document, tuple(path.split(".")))
        if value is not MISSING and not _fits(value, kind):
            violations.append(_misfit(path, kind))
    if violations:
        _judge(violations, record, "document")


def check_update_fits(operations: tuple[UpdateOperation, ...], record: CollectionRecord) -> None:
    """Refuse, or log, an update after which a document might hold values that are not of the hinted types.

    :raises DataError: VALIDATION_FAILED.
    """
    # In this order the paths below another one stand together, right behind it.
    ordered = sorted(tuple(path.split(".")) for path in record.schema_hint)
    violations = [item for step in operations for item in _misfits(step, record.schema_hint, ordered)]
    if violations:
        _judge(violations, record, "update")


def _misfits(step: UpdateOperation, hint: Mapping[str, str], ordered: list[Path]) -> Iterator[Violation]:
    if isinstance(step, Unset):
        return
    for size in range(1, len(step.path)):
        above = format_path(step.path[:size])
        # Where nothing is, a step below an array would make an object, though the hint says array.
        if hint.get(above, "object") != "object":
            what = "nothing can be put below it" if hint[above] != "array" else "set the whole array"
            yield Violation(above, f"the schema hint says {hint[above]}: {what}")
    path = format_path(step.path)
    kind = hint.get(path)
    match step:
        case Set(_, value):
            yield from _misfits_within(value, step.path, hint, ordered)
        case Inc() if kind not in (None, "number"):
            yield Violation(path, f"the schema hint says {kind}, and $inc makes a number")
        case Push() if kind not in (None, "array"):
            yield Violation(path, f"the schema hint says {kind}, and $push makes an array")


def _misfits_within(value: Json, place: Path, hint: Mapping[str, str], ordered: list[Path]) -> Iterator[Violation]:
    """Yield what is wrong with a value that is put at a place: with itself, and with what is in it."""
    for path in ordered[bisect_left(ordered, place) :]:
        if path[: len(place)] != place:
            return
        found = get(value, path[len(place) :])
        name = format_path(path)
        if found is not MISSING and not _fits(found, hint[name]):
            yield _misfit(name, hint[name])


def _misfit(path: str, kind: str) -> Violation:
    return Violation(path, f"the schema hint says {kind}")


def _fits(value: Json, kind: str) -> bool:
    if value is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "datetime":
        return isinstance(value, str) and normalise(value) is not None
    return isinstance(value, _TYPES[kind])


def _judge(violations: list[Violation], record: CollectionRecord, what: str) -> None:
    distinct = tuple(dict.fromkeys(violations))
    told = distinct[:VIOLATIONS_SHOWN]
    paths = [shown([violation.path]) for violation in told]
    if record.validation is Validation.WARN:
        _log.warning("does not fit the schema hint", what=what, collection=record.collection_id, paths=paths)
        return
    lines = "; ".join(f"{path}: {violation.description}" for path, violation in zip(paths, told, strict=True))
    more = f"; and {len(distinct) - len(told)} more" if len(distinct) > len(told) else ""
    raise DataError(
        Reason.VALIDATION_FAILED,
        f"The {what} does not fit the schema hint of '{record.collection_id}' (validation: strict): {lines}{more}",
        violations=told,
    )


EXPIRING_NEEDS_HINT = "a ttl index needs a field that schemaHint names datetime; by others, documents would not expire"


def check_expiring(record: CollectionRecord) -> None:
    """Return if every ttl index is over a field whose values are stored as date-times.

    :raises DataError: BAD_REQUEST.
    """
    for number, index in enumerate(record.indexes):
        if index.type is IndexType.TTL and not {field.path for field in index.fields} <= record.datetime_paths:
            raise DataError.invalid(Reason.BAD_REQUEST, f"indexes.{number}", EXPIRING_NEEDS_HINT)
