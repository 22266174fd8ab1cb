"""What are the adapter's databases, collections and indexes called in MongoDB? Each name is made here alone."""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from aol_adapters.kit.access import ACLS_INDEX, LISTS, OWNER, OWNERS_INDEX, READERS, WRITERS
from aol_wire.filters import Path
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.storage import Tenancy

Keys = tuple[tuple[str, int], ...]
"""The key pattern of an index: dotted paths and directions."""

# MongoDB takes database names of fewer than 64 bytes.
_NAME_MAX_BYTES = 63
_HASH_DIGITS = 16
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NOT_OF_SLUGS = re.compile(r"[^a-z0-9_-]+")

TENANT = "_aol.t"
FIELDS: Mapping[Path, str] = {OWNER: "_aol.o", READERS: "_aol.r", WRITERS: "_aol.e"}
"""Where it stands to whom a document belongs and is open: see `stored`."""


class Place(NamedTuple):
    """A collection of MongoDB that holds documents of one of ours."""

    database: str
    collection: str


def shared_place(prefix: str, service: str, collection: str) -> Place:
    """Return where the documents are that no tenant has a place of its own for."""
    return Place(_fit(f"{prefix}_{service}"), collection)


def place_of(prefix: str, service: str, collection: str, tenancy: Tenancy, tenant: str) -> Place:
    """Return where the documents of a tenant are.

    Names of services and collections hold neither `.` nor `@`, so nothing that one of them can name meets these.
    """
    if tenancy is Tenancy.SHARED or not tenant:
        return shared_place(prefix, service, collection)
    if tenancy is Tenancy.SCHEMA:
        return Place(_fit(f"{prefix}_{service}"), f"{collection}@{_slug(tenant)}")
    # A tilde cannot be in the name of a service.
    return Place(_fit(f"{prefix}~tenant_{_slug(tenant)}"), f"{service}.{collection}")


def index_keys(spec: IndexSpec) -> Keys:
    """Return the key pattern of an index of values.

    The tenant comes first, and the id last: documents of equal values come in the order of their ids, in the direction
    of the last field. An index by which documents expire is for all tenants. MongoDB goes through an index both ways,
    so the first field is ascending always.
    """
    turned = spec.fields[0].descending
    fields = tuple((".".join(field.path), -1 if field.descending is not turned else 1) for field in spec.fields)
    if spec.type is IndexType.UNIQUE:
        return ((TENANT, 1), *fields)
    if spec.type is IndexType.TTL:
        return (*fields, ("_id", 1))
    return ((TENANT, 1), *fields, ("_id", fields[-1][1]))


def all_keys(spec: IndexSpec) -> tuple[Keys, ...]:
    """Return the key patterns of all that MongoDB is to have for an index: each of the access lists has its own."""
    if spec == OWNERS_INDEX:
        return (_of_access(OWNER),)
    if spec == ACLS_INDEX:
        return tuple(map(_of_access, LISTS))
    return (index_keys(spec),)


def _of_access(path: Path) -> Keys:
    return ((TENANT, 1), (FIELDS[path], 1), ("_id", 1))


def index_name(keys: Keys) -> str:
    """Return the name of an index; two of ours with one key pattern are one of MongoDB's."""
    fields = "_".join(f"{path}_{direction}" for path, direction in keys)
    digest = hashlib.sha256(repr(keys).encode()).hexdigest()[:8]
    return f"{fields.encode()[:100].decode(errors='ignore')}~{digest}"


def _slug(tenant: str) -> str:
    """Return a tenant's name as it stands in names; what is no slug is made one that is its own."""
    if _SLUG.fullmatch(tenant) is not None:
        return tenant
    readable = _NOT_OF_SLUGS.sub("-", tenant.lower())[:12].strip("-")
    return f"{readable}~{hashlib.sha256(tenant.encode()).hexdigest()[:12]}"


def _fit(name: str) -> str:
    data = name.encode()
    if len(data) <= _NAME_MAX_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:_HASH_DIGITS]
    return f"{data[: _NAME_MAX_BYTES - _HASH_DIGITS - 1].decode(errors='ignore')}~{digest}"
