"""Is this document fit to be stored, and as what? Checks it, applies the collection's policies, and normalises it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple

import orjson

from aol_broker.documents_together import read_plain
from aol_broker.hints import check_document_fits, check_update_fits
from aol_broker.registry.snapshot import CollectionRecord, SecretsPolicy
from aol_broker.scope import WHOLE, Scope
from aol_broker.secret_lint import check_document_secrets, check_update_secrets
from aol_broker.security.access_list import read_access_list
from aol_wire.datetimes import normalise_within
from aol_wire.documents import read_document
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Filter, Json
from aol_wire.ids import uuid7
from aol_wire.limits import DOCUMENT_ID_MAX_BYTES, DOCUMENT_MAX_BYTES
from aol_wire.metadata import ACL, ID, IGNORED_ON_INSERT, OWNER, TENANT
from aol_wire.names import check_document_id
from aol_wire.updates import UpdateOperation

_RESERVED = IGNORED_ON_INSERT | {ID}
_OF_SECURITY = frozenset({OWNER, TENANT, ACL})


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
    document, as_written = read_document(text, _RESERVED | _OF_SECURITY if record.security else _RESERVED)
    if scope.fields is not None:
        # Before anything else is said of them: a rule about a field would tell that there is such a field.
        scope.fields.check_document(document, record.indexes)
    if record.secrets is not SecretsPolicy.OFF:
        check_document_secrets(text, document, record)
    return _admitted(text, document, document_id, record, scope, as_written=as_written)


def admit_documents(
    texts: Sequence[str], document_ids: Sequence[str], record: CollectionRecord, scope: Scope
) -> Iterator[Admitted | DataError]:
    """Yield for each document what `admit_document` returns or raises; much faster where all are plain.

    :param document_ids: one for each document.
    """
    reserved = _RESERVED | _OF_SECURITY if record.security else _RESERVED
    together = None
    if scope.fields is None:
        together = read_plain(texts, reserved, lint=record.secrets is not SecretsPolicy.OFF)
    if together is None:
        for text, document_id in zip(texts, document_ids, strict=True):
            yield _outcome(partial(admit_document, text, document_id, record, scope))
        return
    is_ruled = record.datetime_paths or record.shape is not None or scope.conditions
    if together.bare and not is_ruled and _are_ids(document_ids):
        # What `_admitted` makes of each of them, without a call for each.
        yield from map(Admitted._make, zip(document_ids, texts, repeat(scope.owner), repeat("")))
        return
    for text, document, document_id in zip(texts, together.documents, document_ids, strict=True):
        yield _outcome(partial(_admitted, text, document, document_id, record, scope, as_written=True))


def _outcome(admit: Callable[[], Admitted]) -> Admitted | DataError:
    try:
        return admit()
    except DataError as error:
        return error


def _are_ids(texts: Sequence[str]) -> bool:
    """Whether all of these are, without a closer look, what `check_document_id` returns."""
    together = "".join(texts)
    is_plain = together.isascii() and "\0" not in together
    return is_plain and all(texts) and max(map(len, texts), default=0) <= DOCUMENT_ID_MAX_BYTES


def _admitted(
    text: str, document: dict[str, Json], document_id: str, record: CollectionRecord, scope: Scope, *, as_written: bool
) -> Admitted:
    """Return what is to be stored of a document that was read.

    :param as_written: whether the text is how it would be written.
    """
    own_id = document.get(ID)
    acl = ""
    if record.security and not _OF_SECURITY.isdisjoint(document):
        as_written = False
        acl = _own_security(document, record, scope)
    if not _RESERVED.isdisjoint(document):
        as_written = False
        for key in _RESERVED:
            document.pop(key, None)
    identifier = _decide_id(document_id, own_id)
    if record.datetime_paths:
        as_written = False
        normalise_within(document, (), record.datetime_paths)
    if record.shape is not None:
        check_document_fits(document, record)
    if scope.conditions:
        scope.check_inserted(_as_stored(document, identifier, scope, acl))
    if as_written:
        return Admitted(identifier, text, scope.owner, acl)
    data = orjson.dumps(document)
    # Numbers and date-times may be longer as they are stored: `1e15` becomes 1000000000000000.0.
    if len(data) > DOCUMENT_MAX_BYTES:
        description = f"at most {DOCUMENT_MAX_BYTES} bytes in the form that is stored, not {len(data)}"
        raise DataError.invalid(Reason.TOO_LARGE, "document", description)
    return Admitted(identifier, data.decode(), scope.owner, acl)


def _own_security(document: dict[str, Json], record: CollectionRecord, scope: Scope) -> str:
    """Take out of a document what it says of whose it is, which must be so; return its access control list.

    :raises DataError: BAD_DOCUMENT, the collection does not keep that; FIELD_DENIED, it is of somebody else.
    """
    policy = record.security
    for key, kept, stamp in ((OWNER, policy.owner, scope.owner), (TENANT, bool(policy.tenant), scope.tenant)):
        if key in document:
            if not kept:
                raise DataError.invalid(Reason.BAD_DOCUMENT, key, "this collection's security keeps none")
            if document.pop(key) != stamp:
                raise DataError(
                    Reason.FIELD_DENIED,
                    f"{key}: a document is stored for whom the call is made, and this one says otherwise. Leave the "
                    "key out, or make the call for whom it says.",
                    metadata={"paths": key},
                    applied=Applied.NO,
                )
    if ACL not in document:
        return ""
    if not policy.acl:
        raise DataError.invalid(Reason.BAD_DOCUMENT, ACL, "this collection's security keeps none")
    return read_access_list(document.pop(ACL))


def _as_stored(document: dict[str, Json], identifier: str, scope: Scope, acl: str) -> dict[str, Json]:
    """Return a document with its metadata, as filters will see it."""
    metadata: dict[str, Json] = {ID: identifier}
    if scope.owner:
        metadata[OWNER] = scope.owner
    if scope.tenant:
        metadata[TENANT] = scope.tenant
    if acl:
        metadata[ACL] = orjson.loads(acl)
    return {**document, **metadata}


def admit_update(
    operations: tuple[UpdateOperation, ...], record: CollectionRecord, guard: Filter | None = None
) -> tuple[UpdateOperation, ...]:
    """Return the steps of an update, when documents that fit the schema hint still do after them.

    :param guard: the filter of the documents that it changes; an `$inc` may need it to be known to keep to a bound.
    :raises DataError: VALIDATION_FAILED.
    """
    if record.secrets is not SecretsPolicy.OFF:
        check_update_secrets(operations, record)
    if record.shape is not None:
        check_update_fits(operations, record, guard)
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
