"""Do documents and updates fit their collection's schema hint? Where they do not, `validation` says what happens.

A hint speaks of the values at its paths: null and nothing fit every type, and only what is required must be there. An
update fits when every document that fits before it fits after it, whatever that document is.
"""

from collections.abc import Iterable

import structlog

from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_broker.update_hints import misfits_of_update
from aol_broker.violations import first_of
from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Filter, Json
from aol_wire.indexes import IndexType
from aol_wire.updates import UpdateOperation

_log = structlog.get_logger("aol.admission")


def check_document_fits(document: dict[str, Json], record: CollectionRecord) -> None:
    """Refuse, or log, a document that does not fit its collection's hint.

    :raises DataError: VALIDATION_FAILED.
    """
    if record.shape is not None:
        _judge(record.shape.misfits_under(document, ""), record, "document")


def check_update_fits(
    operations: tuple[UpdateOperation, ...], record: CollectionRecord, guard: Filter | None = None
) -> None:
    """Refuse, or log, an update after which a document might not fit its collection's hint.

    :param guard: the filter of the documents that it changes.
    :raises DataError: VALIDATION_FAILED.
    """
    if record.shape is not None:
        _judge(dict.fromkeys(misfits_of_update(operations, record.shape, guard)), record, "update")


def _judge(violations: Iterable[Violation], record: CollectionRecord, what: str) -> None:
    told = first_of(violations)
    if not told.number:
        return
    if record.validation is Validation.WARN:
        _log.warning(
            "does not fit the schema hint",
            what=what,
            collection=record.collection_id,
            misfits=told.number,
            paths=told.paths,
        )
        return
    raise DataError(
        Reason.VALIDATION_FAILED,
        f"The {what} does not fit the schema hint of '{record.collection_id}' (validation: strict): {told.text}",
        violations=told.violations,
    )


EXPIRING_NEEDS_HINT = "a ttl index needs a field that schemaHint names datetime; by others, documents would not expire"


def check_expiring(record: CollectionRecord) -> None:
    """Return if every ttl index is over a field whose values are stored as date-times.

    :raises DataError: BAD_REQUEST.
    """
    for number, index in enumerate(record.indexes):
        if index.type is IndexType.TTL and not {field.path for field in index.fields} <= record.datetime_paths:
            raise DataError.invalid(Reason.BAD_REQUEST, f"indexes.{number}", EXPIRING_NEEDS_HINT)
