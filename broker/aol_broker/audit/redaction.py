"""What may a record show of what a call asked for? As much as the collection's owner lets it.

A collection's policy holds for every call that names it, also for one that is denied. Of a name that is no collection
there is no policy: the shape is shown, as it may be a slip of somebody who meant another's, with sensitive values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from aol_broker.admission import Admitted
from aol_broker.audit.filter_hiding import FilterHiding, TooManyHiddenError, searches_secrets
from aol_broker.audit.filter_shape import filter_shape, member_types
from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.audit.record import FILTER_MAX_BYTES, recorded_arguments, recorded_filter, with_details
from aol_broker.audit.secret_names import may_name_secrets
from aol_broker.audit.value_hash import hidden
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.adapter import Insert
from aol_wire.errors import DataError
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec
from aol_wire.limits import DOCUMENT_MAX_DEPTH
from aol_wire.metadata import ID
from aol_wire.names import check_document_id

IDS_SHOWN = 100
"""Of the documents of one insert, so many are named."""

FIELDS_MAX_BYTES = 2 << 10
"""Of the paths of a projection, those are named that have room in so much."""

_IDS_MAX_BYTES = FILTER_MAX_BYTES - (4 << 10)  # a batch's record tells of its failures too
_WHERE_MAX_BYTES = FILTER_MAX_BYTES // 2  # the other limits of the grant are told too
# As many as have room.
_HIDDEN_MAX_VALUES = FILTER_MAX_BYTES // 76
_UNKNOWN = AuditPolicy(AuditLevel.SHAPE)
_NULL = b"null"


def recorded(
    operation: str, arguments: Any, collection: CollectionRecord | None, key: bytes, ids: Sequence[str] = ()
) -> bytes:
    """Return what a record shows under `filters`, as JSON on one line of at most FILTER_MAX_BYTES.

    :param arguments: the request message, which nobody has checked yet; None when there is none.
    :param collection: the one that the call names, whether its caller may use it or not; None when there is none.
    :param key: with which hidden values are hashed.
    :param ids: of the documents that an insert makes; as long as they are not known, those of the request count.
    """
    policy = _UNKNOWN if collection is None else collection.audit
    match operation:
        case _ if arguments is None:
            return _NULL
        case "insert":
            return _recorded_id(ids[0] if ids else arguments.document_id, policy, key)
        case "insert_many":
            return _recorded_ids(ids or arguments.document_ids, policy, key)
        case _ if (text := getattr(arguments, "filter", None)) is not None:
            indexes = () if collection is None else collection.indexes
            return _recorded_query(text, policy, indexes, key)
        case "grant_access":
            indexes = () if collection is None else collection.indexes
            limits = _recorded_limits(arguments, policy, indexes, key)
            return with_details(recorded_arguments(operation, arguments), limits)
        case _:
            return recorded_arguments(operation, arguments)


def _recorded_limits(
    arguments: Any, policy: AuditPolicy, indexes: tuple[IndexSpec, ...], key: bytes
) -> Mapping[str, Json]:
    """Return what a record shows of the limits of a grant, which nobody has checked yet."""
    limits: dict[str, Json] = {}
    if arguments.fields:
        limits["fields"] = list(_within_room(arguments.fields))
    if arguments.where:
        where = _recorded_query(arguments.where, policy, indexes, key)
        fits = len(where) <= _WHERE_MAX_BYTES
        limits["where"] = orjson.loads(where) if fits else {"$omitted_characters": len(arguments.where)}
    if arguments.expires_us:
        limits["expires_us"] = arguments.expires_us
    return limits


def inserted_ids(work: object) -> Sequence[str]:
    """Return the ids of the documents that an insert makes, as far as they are known.

    :param work: what `admit` returned for a call of any verb.
    """
    if isinstance(work, Insert):
        return (work.id,)
    if isinstance(work, list):
        return [item.id for item in work if isinstance(item, Admitted)]
    return ()


def recorded_fields(arguments: Any, collection: CollectionRecord | None) -> tuple[str, ...] | None:
    """Return what a record shows under `fields`: the paths that a query asks for, as they were written.

    None for whole documents, for what is no query, and where the owner wants no more than the metadata of calls.
    """
    paths = getattr(arguments, "projection", None)
    if not paths or (collection is not None and collection.audit.level is AuditLevel.METADATA):
        return None
    return _within_room(paths)


def _within_room(paths: Sequence[str]) -> tuple[str, ...]:
    """Return as many paths as have room, and how many have not."""
    shown: list[str] = []
    size_bytes = 0
    for path in paths:
        size_bytes += _size_bytes(path)
        if size_bytes > FIELDS_MAX_BYTES:
            return (*shown, f"$omitted_paths: {len(paths) - len(shown)}")
        shown.append(path)
    return tuple(shown)


def _recorded_query(text: str, policy: AuditPolicy, indexes: tuple[IndexSpec, ...], key: bytes) -> bytes:
    if not text or policy.level is AuditLevel.METADATA:
        return _NULL
    if policy.level is AuditLevel.SHAPE:
        return _rewritten(text, filter_shape)
    if not policy.sensitive and not may_name_secrets(text) and not ("$text" in text and searches_secrets(indexes)):
        return recorded_filter(text)
    return _rewritten(text, FilterHiding(policy.sensitive, indexes, key, _HIDDEN_MAX_VALUES).filter)


def _rewritten(text: str, rewrite: Callable[[Json], Json]) -> bytes:
    def within_bounds(value: Json) -> Json:
        return {"$malformed_characters": len(text)} if _too_deep(value) else rewrite(value)

    try:
        return recorded_filter(text, within_bounds)
    except TooManyHiddenError:
        return orjson.dumps({"$omitted_characters": len(text)})


def _recorded_id(document_id: str, policy: AuditPolicy, key: bytes) -> bytes:
    """Return the filter that finds the document of an insert."""
    if not document_id or policy.level is AuditLevel.METADATA:
        return _NULL
    if policy.level is AuditLevel.VALUES and not policy.sensitive:
        return orjson.dumps({ID: _shown_id(document_id)})
    [shown] = _shown_ids([document_id], policy, key)
    return orjson.dumps({ID: shown})


def _recorded_ids(ids: Sequence[str], policy: AuditPolicy, key: bytes) -> bytes:
    """Return the filter that finds the documents of an insert, as far as they have room."""
    given = [document_id for document_id in ids[:IDS_SHOWN] if document_id]
    if not given or policy.level is AuditLevel.METADATA:
        return _NULL
    shown = _shown_ids(given, policy, key)
    if policy.level is AuditLevel.SHAPE:
        return orjson.dumps({ID: {"$in": shown}})
    while len(orjson.dumps(shown)) > _IDS_MAX_BYTES:
        shown = shown[: len(shown) // 2]
    more = {"$omitted_values": len(ids) - len(shown)} if len(shown) < len(ids) else {}
    return orjson.dumps({ID: {"$in": shown, **more}})


def _shown_ids(ids: list[str], policy: AuditPolicy, key: bytes) -> list[Json]:
    shown = [_shown_id(document_id) for document_id in ids]
    if policy.level is AuditLevel.SHAPE:
        return member_types(shown)
    if (ID,) in policy.sensitive:
        return [hidden(document_id, key) for document_id in shown]
    return shown


def _shown_id(document_id: str) -> Json:
    try:
        return check_document_id(document_id)
    except DataError:
        return {"$malformed_characters": len(document_id)}


def _too_deep(value: Json) -> bool:
    """Whether a value has more levels than any filter that is let through, and than are walked by recursion."""
    level: list[Json] = [value]
    for _ in range(DOCUMENT_MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return True


def _size_bytes(text: str) -> int:
    """How much a text takes in a record; the escapes of the worst kind are six bytes each."""
    return len(text.encode()) + 3 if text.isprintable() and '"' not in text and "\\" not in text else 6 * len(text) + 3
