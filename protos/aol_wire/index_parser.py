"""Is this an index? From the dict form of manifests and SDK, and from the proto message, to the typed one."""

from collections.abc import Iterable, Mapping

from aol.data.v1 import collection_pb2
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexField, IndexSpec, IndexType
from aol_wire.limits import COLLECTION_MAX_INDEXES, EXPIRE_MAX_S, INDEX_MAX_FIELDS
from aol_wire.paths import format_path, parse_path

_KEYS = frozenset({"fields", "type", "expireAfterSeconds"})
_DIRECTIONS: Mapping[str, bool] = {"asc": False, "ascending": False, "desc": True, "descending": True}
_PROTO_TYPES: Mapping[IndexType, collection_pb2.IndexType] = {
    IndexType.ASCENDING: collection_pb2.INDEX_TYPE_ASCENDING,
    IndexType.DESCENDING: collection_pb2.INDEX_TYPE_DESCENDING,
    IndexType.COMPOUND: collection_pb2.INDEX_TYPE_COMPOUND,
    IndexType.UNIQUE: collection_pb2.INDEX_TYPE_UNIQUE,
    IndexType.TEXT: collection_pb2.INDEX_TYPE_TEXT,
    IndexType.TTL: collection_pb2.INDEX_TYPE_TTL,
}
_TYPES = {number: type_ for type_, number in _PROTO_TYPES.items()}
_SINGLE = frozenset({IndexType.ASCENDING, IndexType.DESCENDING, IndexType.TTL})


def parse_index(obj: Json, where: str) -> IndexSpec:
    """Return the index that `{fields: [a, {b: desc}], type: compound}` declares.

    :param where: the place of the index, for errors.
    :raises DataError: BAD_REQUEST or BAD_PATH, with the place that is wrong.
    """
    if not isinstance(obj, dict):
        raise DataError.invalid(Reason.BAD_REQUEST, where, "an index is an object with fields and type")
    for key in obj:
        if key not in _KEYS:
            raise DataError.invalid(Reason.BAD_REQUEST, where, f"an index has the keys {', '.join(sorted(_KEYS))}")
    type_name, names = obj.get("type"), obj.get("fields")
    if not isinstance(type_name, str) or type_name not in set(IndexType):
        raise DataError.invalid(Reason.BAD_REQUEST, f"{where}.type", f"it is one of {', '.join(IndexType)}")
    if not isinstance(names, list):
        raise DataError.invalid(Reason.BAD_REQUEST, f"{where}.fields", "it is a list of paths")
    _check_count(len(names), where)
    fields = tuple(_field(item, f"{where}.fields.{index}") for index, item in enumerate(names))
    expire = obj.get("expireAfterSeconds")
    if expire is not None and (isinstance(expire, bool) or not isinstance(expire, int)):
        raise DataError.invalid(Reason.BAD_REQUEST, f"{where}.expireAfterSeconds", "it is a whole number of seconds")
    return _checked(IndexSpec(fields, IndexType(type_name), expire), where)


def index_from_proto(message: collection_pb2.IndexSpec, where: str = "index") -> IndexSpec:
    """Return the index of a message.

    :raises DataError: BAD_REQUEST or BAD_PATH, with the place that is wrong.
    """
    if message.type not in _TYPES:
        raise DataError.invalid(Reason.BAD_REQUEST, f"{where}.type", f"it is one of {', '.join(IndexType)}")
    _check_count(len(message.fields), where)
    fields = tuple(IndexField(parse_path(field.path, index=True), field.descending) for field in message.fields)
    expire = message.expire_after_seconds if message.HasField("expire_after_seconds") else None
    return _checked(IndexSpec(fields, _TYPES[message.type], expire), where)


def index_to_proto(spec: IndexSpec) -> collection_pb2.IndexSpec:
    """Return the message of an index."""
    fields = [
        collection_pb2.IndexField(path=format_path(field.path), descending=field.descending) for field in spec.fields
    ]
    return collection_pb2.IndexSpec(
        fields=fields, type=_PROTO_TYPES[spec.type], expire_after_seconds=spec.expire_after_s
    )


def check_indexes(indexes: Iterable[IndexSpec], where: str = "indexes") -> tuple[IndexSpec, ...]:
    """Return the indexes of one collection, each once.

    :raises DataError: TOO_LARGE beyond 64.
    """
    distinct = tuple(dict.fromkeys(indexes))
    if len(distinct) > COLLECTION_MAX_INDEXES:
        description = f"a collection has at most {COLLECTION_MAX_INDEXES} indexes, not {len(distinct)}"
        raise DataError.invalid(Reason.TOO_LARGE, where, description)
    return distinct


def _check_count(count: int, where: str) -> None:
    """Return if an index has as many fields as it may; asked before they are parsed, because there may be millions."""
    if not 1 <= count <= INDEX_MAX_FIELDS:
        raise DataError.invalid(Reason.BAD_REQUEST, where, f"it has 1 to {INDEX_MAX_FIELDS} fields, not {count}")


def _field(item: Json, where: str) -> IndexField:
    if isinstance(item, str):
        return IndexField(parse_path(item, index=True))
    if isinstance(item, dict) and len(item) == 1:
        (text, direction), *_ = item.items()
        if isinstance(direction, str) and direction in _DIRECTIONS:
            return IndexField(parse_path(text, index=True), _DIRECTIONS[direction])
    raise DataError.invalid(Reason.BAD_REQUEST, where, "a field is a path, or {path: asc} or {path: desc}")


def _checked(spec: IndexSpec, where: str) -> IndexSpec:
    """Return an index whose parts fit together; `descending` says so of its field too."""
    count = len(spec.fields)
    directed = any(field.descending for field in spec.fields)
    if spec.type in _SINGLE and count > 1:
        problem = f"type {spec.type} has one field; several fields together are compound"
    elif spec.type is IndexType.COMPOUND and count == 1:
        problem = "type compound has several fields; one field alone is ascending or descending"
    elif len({field.path for field in spec.fields}) < count:
        problem = "a field stands in it twice"
    elif directed and spec.type not in {IndexType.COMPOUND, IndexType.DESCENDING}:
        problem = f"type {spec.type} has no directions"
    elif spec.type is IndexType.TTL and (spec.expire_after_s is None or not 0 <= spec.expire_after_s <= EXPIRE_MAX_S):
        problem = f"type ttl needs expireAfterSeconds, from 0 to {EXPIRE_MAX_S}"
    elif spec.type is not IndexType.TTL and spec.expire_after_s is not None:
        problem = "expireAfterSeconds is only for type ttl"
    elif spec.type is IndexType.DESCENDING:
        return IndexSpec((IndexField(spec.fields[0].path, descending=True),), spec.type)
    else:
        return spec
    raise DataError.invalid(Reason.BAD_REQUEST, where, problem)
