"""Is this document fit to be stored, and as what? Checks it, applies the collection's policies, and normalises it."""

from typing import NamedTuple

import orjson

from aol_broker.hints import check_document_fits, check_update_fits
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_broker.scope import WHOLE, Scope
from aol_wire.datetimes import normalise_within
from aol_wire.documents import read_document
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.ids import uuid7
from aol_wire.limits import DOCUMENT_MAX_BYTES
from aol_wire.metadata import ID, IGNORED_ON_INSERT
from aol_wire.names import check_document_id
from aol_wire.updates import UpdateOperation

_RESERVED = IGNORED_ON_INSERT | {ID}


class Admitted(NamedTuple):
    """A document that may be stored: its id, its JSON text without metadata, and whose it is."""

    id: str
    json: str
    owner: str = ""
    acl: str = ""


def admit_document(text: str, document_id: str, record: CollectionRecord, scope: Scope = WHOLE) -> Admitted:
    """Return what is to be stored of a document.

    The id is `document_id`, else the document's `_id`, else a new UUIDv7.

    :raises DataError: BAD_DOCUMENT, TOO_LARGE, VALIDATION_FAILED; FIELD_DENIED, it is beyond the scope.
    """
    document, as_written = read_document(text, reserved=_RESERVED)
    if scope.fields is not None:
        # Before anything else is said of them: a rule about a field would tell that there is such a field.
        scope.fields.check_document(document, record.indexes)
    own_id = document.get(ID)
    if not _RESERVED.isdisjoint(document):
        as_written = False
        for key in _RESERVED:
            document.pop(key, None)
    identifier = _decide_id(document_id, own_id)
    if record.datetime_paths:
        as_written = False
        normalise_within(document, (), record.datetime_paths)
    if record.validation is not Validation.OFF:
        check_document_fits(document, record)
    if scope.conditions:
        scope.check_inserted({**document, ID: identifier})
    if as_written:
        return Admitted(identifier, text, scope.owner, scope.acl)
    data = orjson.dumps(document)
    # Numbers and date-times may be longer as they are stored: `1e15` becomes 1000000000000000.0.
    if len(data) > DOCUMENT_MAX_BYTES:
        description = f"at most {DOCUMENT_MAX_BYTES} bytes in the form that is stored, not {len(data)}"
        raise DataError.invalid(Reason.TOO_LARGE, "document", description)
    return Admitted(identifier, data.decode(), scope.owner, scope.acl)


def admit_update(operations: tuple[UpdateOperation, ...], record: CollectionRecord) -> tuple[UpdateOperation, ...]:
    """Return the steps of an update, when documents that fit the schema hint still do after them.

    :raises DataError: VALIDATION_FAILED.
    """
    if record.validation is not Validation.OFF:
        check_update_fits(operations, record)
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
