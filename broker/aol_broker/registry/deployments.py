"""Which versions of manifests were applied, which of them still count as running, and what is shared and asked for?"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.manifest.declaration import AccessRequest, Manifest
from aol_broker.registry import tables
from aol_broker.registry.loading import read_revision
from aol_broker.registry.reading import read_mappings, read_rows
from aol_broker.registry.snapshot import GrantKey, Permission

_ABSTRACT = tuple(column for column in tables.manifests.c if column.name != "text")
# Databases bound the variables of one statement.
_NAMES_A_STATEMENT = 5000


@dataclass(frozen=True, slots=True)
class Abstract:
    """What of a manifest others depend on: the names of its collections, and what it asks for."""

    collections: tuple[str, ...] = ()
    requests: tuple[AccessRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestVersion:
    """A manifest that was applied once, without its text. Times are microseconds since 1970.

    `abstract` is None of one that was applied before abstracts were written down. `retired_us` is 0 while nobody said
    that it does not run any more.
    """

    service: str
    version: int
    source: str
    sha256: str
    applied_by: str
    applied_us: int
    plan: str
    retired_us: int
    abstract: Abstract | None


@dataclass(frozen=True, slots=True)
class Deployments:
    """What plans go by beyond a snapshot, all of one revision.

    `newest` is by service. `older` are versions that others took the place of, and that still count as running.
    """

    revision: int
    newest: Mapping[str, ManifestVersion]
    older: tuple[ManifestVersion, ...]
    shared: Mapping[GrantKey, frozenset[Permission]]
    revoked: Mapping[GrantKey, frozenset[Permission]]
    requested: Mapping[GrantKey, frozenset[Permission]]

    def number(self, service: str) -> int:
        """Return the number of a service's newest version; 0 when it has none."""
        return self.newest[service].version if service in self.newest else 0


def digest(text: str) -> str:
    """Return the SHA-256 of a manifest's text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def abstract_of(manifest: Manifest) -> Abstract:
    """Return the abstract of a manifest."""
    return Abstract(tuple(item.name for item in manifest.collections), manifest.access_requests)


def abstract_to_text(abstract: Abstract) -> str:
    """Return an abstract as it is stored."""
    requests = [[item.collection_id, item.permission.value, item.reason] for item in abstract.requests]
    return orjson.dumps({"collections": abstract.collections, "requests": requests}).decode()


async def read_deployments(connection: AsyncConnection, since_us: int) -> Deployments:
    """Read what plans go by; of the older versions, those that were superseded after `since_us` and not retired.

    The statements must all see the same state.
    """
    services, manifests = tables.services, tables.manifests
    successor = manifests.alias()
    newest = select(*_ABSTRACT).where(
        manifests.c.service == services.c.name, manifests.c.version == services.c.manifest_version
    )
    older = select(*_ABSTRACT).where(
        manifests.c.retired_us == 0,
        successor.c.service == manifests.c.service,
        successor.c.version == manifests.c.version + 1,
        successor.c.applied_us > since_us,
    )
    return Deployments(
        await read_revision(connection),
        {version.service: version for version in await _versions(connection, newest)},
        tuple(await _versions(connection, older)),
        await _permissions(connection, tables.sharing),
        await _permissions(connection, tables.revocations),
        await _permissions(connection, tables.access_requests),
    )


async def read_versions(connection: AsyncConnection, service: str) -> list[ManifestVersion]:
    """Return the versions of a service's manifest, the newest first."""
    wanted = select(*_ABSTRACT).where(tables.manifests.c.service == service)
    return await _versions(connection, wanted.order_by(tables.manifests.c.version.desc()))


async def read_texts(connection: AsyncConnection, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the texts of versions of services' manifests; of those that there are not, none."""
    manifests, wanted = tables.manifests, dict.fromkeys(keys)
    found: dict[tuple[str, int], str] = {}
    for names in _parts(sorted({service for service, _ in wanted})):
        numbers = {version for service, version in wanted if service in names}
        rows = await connection.execute(
            select(manifests.c.service, manifests.c.version, manifests.c.text).where(_in(manifests, names, numbers))
        )
        found.update({(service, version): text for service, version, text in rows if (service, version) in wanted})
    return found


def _in(manifests: Table, names: Collection[str], numbers: Collection[int]) -> ColumnElement[bool]:
    return and_(manifests.c.service.in_(names), manifests.c.version.in_(sorted(numbers)))


def _parts(names: list[str]) -> Iterable[frozenset[str]]:
    for start in range(0, len(names), _NAMES_A_STATEMENT):
        yield frozenset(names[start : start + _NAMES_A_STATEMENT])


async def _versions(connection: AsyncConnection, wanted: Select[tuple[object, ...]]) -> list[ManifestVersion]:
    rows = await read_mappings(connection, wanted)
    # In a thread, as there may be thousands: calls go on.
    return await asyncio.to_thread(lambda: [_version(row) for row in rows])


async def _permissions(connection: AsyncConnection, table: Table) -> dict[GrantKey, frozenset[Permission]]:
    rows = await read_rows(connection, select(table.c.collection_id, table.c.service, table.c.permission))
    return await asyncio.to_thread(_by_key, rows)


def _by_key(rows: Sequence[Any]) -> dict[GrantKey, frozenset[Permission]]:
    found: defaultdict[GrantKey, set[Permission]] = defaultdict(set)
    for collection_id, service, permission in rows:
        found[collection_id, service].add(Permission(permission))
    return {key: frozenset(held) for key, held in found.items()}


def _version(row: RowMapping) -> ManifestVersion:
    return ManifestVersion(
        row["service"],
        row["version"],
        row["source"],
        row["sha256"],
        row["applied_by"],
        row["applied_us"],
        row["plan"],
        row["retired_us"],
        _abstract(row["declares"]),
    )


def _abstract(text: str) -> Abstract | None:
    if not text:
        return None
    stored = orjson.loads(text)
    requests = (AccessRequest(id_, Permission(permission), reason) for id_, permission, reason in stored["requests"])
    return Abstract(tuple(stored["collections"]), tuple(requests))
