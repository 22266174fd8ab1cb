"""How do Python values become the JSON text of the contract?

The fast path is one call of orjson. What orjson refuses, or what its output may hide (it writes NaN as null), goes
through a walk that either makes plain JSON values or names the path that is wrong.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from aol_client.exceptions import InvalidRequestError, invalid_request
from aol_client.failures import from_data_error
from aol_wire.errors import DataError, Reason
from aol_wire.ids import uuid7
from aol_wire.limits import DOCUMENT_MAX_BYTES, DOCUMENT_MAX_DEPTH, INT64_MAX, INT64_MIN, REQUEST_MAX_BYTES
from aol_wire.metadata import ID, IGNORED_ON_INSERT
from aol_wire.names import check_document_id

_NOT_SENT = IGNORED_ON_INSERT | {ID}
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_HARMLESS = frozenset({str, int, bool, type(None)})
_LEAVES = (str, int, date, UUID)
_ACCEPTED = "None, bool, int, float, str, list, tuple, dict, Enum, datetime, date and UUID"


def encode_document(document: Mapping[str, Any]) -> tuple[str, str, int]:
    """Return the id of a document that is to be inserted, its JSON text without the keys that are not sent, and how
    many bytes that has.

    A document without `_id` gets a UUIDv7. The document given is not changed.

    :raises InvalidRequestError: BAD_DOCUMENT, TOO_LARGE.
    """
    if type(document) is not dict and not isinstance(document, Mapping):
        raise invalid_request(Reason.BAD_DOCUMENT, "document", f"a dict is needed, not {_type_name(document)}")
    if _NOT_SENT.isdisjoint(document):
        return uuid7(), *encode(document, "document", Reason.BAD_DOCUMENT, DOCUMENT_MAX_BYTES)
    document_id = check_id(document[ID]) if ID in document else uuid7()
    body = dict(document)
    for key in _NOT_SENT:
        body.pop(key, None)
    return document_id, *encode(body, "document", Reason.BAD_DOCUMENT, DOCUMENT_MAX_BYTES)


def encode_argument(name: str, value: Mapping[str, Any] | None, reason: Reason = Reason.BAD_FILTER) -> str:
    """Return the JSON text of a filter, an update or another argument that is a dict; None is the empty text.

    :raises InvalidRequestError: `reason`, TOO_LARGE.
    """
    if value is None:
        return ""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise invalid_request(reason, name, f"a dict is needed, not {_type_name(value)}")
    return encode(value, name, reason, REQUEST_MAX_BYTES)[0]


def check_id(value: object) -> str:
    """Return a document's id.

    :raises InvalidRequestError: BAD_DOCUMENT.
    """
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str):
        raise invalid_request(Reason.BAD_DOCUMENT, ID, f"an id is a str, not {_type_name(value)}")
    try:
        return check_document_id(value)
    except DataError as error:
        raise from_data_error(error) from None


def encode(value: Mapping[str, Any], where: str, reason: Reason, max_bytes: int) -> tuple[str, int]:
    """Return the JSON text of a mapping, and how many bytes it has; `where` is the path of its root in errors.

    :raises InvalidRequestError: `reason` for a value that is not JSON, with its path and type; TOO_LARGE.
    """
    try:
        data = orjson.dumps(value, _encode_time, _OPTIONS)
        text = data.decode()
        # Looked for in the text, as Python takes three times as long to find something in bytes.
        fast = "null" not in text or not _may_hide_nan(value)
    except orjson.JSONEncodeError:
        fast = False
    if not fast:
        data = _encode_slowly(value, where, reason)
        text = data.decode()
    if len(data) > max_bytes:
        raise invalid_request(Reason.TOO_LARGE, where, f"{len(data)} bytes; at most {max_bytes} may be")
    return text, len(data)


def _encode_time(value: object) -> str:
    """The hook that orjson calls for what is not plain JSON."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    elif isinstance(value, date):
        moment = datetime.combine(value, time(), UTC)
    else:
        raise TypeError
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    if not text.endswith("+00:00"):  # pandas.NaT is a datetime that has no time
        raise TypeError
    return text.removesuffix("+00:00") + "Z"


def _may_hide_nan(container: object) -> bool:
    """Whether a value that orjson wrote as null might be NaN, an infinity, or of a kind that needs the walk to tell."""
    if isinstance(container, dict):
        values = container.values()
    elif isinstance(container, (list, tuple)):
        values = container  # type: ignore[assignment]
    else:
        return True
    for value in values:
        kind = type(value)
        if kind is float:
            if not math.isfinite(value):
                return True
        elif kind not in _HARMLESS and not isinstance(value, _LEAVES) and _may_hide_nan(value):
            return True
    return False


def _encode_slowly(value: object, where: str, reason: Reason) -> bytes:
    plain = _Walk(reason).plain(value, where, 1)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class _Walk:
    """Makes plain JSON values, or says where a value is not JSON, with its Python type and never the value."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason

    def plain(self, value: object, path: str, depth: int) -> object:  # noqa: PLR0911 - one for each kind of value
        match value:
            case None | bool():
                return value
            case str():
                return self._text(value, path)
            case int():
                return self._integer(value, path)
            case float():
                if math.isfinite(value):
                    return value
                raise self._refuse(path, "NaN and infinities are not JSON")
            case datetime() | date():
                return self._time(value, path)
            case UUID():
                return str(value)
            case Enum():
                return self.plain(value.value, path, depth + 1)
            case Mapping() | list() | tuple():
                return self._container(value, path, depth)
        raise self._refuse(path, f"{_type_name(value)} is not JSON; {_ACCEPTED} are")

    def _container(
        self, value: Mapping[Any, object] | list[object] | tuple[object, ...], path: str, depth: int
    ) -> object:
        if depth > DOCUMENT_MAX_DEPTH:
            # Also what ends the walk of a container that holds itself; the path would be as long as it is deep.
            raise self._refuse(path.split(".", 1)[0], f"deeper than {DOCUMENT_MAX_DEPTH}")
        if isinstance(value, Mapping):
            return {self._key(key, path): self.plain(item, _join(path, key), depth + 1) for key, item in value.items()}
        return [self.plain(item, _join(path, index), depth + 1) for index, item in enumerate(value)]

    def _key(self, key: object, path: str) -> str:
        if not isinstance(key, str):
            raise self._refuse(path, f"a key is a str, not {_type_name(key)}")
        return self._text(key, path)

    def _text(self, value: str, path: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._refuse(path, "lone surrogates are not text") from None
        return value

    def _integer(self, value: int, path: str) -> int:
        # Beyond int64 a number travels as a double, so it must be one exactly.
        if INT64_MIN <= value <= INT64_MAX or _is_double(value):
            return int(value)
        raise self._refuse(path, "an int beyond 64 bits that a double cannot hold exactly")

    def _time(self, value: date, path: str) -> str:
        try:
            return _encode_time(value)
        except (TypeError, ValueError, OverflowError):
            raise self._refuse(path, f"{_type_name(value)} is not a time in the years 1 to 9999 of UTC") from None

    def _refuse(self, path: str, description: str) -> InvalidRequestError:
        return invalid_request(self._reason, path, description)


def _is_double(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def _join(path: str, segment: object) -> str:
    # A lone surrogate in a key must not make the message itself unprintable.
    text = str(segment).encode(errors="replace").decode()
    return f"{path}.{text}"


def _type_name(value: object) -> str:
    return type(value).__qualname__
