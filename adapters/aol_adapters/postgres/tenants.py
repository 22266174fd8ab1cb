"""Where are the documents of a tenant? In the table of all, or in a schema or database of the tenant's own."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from time import monotonic
from typing import NamedTuple

import asyncpg

from aol_adapters.postgres import building
from aol_adapters.postgres.builds import Builds
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.database import Database, Deadline
from aol_adapters.postgres.failures import LOST, failure
from aol_adapters.postgres.quoting import fit_name, quote_name
from aol_adapters.postgres.settings import Settings
from aol_wire.adapter import CollectionSpec, Target
from aol_wire.errors import DataError, Reason
from aol_wire.storage import Tenancy

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NOT_OF_SLUGS = re.compile(r"[^a-z0-9_-]+")
_HASH_DIGITS = 12
_CATALOGUE_GOOD_FOR_S = 1.0


class Place(NamedTuple):
    """A database, and the name under which its catalogue has a collection. Neither service nor tenant holds an `@`
    where it would matter: names of services have none."""

    database: Database
    target: Target


@dataclass(slots=True)
class _Opened:
    database: Database
    uses: int = 0
    read_at: float = field(default_factory=monotonic)


class Tenants:
    """Finds the places of tenants, and makes them when the first document comes."""

    def __init__(self, settings: Settings, main: Database, builds: Builds) -> None:
        self._settings = settings
        self._main = main
        self._builds = builds
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        self._opening = asyncio.Lock()
        self._made: set[tuple[str, str, str]] = set()

    async def close(self) -> None:
        """Close the databases of tenants."""
        opened = list(self._opened.values())
        self._opened.clear()
        await asyncio.gather(*(it.database.close() for it in opened))

    def forget(self, target: Target) -> None:
        """Take notice that a collection was dropped."""
        self._made = {made for made in self._made if made[:2] != (target.service, target.collection)}

    def here(self, target: Target) -> Place | None:
        """Return the place of a request if it is known to be in the table of all: what `use` finds, at less cost."""
        known = self._main.known(target.service, target.collection)
        if known is not None and (known.storage.tenancy is Tenancy.SHARED or target.tenant == ""):
            return Place(self._main, target)
        return None

    @asynccontextmanager
    async def use(self, target: Target, until: Deadline, *, make: bool) -> AsyncIterator[Place | None]:
        """Lend the place of a request; None when the tenant has none yet and none is to be made.

        :raises DataError: CAPABILITY_UNSUPPORTED for a request across tenants that are kept apart; OVERLOADED when too
            many tenants' databases are in use.
        """
        known = await self._known(target, until)
        tenancy = known.storage.tenancy
        if tenancy is Tenancy.SHARED or target.tenant == "":
            yield Place(self._main, target)
            return
        if target.tenant is None:
            raise DataError(
                Reason.CAPABILITY_UNSUPPORTED,
                f"the collection keeps each tenant in a {tenancy.value} of its own, and a call goes to one of them",
                metadata={"capability": "tenancy"},
            )
        if not make and not await self._is_made(known, target.tenant, until):
            yield None
            return
        async with self._place(known, target.tenant, until) as place:
            if (known.service, known.name, target.tenant) not in self._made:
                await self._make(known, place, target.tenant, until)
            yield Place(place.database, replace(place.target, tenant=target.tenant))

    @asynccontextmanager
    async def all(self, target: Target, until: Deadline) -> AsyncIterator["AsyncIterator[Place]"]:
        """Lend an iterator over the places of all tenants that have one of their own."""
        known = await self._known(target, until)
        async with self._main.connection(until) as connection:
            tenants = await self._main.catalogue.read_tenants(connection, target.service, target.collection)
        yield self._places(known, tenants, until)

    @asynccontextmanager
    async def databases(self) -> AsyncIterator["AsyncIterator[Database]"]:
        """Lend an iterator over all databases of tenants."""
        until = Deadline(None)
        async with self._main.connection(until) as connection:
            rows = await self._main.catalogue.read_all_tenants(connection)
        names: dict[str, None] = {}
        for service, name, tenant in rows:
            known = await self._main.collection(service, name, until)
            if known.storage.tenancy is Tenancy.DATABASE:
                names[self._database_name(tenant)] = None
        yield self._each(names)

    async def _each(self, names: Iterable[str]) -> AsyncIterator[Database]:
        for name in names:
            async with self._database(name) as database:
                yield database

    async def _places(self, known: Collection, tenants: Iterable[str], until: Deadline) -> AsyncIterator[Place]:
        for tenant in tenants:
            async with self._place(known, tenant, until) as place:
                yield place

    async def _known(self, target: Target, until: Deadline) -> Collection:
        return await self._main.collection(target.service, target.collection, until)

    async def _is_made(self, known: Collection, tenant: str, until: Deadline) -> bool:
        if (known.service, known.name, tenant) in self._made:
            return True
        async with self._main.connection(until) as connection:
            return tenant in await self._main.catalogue.read_tenants(connection, known.service, known.name)

    async def _make(self, known: Collection, place: Place, tenant: str, until: Deadline) -> None:
        """Make the tenant's own table, as the collection's is."""
        async with self._main.connection(until) as connection:
            await self._main.catalogue.add_tenant(connection, known.service, known.name, tenant)
        spec = CollectionSpec(
            place.target,
            known.schema_hint,
            tuple(status.spec for status in known.indexes.values()),
            storage=replace(known.storage, tenancy=Tenancy.SHARED),
        )
        await building.ensure(place.database, self._builds, spec)
        self._made.add((known.service, known.name, tenant))

    @asynccontextmanager
    async def _place(self, known: Collection, tenant: str, until: Deadline) -> AsyncIterator[Place]:
        if known.storage.tenancy is Tenancy.SCHEMA:
            yield Place(self._main, Target(f"{known.service}@{tenant}", known.name, tenant))
            return
        async with self._database(self._database_name(tenant), until) as database:
            yield Place(database, Target(known.service, known.name, tenant))

    def _database_name(self, tenant: str) -> str:
        """Return the name of a tenant's database, `aol_tenant_<slug>`; what is no slug is made one that is its own."""
        slug = tenant
        if _SLUG.fullmatch(tenant) is None:
            readable = _NOT_OF_SLUGS.sub("-", tenant.lower())[:20].strip("-")
            slug = f"{readable}~{sha256(tenant.encode()).hexdigest()[:_HASH_DIGITS]}"
        return fit_name(f"{self._settings.prefix}_tenant_{slug}")

    @asynccontextmanager
    async def _database(self, name: str, until: Deadline | None = None) -> AsyncIterator[Database]:
        """Lend an open database, which stays open for the next use until others push it out."""
        async with self._opening:
            opened = self._opened.get(name)
            if opened is None:
                await self._make_room()
                opened = _Opened(await self._open(name, until or Deadline(None)))
                self._opened[name] = opened
            self._opened.move_to_end(name)
            opened.uses += 1
        if monotonic() - opened.read_at > _CATALOGUE_GOOD_FOR_S:
            # Nobody asks after its health, by which other catalogues are known to have changed.
            opened.read_at = monotonic()
            opened.database.forget()
        try:
            yield opened.database
        finally:
            opened.uses -= 1

    async def _make_room(self) -> None:
        if len(self._opened) < self._settings.tenant_databases:
            return
        name = next((name for name, opened in self._opened.items() if opened.uses == 0), None)
        if name is None:
            raise DataError(
                Reason.OVERLOADED,
                f"the databases of {len(self._opened)} tenants are in use; repeat later, or give the adapter a larger "
                "--tenant-databases",
                retry_after_s=0.5,
            )
        await self._opened.pop(name).database.close()

    async def _open(self, name: str, until: Deadline) -> Database:
        await self._create(name, until)
        size = max(2, self._settings.pool_size // 4)
        database = Database(replace(self._settings, database=name, pool_size=size))
        await database.open()
        return database

    async def _create(self, name: str, until: Deadline) -> None:
        """Make a database if there is none of the name."""
        try:
            async with asyncio.timeout(until.left()):
                # Not one of the pool: a pooler's connection is in a transaction, where no database is made.
                connection = await asyncpg.connect(**self._settings.connect_arguments())
                try:
                    sql = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1"
                    async with connection.transaction():
                        is_there = await connection.fetchval(sql, name)
                    if is_there is None:
                        await _create_database(connection, name)
                finally:
                    connection.terminate()
        except asyncpg.InsufficientPrivilegeError:
            raise DataError(
                Reason.ADAPTER_DOWN,
                "PostgreSQL does not let the adapter's role make a database for a tenant; it needs CREATEDB",
                retry_after_s=60.0,
            ) from None
        except (asyncpg.PostgresError, TimeoutError, *LOST) as error:
            found = failure(error)
            if found is None:
                raise
            raise found from None


async def _create_database(connection: asyncpg.Connection, name: str) -> None:
    try:
        await connection.execute(f"CREATE DATABASE {quote_name(name)} TEMPLATE template0 ENCODING 'UTF8'")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # another adapter has just made it
