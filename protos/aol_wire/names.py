"""What may a service, a collection, a document, an adapter, an operator be called?"""

import re

from aol_wire.errors import DataError, Reason
from aol_wire.limits import DOCUMENT_ID_MAX_BYTES

SERVICE = re.compile(r"[a-z][a-z0-9-]{0,62}")
COLLECTION = re.compile(r"[a-z][a-z0-9_-]{0,62}")
OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}")
ADAPTER = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def check_service(name: str) -> str:
    """Return `name` if it is a service name.

    :raises DataError: BAD_PATH. The message does not repeat an unusable name, which may be anything.
    """
    if SERVICE.fullmatch(name) is None:
        raise DataError.invalid(
            Reason.BAD_PATH,
            "service",
            "a service name is a lower-case letter followed by at most 62 of a-z, 0-9 and '-'",
        )
    return name


def check_collection(name: str) -> str:
    """Return `name` if it is a collection name without its namespace.

    :raises DataError: BAD_PATH.
    """
    if COLLECTION.fullmatch(name) is None:
        raise DataError.invalid(
            Reason.BAD_PATH,
            "collection",
            "a collection name is a lower-case letter followed by at most 62 of a-z, 0-9, '_' and '-'; "
            "another service's collection is written other-service.collection",
        )
    return name


def check_document_id(value: str, path: str = "_id") -> str:
    """Return `value` if it can be a document's id: 1 to 256 bytes of UTF-8 without NUL.

    :raises DataError: BAD_DOCUMENT.
    """
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= DOCUMENT_ID_MAX_BYTES or "\0" in value:
        raise DataError.invalid(
            Reason.BAD_DOCUMENT, path, f"an id is a string of 1 to {DOCUMENT_ID_MAX_BYTES} bytes without NUL"
        )
    return value
