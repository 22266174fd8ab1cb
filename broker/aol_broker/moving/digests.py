"""Are two stored documents the same? A digest of a document and its metadata, equal where the contract says equal."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from aol.data.v1.document_pb2 import Page
from aol_broker.registry.moves import Key
from aol_wire.adapter import Insert, Stamps
from aol_wire.expiry import is_expired
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec

# Between these, a double that is a whole number and the integer of its value are read as the same number by whoever
# reads JSON; beyond, adapters give back doubles.
_WHOLE_MIN, _WHOLE_END = float(-(1 << 63)), float(1 << 64)


@dataclass(frozen=True, slots=True)
class Copied:
    """A document as it is read from one side, to be inserted in the other."""

    tenant: str
    insert: Insert


@dataclass(frozen=True, slots=True)
class Digested:
    """A document's key and digest. `expires`: it is expired at the time that was asked for."""

    key: Key
    digest: bytes
    expires: bool


def copied(page: Page) -> Iterator[Copied]:
    """Return the documents of a page as inserts that keep their metadata."""
    count = len(page.id)
    columns = zip(
        page.tenant or [""] * count,
        page.id,
        page.json,
        page.created_us or [0] * count,
        page.updated_us or [0] * count,
        page.version or [1] * count,
        page.deleted_us or [0] * count,
        page.owner or [""] * count,
        page.acl or [""] * count,
        strict=True,
    )
    for tenant, id_, json, created_us, updated_us, version, deleted_us, owner, acl in columns:
        stamps = Stamps(created_us, updated_us, version, deleted_us)
        yield Copied(tenant, Insert(id_, json, created_us, owner, acl, stamps))


def digested(page: Page, indexes: tuple[IndexSpec, ...], expiring_us: int) -> list[Digested]:
    """Return the digests of a page's documents, and whether ttl indexes, which `indexes` are, expire them by a time."""
    found = []
    for item in copied(page):
        insert, document = item.insert, orjson.loads(item.insert.json)
        expires = bool(indexes) and is_expired(document, indexes, expiring_us)
        acl = orjson.loads(insert.acl) if insert.acl else None
        key = (item.tenant, insert.id)
        stamps = insert.stamped
        metadata = (*key, stamps.created_us, stamps.updated_us, stamps.version, stamps.deleted_us, insert.owner, acl)
        text = orjson.dumps([*metadata, _canonical(document)], option=orjson.OPT_SORT_KEYS)
        found.append(Digested(key, hashlib.sha256(text).digest(), expires))
    return found


def chained(checksum: str, digest: bytes) -> str:
    """Return the checksum (hexadecimal) of a sequence of documents with one more at its end."""
    return hashlib.sha256(bytes.fromhex(checksum) + digest).hexdigest()


def _canonical(value: Json) -> Json:
    """Return a value with each number in the one form that all equal numbers have; key order is left to the encoder."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and _WHOLE_MIN <= value < _WHOLE_END else value
    if isinstance(value, dict):
        return {key: _canonical(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_canonical(member) for member in value]
    return value
