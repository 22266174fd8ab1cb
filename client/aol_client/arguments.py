"""Are the arguments of a call what its request can hold? Parsed here, so that protobuf never sees a wrong type."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from aol.data.v1 import collection_pb2, document_pb2
from aol_client.encoding import encode_argument
from aol_client.exceptions import invalid_request
from aol_client.failures import from_data_error
from aol_wire.errors import DataError, Reason
from aol_wire.limits import INT64_MAX
from aol_wire.names import check_service

Sort = Mapping[str, str] | Iterable[tuple[str, str]]
"""`{"timestamp": "desc", "name": "asc"}`, or the same as pairs."""

_DESCENDING: Mapping[str, bool] = {"asc": False, "desc": True}
_DELETED: Mapping[str, document_pb2.DeletedMode] = {
    "exclude": document_pb2.DELETED_MODE_EXCLUDE,
    "include": document_pb2.DELETED_MODE_INCLUDE,
    "only": document_pb2.DELETED_MODE_ONLY,
}
_PERMISSIONS: Mapping[str, collection_pb2.Permission] = {
    "read": collection_pb2.PERMISSION_READ,
    "write": collection_pb2.PERMISSION_WRITE,
    "admin": collection_pb2.PERMISSION_ADMIN,
    "assert-context": collection_pb2.PERMISSION_ASSERT_CONTEXT,
    "bypass-security": collection_pb2.PERMISSION_BYPASS_SECURITY,
}


def text_argument(name: str, value: str) -> str:
    """Return a str argument that can be sent.

    :raises InvalidRequestError: BAD_REQUEST.
    """
    if not isinstance(value, str):
        raise invalid_request(Reason.BAD_REQUEST, name, f"a str is needed, not {type(value).__qualname__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid_request(Reason.BAD_REQUEST, name, "lone surrogates are not text") from None
    return value


def endpoint_argument(name: str, value: str) -> str:
    """Return where a broker is.

    :raises InvalidRequestError: BAD_REQUEST.
    """
    if not text_argument(name, value):
        raise invalid_request(Reason.BAD_REQUEST, name, "host:port is needed")
    return value


def service_argument(name: str, value: str) -> str:
    """Return a service's name.

    :raises InvalidRequestError: BAD_REQUEST, BAD_PATH.
    """
    try:
        return check_service(text_argument(name, value))
    except DataError as error:
        raise from_data_error(error) from None


def whole_number(name: str, value: int | None) -> int | None:
    """Return an optional count.

    :raises InvalidRequestError: BAD_REQUEST.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_request(Reason.BAD_REQUEST, name, f"an int is needed, not {type(value).__qualname__}")
    if not 0 <= value <= INT64_MAX:
        raise invalid_request(Reason.BAD_REQUEST, name, "must be 0 or more, and fit in 64 bits")
    return value


def seconds(name: str, value: float) -> float:
    """Return a timeout.

    :raises InvalidRequestError: BAD_REQUEST.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not (value > 0 and math.isfinite(value)):
        raise invalid_request(Reason.BAD_REQUEST, name, "a finite number of seconds above 0 is needed")
    return float(value)


def sort_keys(sort: Sort | None) -> list[document_pb2.SortKey]:
    """Return the keys of a sort order.

    :raises InvalidRequestError: BAD_FILTER.
    """
    if sort is None:
        return []
    pairs = sort.items() if isinstance(sort, Mapping) else sort
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise invalid_request(Reason.BAD_FILTER, "sort", "a dict like {'timestamp': 'desc'} is needed, or pairs of it")
    return [_sort_key(pair) for pair in pairs]


def _sort_key(pair: object) -> document_pb2.SortKey:
    match pair:
        case [str(path), str(direction)] if direction in _DESCENDING:
            return document_pb2.SortKey(path=text_argument("sort", path), descending=_DESCENDING[direction])
    raise invalid_request(Reason.BAD_FILTER, "sort", "each key is a path with 'asc' or 'desc'")


def projection_paths(projection: Iterable[str] | None) -> list[str]:
    """Return the paths of a projection; empty for all fields.

    :raises InvalidRequestError: BAD_FILTER.
    """
    if projection is None:
        return []
    if isinstance(projection, str | bytes) or not isinstance(projection, Iterable):
        raise invalid_request(Reason.BAD_FILTER, "projection", "a list of paths is needed")
    return [text_argument("projection", path) for path in projection]


def deleted_mode(deleted: str) -> document_pb2.DeletedMode:
    """Return which documents of a soft-delete collection are meant: `exclude`, `include` or `only` the deleted ones.

    :raises InvalidRequestError: BAD_REQUEST.
    """
    if not isinstance(deleted, str) or deleted not in _DELETED:
        raise invalid_request(Reason.BAD_REQUEST, "deleted", f"one of {', '.join(_DELETED)} is needed")
    return _DELETED[deleted]


def permission_value(permission: str) -> collection_pb2.Permission:
    """Return a permission by its name, for example `read`.

    :raises InvalidRequestError: BAD_REQUEST.
    """
    if not isinstance(permission, str) or permission not in _PERMISSIONS:
        raise invalid_request(Reason.BAD_REQUEST, "permission", f"one of {', '.join(_PERMISSIONS)} is needed")
    return _PERMISSIONS[permission]


def index_specs(indexes: Iterable[Mapping[str, Any]] | None) -> list[collection_pb2.IndexSpec]:
    """Return indexes that are given as in a manifest.

    :raises InvalidRequestError: BAD_REQUEST or BAD_PATH, with the index's place.
    """
    if indexes is not None and not isinstance(indexes, Iterable):
        raise invalid_request(Reason.BAD_REQUEST, "indexes", "a list of indexes is needed")
    try:
        return [_index_spec(f"indexes.{place}", index) for place, index in enumerate(indexes or ())]
    except DataError as error:
        raise from_data_error(error) from None


def _index_spec(where: str, index: Mapping[str, Any]) -> collection_pb2.IndexSpec:
    # Imported here: what parses indexes brings in much that most processes never need.
    from aol_wire.index_parser import index_to_proto, parse_index

    # Through JSON and back, so that tuples and other mappings are what the parser knows.
    plain = orjson.loads(encode_argument(where, index, Reason.BAD_REQUEST) or "null")
    return index_to_proto(parse_index(plain, where))
