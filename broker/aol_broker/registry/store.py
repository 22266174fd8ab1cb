"""What is registered, and how is that changed? One registry: a database, and the newest snapshot of it."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.manifest.declaration import Manifest
from aol_broker.registry import access_changes, collection_changes, move_changes, plan_changes, tables, token_changes
from aol_broker.registry.access_changes import Granted
from aol_broker.registry.database import RETRY_AFTER_S, Database
from aol_broker.registry.declaring import requested
from aol_broker.registry.loading import load, read_revision
from aol_broker.registry.moves import Move, move_from_row
from aol_broker.registry.notices import Listener
from aol_broker.registry.plan_changes import AppliedPlan, PlanToApply
from aol_broker.registry.schema import RegistryVersionError, bring_up
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, MintedToken, Permission, Snapshot
from aol_broker.registry.writer import Writer, transact
from aol_wire import errors
from aol_wire.errors import DataError, Reason

__all__ = ["KNOWN_WITHIN_S", "SECRET_BYTES", "Applied", "Registry", "RegistryVersionError"]

SECRET_BYTES = 32
# No broker lets a write through by what it read longer ago: what has been in the registry for so long, each goes by.
# Moves count on it; writers do not notice a registry that is away for less.
KNOWN_WITHIN_S = 5.0
_READ_AGAIN_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a manifest did, and where the service's access requests stand now. `orphaned` are its grants that
    answered requests which it makes no more."""

    service: str
    version: int
    changed: bool
    created: tuple[str, ...]
    active: tuple[Grant, ...]
    pending: tuple[Grant, ...]
    refused: tuple[Grant, ...] = ()
    orphaned: tuple[Grant, ...] = ()


class Registry:
    """The registry as one broker sees it. Several brokers may use one database.

    Every method that reaches the database raises DataError REGISTRY_UNAVAILABLE when that does not answer; `applied`
    tells what became of a change that fails so. A change whose caller is cancelled is finished all the same, and every
    change is in the snapshot before its method returns.
    """

    def __init__(
        self,
        url: str,
        *,
        default_adapter: str,
        password: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a registry; nothing is opened yet.

        :param url: SQLAlchemy's, of `sqlite+aiosqlite` or `postgresql+asyncpg`.
        :param default_adapter: what keeps the new collections of manifests.
        :param password: of the database's user, where the URL leaves it out.
        :param clock: by which a snapshot grows old, in seconds.
        """
        self._database = Database(url, password)
        self._default_adapter = default_adapter
        self._clock = clock
        self._snapshot = Snapshot()
        self._read_at = float("-inf")
        self._secrets: dict[str, bytes] = {}
        self._loads_begun = 0
        self._loaded = 0
        self._loading = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._changes: set[asyncio.Task[Any]] = set()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; reading it waits for nothing."""
        return self._snapshot

    @property
    def database(self) -> Database:
        """Where it is kept, for what is kept beside it and has no part in the snapshot."""
        return self._database

    async def open(self) -> None:
        """Make or update the tables, and load the snapshot.

        :raises RegistryVersionError: a newer program made the database.
        """
        self._database.make_file()
        async with self._database.migrating() as connection:
            await connection.run_sync(bring_up)
        await self._load()

    async def close(self) -> None:
        """Finish changes that are under way, then let go of the database. Calling it twice is harmless."""
        await asyncio.gather(*self._changes, return_exceptions=True)
        await self._database.close()

    async def check(self) -> None:
        """Return if the database answers."""
        async with self._database.reading() as connection:
            await read_revision(connection)

    async def refresh(self, at_least: int) -> Snapshot:
        """Return a snapshot of revision `at_least` or newer; what is there, if the registry has not come that far.

        Callers that wait at the same time share one reading of the database.
        """
        begun = self._loads_begun
        if self._snapshot.revision < at_least:
            async with self._loading:
                # A load that began after this call did has seen all that this caller may know of.
                if self._loaded <= begun:
                    await self._load_now()
        return self._snapshot

    async def known(self) -> Snapshot:
        """Return a snapshot that holds all that was in the registry KNOWN_WITHIN_S ago. It is there, as a rule.

        :raises DataError: REGISTRY_UNAVAILABLE, it had to be read and could not be; nothing was applied.
        """
        if self._clock() - self._read_at <= KNOWN_WITHIN_S:
            return self._snapshot
        try:
            async with asyncio.timeout(_READ_AGAIN_S):
                return await self.refresh(self._snapshot.revision + 1)
        except (DataError, TimeoutError):
            raise DataError(
                Reason.REGISTRY_UNAVAILABLE,
                f"This broker has not been able to read the registry for {KNOWN_WITHIN_S:g} seconds or more, and lets "
                "no write through by what it knew before. Nothing was changed.",
                retry_after_s=RETRY_AFTER_S,
                applied=errors.Applied.NO,
            ) from None

    async def follow(self) -> None:
        """Refresh as soon as other brokers tell of a change, for as long as this runs; SQLite tells nothing.

        Notices can be lost: callers refresh from time to time too.
        """
        await Listener(self._database, self.refresh).run()

    async def declare_collection(self, record: CollectionRecord, created_by: str) -> tuple[Snapshot, bool]:
        """Make a collection, or add what `record` has more than it; return whether it was made.

        Indexes are added and never removed. Description and schema hint change when they are given. Adapter, soft
        delete, validation and `declared` of a collection that exists stay.
        """
        existing = self._snapshot.collections.get(record.collection_id)
        if existing is not None and requested(existing, record) == existing:
            return self._snapshot, False
        created = await self.change(lambda writer: collection_changes.request_collection(writer, record, created_by))
        return self._snapshot, created

    async def apply_manifest(self, manifest: Manifest, text: str, source: str, applied_by: str) -> Applied:
        """Make the registry say what a manifest says, all of it or nothing.

        The text of the service's newest version again changes nothing, unless a collection was dropped since. `text` is
        what `manifest` was parsed from.
        """

        async def apply(writer: Writer) -> tuple[int, tuple[str, ...], bool]:
            version, created = await collection_changes.apply_manifest(
                writer, manifest, text, source=source, applied_by=applied_by, adapter=self._default_adapter
            )
            return version, created, writer.changed

        version, created, changed = await self.change(apply)
        asked = {request.collection_id for request in manifest.access_requests}
        grants = [grant for id_ in sorted(asked) for grant in self._snapshot.grants_of(id_, manifest.service)]
        return Applied(
            manifest.service,
            version,
            changed,
            created,
            tuple(grant for grant in grants if grant.state is GrantState.ACTIVE),
            tuple(grant for grant in grants if grant.state is GrantState.PENDING),
            tuple(grant for grant in grants if grant.state is GrantState.REFUSED),
            self._snapshot.orphaned_of(manifest.service),
        )

    async def apply_plan(self, plan: PlanToApply, applied_by: str) -> AppliedPlan:
        """Make the registry say what all manifests of a plan say, or nothing.

        :raises DataError: VERSION_MISMATCH, the registry is at another revision than the plan was made for.
        """
        return await self.change(
            lambda writer: plan_changes.apply_plan(writer, plan, applied_by=applied_by, adapter=self._default_adapter)
        )

    async def retire_manifest(self, service: str, version: int) -> bool:
        """Note that an older version of a service does not run any more; return whether that is news.

        :raises DataError: BAD_REQUEST, there is no such version, or it is the newest.
        """
        return await self.change(lambda writer: plan_changes.retire(writer, service, version))

    async def drop_collection(self, collection_id: str) -> bool:
        """Forget a collection, and what is shared, granted and refused of it; return whether it was known.

        What other services ask for stays asked.

        :raises DataError: BAD_REQUEST, a copy of it to another adapter is not over.
        """
        return await self.change(lambda writer: collection_changes.drop_collection(writer, collection_id))

    async def grant(
        self,
        collection_id: str,
        service: str,
        permission: Permission,
        granted_by: str,
        reason: str = "",
        *,
        limits: Limits = UNLIMITED,
    ) -> Granted:
        """Grant a permission by call, within limits; `service` may be a pattern. Return what that did.

        The same permission within other limits is replaced.

        :raises DataError: BAD_REQUEST, the service owns the collection, and with it has the permission.
        """
        if permission is not Permission.BYPASS_SECURITY:
            _refuse_owner(collection_id, service)
        return await self.change(
            lambda writer: access_changes.grant(
                writer, collection_id, service, permission, granted_by=granted_by, reason=reason, limits=limits
            )
        )

    async def revoke(self, collection_id: str, service: str, permission: Permission | None = None) -> bool:
        """Take a permission (None: every one) away, however it was given; return whether there was anything to take.

        After it the service does not hold the permission: an `admin` that covers it is lost too. What the owner's
        manifest shares stays revoked until the manifest is applied with another text. What was granted to a pattern is
        revoked from the pattern: the service goes on having that.

        :raises DataError: BAD_REQUEST, the service owns the collection, and with it has the permission.
        """
        if permission is not Permission.BYPASS_SECURITY:
            _refuse_owner(collection_id, service)
        return await self.change(lambda writer: access_changes.revoke(writer, collection_id, service, permission))

    async def mint_token(
        self,
        token_id: str,
        sha256: bytes,
        *,
        service: str = "",
        operator: str = "",
        created_by: str,
        lifetime_s: int = 0,
    ) -> MintedToken:
        """Keep a token of a service, or of an operator, by the SHA-256 of its text; a `lifetime_s` of 0 is for ever."""
        return await self.change(
            lambda writer: token_changes.mint(
                writer,
                token_id,
                sha256,
                service=service,
                operator=operator,
                created_by=created_by,
                lifetime_us=lifetime_s * 1_000_000,
            )
        )

    async def revoke_token(self, token_id: str) -> bool:
        """Revoke a token; return whether there was one of this id that was not revoked already."""
        return await self.change(lambda writer: token_changes.revoke(writer, token_id))

    async def move_of(self, collection_id: str) -> Move | None:
        """Return how far a collection is that moves to another adapter; None when it does not."""
        wanted = select(tables.moves).where(tables.moves.c.collection_id == collection_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).mappings().one_or_none()
        return None if row is None else move_from_row(row)

    async def begin_move(self, move: Move) -> bool:
        """Mark a collection as one that moves; return false when it moves already, or is kept elsewhere by now."""
        return await self.change(lambda writer: move_changes.begin(writer, move))

    async def advance_move(self, before: Move, after: Move) -> bool:
        """Write what a step of a move came to; return false, with nothing written, when it is not `before` any more."""
        return await self.change(lambda writer: move_changes.advance(writer, before, after))

    async def finish_move(self, before: Move) -> bool:
        """Have the target keep the collection; return false, with nothing written, when it is not `before` any more."""
        return await self.change(lambda writer: move_changes.switch(writer, before))

    async def abandon_move(self, collection_id: str) -> Move | None:
        """Give a move up and let writes through; return it, None when there is none."""
        return await self.change(lambda writer: move_changes.abandon(writer, collection_id))

    async def forget_move(self, move: Move) -> None:
        """Forget a move that was given up, once what it has copied is dropped."""
        await self.change(lambda writer: move_changes.forget(writer, move))

    async def secret(self, name: str) -> bytes:
        """Return the random key of a name, SECRET_BYTES long, which all brokers of this registry share."""
        if name not in self._secrets:
            self._secrets[name] = await self.change(lambda writer: _secret(writer, name))
        return self._secrets[name]

    async def change(self, change: Callable[[Writer], Awaitable[T]]) -> T:
        """Run a change in one transaction, for what has no method here; return what it returns.

        It runs in a task of its own, so that a caller who is cancelled does not leave it half seen.

        :raises DataError: what it raises; then nothing was changed.
        """
        task = asyncio.create_task(self._change_now(change))
        self._changes.add(task)
        task.add_done_callback(self._changed)
        return await asyncio.shield(task)

    def _changed(self, task: "asyncio.Task[Any]") -> None:
        self._changes.discard(task)
        if not task.cancelled():
            # Reading the exception keeps asyncio from reporting it when the caller was cancelled.
            task.exception()

    async def _change_now(self, change: Callable[[Writer], Awaitable[T]]) -> T:
        async with self._writing:
            writer, result = await transact(self._database, change)
            # A change that found nothing to do can have found what another broker did.
            if self._snapshot.revision < writer.revision_after:
                await self._read_back(changed=writer.changed)
            return result

    async def _read_back(self, *, changed: bool) -> None:
        """Load what a transaction has seen. If that fails, the next call that knows of it, or refresh, tries again."""
        try:
            await self._load()
        except DataError as error:
            if not changed:
                error.applied = errors.Applied.NO
                raise
            raise DataError(
                Reason.REGISTRY_UNAVAILABLE,
                "The change is made, but this broker cannot read the registry now and does not go by it yet; it tries "
                "again by itself.",
                retry_after_s=RETRY_AFTER_S,
                applied=errors.Applied.YES,
            ) from None

    async def _load(self) -> None:
        async with self._loading:
            await self._load_now()

    async def _load_now(self) -> None:
        self._loads_begun += 1
        number, begun_at = self._loads_begun, self._clock()
        async with self._database.reading() as connection:
            self._snapshot = await load(connection, self._snapshot)
        self._read_at = begun_at
        self._loaded = number


async def _secret(writer: Writer, name: str) -> bytes:
    rows = await writer.select(tables.secrets, name=name)
    if rows:
        return bytes(rows[0]["value"])
    value = secrets.token_bytes(SECRET_BYTES)
    await writer.insert(tables.secrets, {"name": name, "value": value, "created_us": writer.now_us})
    return value


def _refuse_owner(collection_id: str, service: str) -> None:
    if collection_id.partition(".")[0] == service:
        raise DataError.invalid(
            Reason.BAD_REQUEST, "target_service", f"{service} owns the collection and has every permission already"
        )
