"""What do the seeds of a collection say to store, when their variables have values?"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from aol_broker.admission import admit_document
from aol_broker.manifest.declaration import Seed, SeedCondition
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.seed_variables import interpolated, variables_in
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json, Path
from aol_wire.json_text import encode
from aol_wire.limits import SEEDS_MAX_BYTES
from aol_wire.metadata import ID
from aol_wire.paths import format_path
from aol_wire.values import MISSING, get

_SORTED = orjson.OPT_SORT_KEYS


@dataclass(frozen=True, slots=True)
class SeededDocument:
    """A document that may be stored. `key` is what it is found again by, besides its id; empty where it has its own."""

    condition: SeedCondition
    id: str
    json: str
    key: tuple[tuple[Path, Json], ...] = ()


def prepare(
    seeds: Sequence[Seed], variables: Mapping[str, str], record: CollectionRecord, secret: bytes
) -> list[SeededDocument]:
    """Return the documents of a collection's seeds as they are stored.

    A document without `_id` gets one that is made of its key, or of all of it, by a secret of the registry: the same
    each time, so that none is stored twice, and telling nothing of what it is made of.

    :raises DataError: BAD_REQUEST, a variable has no value; TOO_LARGE; whatever admission refuses a document for.
    """
    documents = [orjson.loads(text) for seed in seeds for text in seed.documents]
    _require_all(documents, variables)
    made: list[SeededDocument] = []
    size = 0
    ordinals: dict[bytes, int] = {}
    for seed in seeds:
        for text in seed.documents:
            document: dict[str, Json] = interpolated(orjson.loads(text), variables)  # type: ignore[assignment]
            number = len(made)
            try:
                written = encode(document)
                size += len(written)
                if size > SEEDS_MAX_BYTES:
                    raise DataError.invalid(
                        Reason.TOO_LARGE, "seeds", f"at most {SEEDS_MAX_BYTES:,} bytes with the values of variables"
                    )
                made.append(_admitted(seed, written, record, secret, ordinals))
            except DataError as error:
                error.message = f"document {number + 1} of the seeds of '{record.collection_id}': {error.message}"
                error.applied = Applied.NO
                raise
    _refuse_twins(made, record)
    return made


def _require_all(documents: Sequence[Json], variables: Mapping[str, str]) -> None:
    missing = sorted({name for document in documents for name in variables_in(document)} - variables.keys())
    if missing:
        description = f"no value for {', '.join(missing)}, which the seeds of the collection name"
        raise DataError.invalid(Reason.BAD_REQUEST, "variables", description)


def _admitted(
    seed: Seed, written: str, record: CollectionRecord, secret: bytes, ordinals: dict[bytes, int]
) -> SeededDocument:
    if not seed.key and ID in orjson.loads(written):
        admitted = admit_document(written, "", record)
        return SeededDocument(seed.condition, admitted.id, admitted.json)
    # Its id comes from what it is once it is normalised.
    json = admit_document(written, "unnamed", record).json
    key = _key_of(orjson.loads(json), seed.key)
    identity = orjson.dumps([[format_path(path), value] for path, value in key] or orjson.loads(json), option=_SORTED)
    ordinal = 0
    if not key:
        # Equal documents are as many as are written down.
        ordinal = ordinals[identity] = ordinals.get(identity, -1) + 1
    digest = hmac.new(secret, f"{record.collection_id}\n{ordinal}\n".encode() + identity, hashlib.sha256)
    identifier = f"seed-{digest.hexdigest()[:32]}"
    # Conditions of the collection may look at the id.
    return SeededDocument(seed.condition, identifier, json, key)


def _key_of(document: dict[str, Json], paths: Sequence[Path]) -> tuple[tuple[Path, Json], ...]:
    key = []
    for path in paths:
        value = get(document, path)
        if value is MISSING or value is None or isinstance(value, dict | list):
            raise DataError.invalid(Reason.BAD_DOCUMENT, format_path(path), "it is in the key, and has no plain value")
        key.append((path, value))
    return tuple(key)


def _refuse_twins(documents: Sequence[SeededDocument], record: CollectionRecord) -> None:
    """Return if no two are the same one: those that differ in variables only may have got the same values."""
    seen: set[str] = set()
    for number, item in enumerate(documents):
        if item.id in seen:
            raise DataError.invalid(
                Reason.BAD_DOCUMENT,
                f"seeds.{number}",
                f"document {number + 1} of the seeds of '{record.collection_id}' has the key of one before it",
            )
        seen.add(item.id)
