"""How does a manifest say what a collection is seeded with? The words of `seeds`, and what is wrong with them."""

import math
from collections.abc import Iterator, Mapping, Sequence

import orjson

from aol_broker.manifest.declaration import Seed, SeedCondition
from aol_broker.secret_lint import secrets_in
from aol_broker.seed_variables import MALFORMED, is_malformed, texts_in, variables_in
from aol_broker.shapes import shape_of
from aol_broker.yaml_events import Location
from aol_wire.documents import ensure_document
from aol_wire.errors import DataError, Violation
from aol_wire.filters import Json
from aol_wire.limits import SEEDS_MAX_BYTES, SEEDS_MAX_DOCUMENTS
from aol_wire.metadata import ID
from aol_wire.names import check_document_id
from aol_wire.paths import parse_path
from aol_wire.schema_hint import SchemaHint, parse_schema_hint
from aol_wire.values import array_index, get

_SECURED = (
    "documents of a collection whose security has tenants or owners are somebody's, and seeds are made on nobody's "
    "behalf: have the service insert them"
)
_NO_ID = "with this condition a document needs an _id, or the seed a key by which it is found again"
_ID_VARIABLE = "an _id is shown in audit records, so it has no variables; use a key"

_Problems = Iterator[tuple[Location, str]]


def read_seeds(said: Mapping[str, Json]) -> Seed:
    """Return what a seed says, which is of the right form."""
    documents = said["data"] if isinstance(said["data"], list) else [said["data"]]
    return Seed(
        SeedCondition(str(said["condition"])),
        tuple(orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode() for document in documents),
        tuple(parse_path(path) for path in _key(said.get("key"))),
    )


def broken_seeds(collection: Mapping[str, Json], at: Location) -> _Problems:
    """Yield what is wrong with the documents of a collection's seeds, and between them and the collection."""
    seeds = collection.get("seeds")
    if not isinstance(seeds, list) or not seeds:
        return
    security = collection.get("security")
    if isinstance(security, dict) and (security.get("tenant") or security.get("owner")):
        yield at, _SECURED
        return
    hint = _strict_hint(collection)
    lint = collection.get("secrets", "refuse") == "refuse"
    seen: set[bytes] = set()
    count = size = 0
    for position, seed in enumerate(seeds):
        if not isinstance(seed, dict):
            continue  # the models report it
        key = _key(seed.get("key"))
        broken = list(_broken_key(key, (*at, position, "key")))
        yield from broken
        for place, document in _documents(seed.get("data"), (*at, position, "data")):
            count += 1
            problems = list(_broken_document(document, place, hint, lint=lint))
            if not problems and not broken:
                problems += _broken_identity(document, seed.get("condition"), key, place, seen)
            yield from problems
            size += 0 if problems else len(orjson.dumps(document))
    if count > SEEDS_MAX_DOCUMENTS:
        yield at, f"at most {SEEDS_MAX_DOCUMENTS:,} documents in the seeds of a collection, not {count:,}"
    if size > SEEDS_MAX_BYTES:
        yield at, f"the documents of a collection's seeds have at most {SEEDS_MAX_BYTES:,} bytes, not {size:,}"


def _key(said: Json) -> list[str]:
    paths = said if isinstance(said, list) else [said]
    return [path for path in paths if isinstance(path, str)]


def _documents(data: Json, at: Location) -> Iterator[tuple[Location, dict[str, Json]]]:
    if isinstance(data, dict):
        yield at, data
    for position, document in enumerate(data if isinstance(data, list) else ()):
        if isinstance(document, dict):
            yield (*at, position), document


def _broken_key(key: Sequence[str], at: Location) -> _Problems:
    for path in key:
        try:
            parse_path(path)
        except DataError as error:
            yield at, error.violations[0].description
            continue
        if path.startswith("_"):
            yield at, "a key is of fields, not of metadata"


def _broken_document(document: dict[str, Json], at: Location, hint: SchemaHint | None, *, lint: bool) -> _Problems:
    for name in document:
        if name.startswith("_") and name != ID:
            yield (*at, name), "top-level keys that start with '_' are metadata, which the broker keeps"
            return
    try:
        ensure_document(document)
    except DataError as error:
        violation = error.violations[0]
        inside = Violation(violation.path.removeprefix("document").lstrip("."), violation.description)
        yield _located(document, at, inside)
        return
    for place, number in _numbers(document):
        if not math.isfinite(number):
            yield (*at, *place), "numbers are finite"
    for place, text in texts_in(document):
        if is_malformed(text):
            yield (*at, *place), MALFORMED
    violations = list(secrets_in(document)) if lint else []
    if hint is not None:
        violations += shape_of(hint.types, hint.rules).misfits_under(document, "")
    for violation in violations:
        # What a variable will be is seen when it is.
        value = get(document, tuple(violation.path.split(".")))
        if not isinstance(value, str) or not any(variables_in(value)):
            yield _located(document, at, violation)


def _numbers(value: Json, at: Location = ()) -> Iterator[tuple[Location, float]]:
    if isinstance(value, float):
        yield at, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _numbers(inner, (*at, key))


def _broken_identity(
    document: dict[str, Json], condition: Json, key: Sequence[str], at: Location, seen: set[bytes]
) -> _Problems:
    """Yield why a document could not be told from others, or found again."""
    said: Json
    if ID in document:
        said = document[ID]
        if (what := _broken_id(said)) is not None:
            yield (*at, ID), what
            return
        if key:
            yield (*at, ID), "it is found by its _id; leave that out, or the key"
            return
    elif key:
        values: list[Json] = []
        for path in key:
            value = get(document, tuple(path.split(".")))
            if not isinstance(value, str | int | float):
                yield at, f"it needs a text, a number or a boolean at '{path}', which is in the key"
                return
            values.append(value)
        said = [[*key], values]
    elif condition != SeedCondition.IF_EMPTY:
        yield at, _NO_ID
        return
    else:
        return
    identity = orjson.dumps(said)
    if identity in seen:
        yield at, f"another one with the same {'_id' if ID in document else 'key'} is there already"
    seen.add(identity)


def _broken_id(said: Json) -> str | None:
    if not isinstance(said, str):
        return "an id is a text; a number is put in quotes"
    if any(variables_in(said)):
        return _ID_VARIABLE
    try:
        check_document_id(said)
    except DataError as error:
        return error.violations[0].description
    return None


def _strict_hint(collection: Mapping[str, Json]) -> SchemaHint | None:
    if collection.get("validation") != "strict":
        return None
    try:
        return parse_schema_hint(collection.get("schemaHint") or {})
    except DataError:
        return None  # reported where the hint is


def _located(document: dict[str, Json], at: Location, violation: Violation) -> tuple[Location, str]:
    """Return as much of a violation's place in a document as stands there."""
    value: Json = document
    place: Location = ()
    for segment in violation.path.split("."):
        index = array_index(segment)
        if isinstance(value, dict) and segment in value:
            place, value = (*place, segment), value[segment]
        elif isinstance(value, list) and index is not None and index < len(value):
            place, value = (*place, index), value[index]
        else:
            rest = violation.path if not place else segment
            return (*at, *place), f"{rest}: {violation.description}" if segment else violation.description
    return (*at, *place), violation.description
