"""Which rules must a manifest keep beyond its form? Those between its parts, checked on what was read."""

import json
from collections.abc import Iterator, Mapping

from aol_broker.hints import EXPIRING_NEEDS_HINT
from aol_broker.manifest.security import broken_security
from aol_broker.manifest.seeds import broken_seeds
from aol_broker.manifest.sharing import broken_limits
from aol_broker.manifest.storage import broken_storage
from aol_broker.yaml_events import Location
from aol_broker.yaml_text import did_you_mean
from aol_wire.errors import DataError
from aol_wire.field_rules import RULES, TYPE, TYPES
from aol_wire.filters import Json, Path
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexType
from aol_wire.schema_hint import parse_schema_hint

_REQUIREMENTS = "dataRequirements"

Problems = Iterator[tuple[Location, str]]


def broken_rules(value: Mapping[str, Json]) -> Problems:
    """Yield where and what. Parts of the wrong form are passed over: the models report them."""
    yield from _misplaced(value)
    metadata, spec = value.get("metadata"), value.get("spec")
    service = metadata.get("name") if isinstance(metadata, dict) else None
    requirements = spec.get(_REQUIREMENTS) if isinstance(spec, dict) else None
    if not isinstance(requirements, dict):
        return
    collections = ("spec", _REQUIREMENTS, "collections")
    requests = ("spec", _REQUIREMENTS, "accessRequests")
    yield from _repeated(requirements.get("collections"), collections, ("name",))
    for at, collection in _mappings(requirements.get("collections"), collections):
        yield from _collection(collection, at, service)
    yield from _repeated(requirements.get("accessRequests"), requests, ("collection", "permission"))
    for at, request in _mappings(requirements.get("accessRequests"), requests):
        collection_id = request.get("collection")
        if isinstance(collection_id, str) and collection_id.partition(".")[0] == service:
            yield (*at, "collection"), "the service owns it and need not ask"


def _misplaced(value: Mapping[str, Json]) -> Problems:
    """Find the part when it is not where it is looked for: unnoticed, nothing at all would be declared."""
    if _REQUIREMENTS in value:
        yield (_REQUIREMENTS,), "belongs under spec"
    spec = value.get("spec")
    if isinstance(spec, dict) and _REQUIREMENTS not in spec:
        for key in spec:
            if hint := did_you_mean(key, [_REQUIREMENTS], cutoff=0.8):
                yield ("spec", key), f"unknown key{hint}"


def _collection(collection: Mapping[str, Json], at: Location, service: Json) -> Problems:
    yield from _hint(collection.get("schemaHint"), (*at, "schemaHint"))
    indexes, sharing = (*at, "indexes"), (*at, "sharing")
    yield from _repeated(collection.get("indexes"), indexes, ("type", "fields"))
    for place, index in _mappings(collection.get("indexes"), indexes):
        problems = list(_index(index, place))
        yield from problems
        if not problems and index.get("type") == IndexType.TTL:
            yield from _expiring(index, place, _datetimes(collection.get("schemaHint")))
    yield from _repeated(collection.get("sharing"), sharing, ("service", "permission"))
    security = collection.get("security")
    if isinstance(security, dict):
        yield from broken_security(security, (*at, "security"))
    yield from broken_seeds(collection, (*at, "seeds"))
    storage = collection.get("storage")
    if isinstance(storage, dict):
        yield from broken_storage(storage, (*at, "storage"), _datetimes(collection.get("schemaHint")))
    for place, share in _mappings(collection.get("sharing"), sharing):
        if share.get("service") == service:
            yield (*place, "service"), "the service owns the collection and need not share it with itself"
        yield from broken_limits(share, place)


def _index(index: dict[str, Json], at: Location) -> Problems:
    try:
        parse_index(index, "")
    except DataError as error:
        violation = error.violations[0]
        where, *rest = violation.path.split(".")
        if where:
            # A path of the index that is none; it stands somewhere among the fields.
            yield (*at, "fields"), f"{violation.path}: {violation.description}"
        else:
            inner = tuple(int(part) if part.isdecimal() else part for part in rest)
            yield at + inner, violation.description


def _expiring(index: dict[str, Json], at: Location, datetimes: frozenset[Path] | None) -> Problems:
    """Only fields that are hinted `datetime` are stored in the one form whose order is the order of time."""
    fields = index.get("fields")
    if not isinstance(fields, list) or datetimes is None:
        return
    for position, path in enumerate(fields):
        if isinstance(path, str) and tuple(path.split(".")) not in datetimes:
            yield (*at, "fields", position), EXPIRING_NEEDS_HINT


def _hint(hint: Json, at: Location) -> Problems:
    if hint is None:
        return
    try:
        parse_schema_hint(hint)
    except DataError as error:
        for violation in error.violations:
            inner, value = _find(hint, violation.path)
            yield at + inner, violation.description + _nearest(inner, value)


def _nearest(place: Location, value: Json) -> str:
    """Return which name may have been meant: of a type, or of a rule."""
    last = place[-1] if place else ""
    if isinstance(value, str) and last not in RULES:
        return did_you_mean(value, TYPES) if value not in TYPES else ""
    return did_you_mean(last, RULES) if last not in (*RULES, TYPE) and not isinstance(value, dict) else ""


def _datetimes(hint: Json) -> frozenset[Path] | None:
    """Return the paths that a hint names datetime; None when it is none."""
    try:
        types = parse_schema_hint({} if hint is None else hint).types
    except DataError:
        return None
    return frozenset(tuple(path.split(".")) for path, kind in types.items() if kind == "datetime")


def _find(hint: Json, path: str) -> tuple[Location, Json]:
    """Return where a dotted path of a hint stands, and what stands there: keys may be dotted or nested."""
    if isinstance(hint, list) and path.isdecimal():
        return (int(path),), hint[int(path)]
    if not isinstance(hint, dict):
        return (), hint
    for key, value in hint.items():
        if key == path:
            return (key,), value
        if path.startswith(f"{key}.") and isinstance(value, dict | list):
            inner, found = _find(value, path[len(key) + 1 :])
            if inner:
                return (key, *inner), found
    return (), None


def _repeated(items: Json, at: Location, keys: tuple[str, ...]) -> Problems:
    """Yield the items that say the same of `keys` as one before."""
    seen: set[str] = set()
    for place, item in _mappings(items, at):
        if not all(key in item for key in keys):
            continue
        said = json.dumps([item[key] for key in keys], sort_keys=True)
        if said in seen:
            yield (*place, keys[0]), f"another one with the same {' and '.join(keys)} is there already"
        seen.add(said)


def _mappings(items: Json, at: Location) -> Iterator[tuple[Location, dict[str, Json]]]:
    if isinstance(items, list):
        for position, item in enumerate(items):
            if isinstance(item, dict):
                yield (*at, position), item
