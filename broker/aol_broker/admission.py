"""Is this document fit to be stored, and as what? Checks it, applies the collection's policies, and normalises it."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_wire.datetimes import normalise
from aol_wire.documents import encode, parse_document
from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Json, Path
from aol_wire.ids import uuid7
from aol_wire.metadata import ID, IGNORED_ON_INSERT
from aol_wire.names import check_document_id
from aol_wire.updates import Set, UpdateOperation
from aol_wire.values import MISSING, get

_RESERVED = IGNORED_ON_INSERT | {ID}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "datetime": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}

_log = structlog.get_logger("aol.admission")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A document that may be stored: its id, and its JSON text without metadata."""

    id: str
    json: str


def admit_document(text: str, document_id: str, record: CollectionRecord) -> Admitted:
    """Return what is to be stored of a document.

    The id is `document_id`, else the document's `_id`, else a new UUIDv7.

    :raises DataError: BAD_DOCUMENT, TOO_LARGE, VALIDATION_FAILED.
    """
    document = parse_document(text, reserved=_RESERVED)
    own_id = document.pop(ID, None)
    for key in IGNORED_ON_INSERT:
        document.pop(key, None)
    identifier = _decide_id(document_id, own_id)
    for path in record.datetime_paths:
        _normalise_at(document, path)
    if record.validation is not Validation.OFF:
        hinted = ((path, get(document, tuple(path.split(".")))) for path in record.schema_hint)
        _validate({path: value for path, value in hinted if value is not MISSING}, record)
    return Admitted(identifier, encode(document))


def admit_update(operations: tuple[UpdateOperation, ...], record: CollectionRecord) -> tuple[UpdateOperation, ...]:
    """Return the steps of an update, when the values that they set fit the schema hint.

    :raises DataError: VALIDATION_FAILED.
    """
    if record.validation is not Validation.OFF:
        values = {".".join(step.path): step.value for step in operations if isinstance(step, Set)}
        _validate({path: value for path, value in values.items() if path in record.schema_hint}, record)
    return operations


def _decide_id(document_id: str, own_id: Json) -> str:
    if own_id is not None:
        if not isinstance(own_id, str):
            raise DataError.invalid(Reason.BAD_DOCUMENT, ID, "an id is a string")
        if document_id and document_id != own_id:
            raise DataError.invalid(Reason.BAD_DOCUMENT, ID, "it differs from the request's document_id")
    if document_id or own_id is not None:
        return check_document_id(document_id or str(own_id))
    return uuid7()


def _normalise_at(document: dict[str, Json], path: Path) -> None:
    parent: Json = document
    for segment in path[:-1]:
        if not isinstance(parent, dict):
            return
        parent = parent.get(segment)
    if isinstance(parent, dict) and isinstance(value := parent.get(path[-1]), str):
        normalised = normalise(value)
        if normalised is not None:
            parent[path[-1]] = normalised


def _validate(values: Mapping[str, Json], record: CollectionRecord) -> None:
    violations = tuple(
        Violation(path, f"the schema hint says {record.schema_hint[path]}")
        for path, value in values.items()
        if value is not None and not _fits(value, record.schema_hint[path])
    )
    if not violations:
        return
    if record.validation is Validation.WARN:
        paths = [violation.path for violation in violations]
        _log.warning("document does not fit the schema hint", collection=record.collection_id, paths=paths)
        return
    lines = "; ".join(f"{violation.path}: {violation.description}" for violation in violations)
    raise DataError(
        Reason.VALIDATION_FAILED,
        f"The document does not fit the schema hint of '{record.collection_id}' (validation: strict): {lines}",
        violations=violations,
    )


def _fits(value: Json, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "datetime":
        return isinstance(value, str) and normalise(value) is not None
    return isinstance(value, _TYPES[kind])
