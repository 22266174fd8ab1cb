"""Which calls are made on secured collections at random? Every answer is compared with the model's."""

import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_cli.operator_calls import operator_calls
from aol_client import AOLDataClient, BulkWriteError, DataClientError, SecurityContext
from secured_model import POLICIES, Model, Policy, Stored, Who, matching, ordered

OWNER, APP, REPORTER = "secured-owner", "secured-app", "secured-reporter"

_CALLS_OF_A_PROGRAM = 40
_USERS = ("ann", "bob", "cy", "dee")
_TEAMS, _ROLES, _REGIONS = ("ops", "dev"), ("lead", "ops"), ("eu", "us")
_ENTRIES = (*(f"user:{name}" for name in _USERS), *(f"team:{name}" for name in _TEAMS), "role:lead", "role:ops")
_TIMES = ("_created_at", "_updated_at", "_deleted_at")


def manifest() -> str:
    """Return the manifest of the owner of a collection for each policy."""
    sharing = "".join(
        f"          - {{service: {APP}, permission: {permission}}}\n" for permission in ("admin", "assert-context")
    )
    collections = "".join(
        f"      - name: {policy.name}\n        softDelete: {str(policy.soft).lower()}\n"
        f"        security: {{{policy.manifest}}}\n        sharing:\n{sharing}"
        for policy in POLICIES
    )
    return f"metadata: {{name: {OWNER}}}\nspec:\n  dataRequirements:\n    collections:\n{collections}"


def _app_manifest() -> str:
    requests = "".join(
        f"      - {{collection: {OWNER}.{policy.name}, permission: {permission}}}\n"
        for policy in POLICIES
        for permission in ("admin", "assert-context")
    )
    return f"metadata: {{name: {APP}}}\nspec:\n  dataRequirements:\n    accessRequests:\n{requests}"


async def prepare(endpoint: str, operator_token: str) -> None:
    """Apply the manifests, and give the reporter what it needs."""
    async with operator_calls(endpoint, operator_token) as calls:
        for text in (manifest(), _app_manifest()):
            request = admin_pb2.ApplyManifestRequest(manifest=text, source="manifest.yaml")
            await calls.admin("ApplyManifest", request, admin_pb2.ApplyManifestResponse)
        for policy in POLICIES:
            for permission in (collection_pb2.PERMISSION_ADMIN, collection_pb2.PERMISSION_BYPASS_SECURITY):
                grant = pb.GrantAccessRequest(
                    collection=f"{OWNER}.{policy.name}", target_service=REPORTER, permission=permission
                )
                await calls.data("GrantAccess", grant, pb.GrantAccessResponse)


class Program:
    """Random calls on one collection, each compared with the model."""

    def __init__(self, seed: int, clients: Mapping[str, list[AOLDataClient]]) -> None:
        """`clients` are those of each service: of each transport one."""
        self._random = random.Random(seed)
        self._clients = clients
        self._policy: Policy = self._random.choice(POLICIES)
        self._model = Model(self._policy)
        self._collection = f"{OWNER}.{self._policy.name}"
        self.calls = 0

    async def run(self) -> None:
        """Make the calls, and leave the collection empty."""
        for _ in range(_CALLS_OF_A_PROGRAM):
            who, client = self._who(), self._client(OWNER, APP)
            self.calls += 1
            if self._policy.lacks(who):
                await self._refused(client, who)
            else:
                await self._random.choice(self._operations())(self._speaking(client, who), who)
        await self._everything()

    def _operations(self) -> list[Callable[[AOLDataClient, Who], Coroutine[Any, Any, None]]]:
        reads = [self._insert, self._insert, self._insert_many, self._query, self._query, self._count]
        changes = [self._update, self._update, self._version, self._delete, self._restore, self._purge]
        return [*reads, *changes, *([self._share, self._share] if self._policy.acl else [])]

    async def _everything(self) -> None:
        """Whoever bypasses security reaches all there is, and can take it away."""
        reporter = self._client(REPORTER)
        found = await reporter.query(self._collection, deleted="include")
        assert [_plain(item) for item in found] == [
            item.shown() for item in ordered(self._model.documents.values(), [])
        ]
        assert await reporter.count(self._collection) == sum(
            not item.deleted for item in self._model.documents.values()
        )
        await reporter.delete(self._collection, allow_all=True)
        if self._policy.soft:
            await reporter.purge(self._collection, allow_all=True)

    def _client(self, *services: str) -> AOLDataClient:
        return self._random.choice(self._clients[self._random.choice(services)])

    def _some(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value for value in values if self._random.random() < 0.4)

    def _who(self) -> Who:
        pick = self._random
        return Who(
            tenant=pick.choice(("north", "south", "south", "")) if self._policy.tenant else "",
            user=pick.choice((*_USERS, *_USERS, "")),
            teams=self._some(_TEAMS),
            roles=self._some(_ROLES),
            regions=pick.choice((None, (), ("eu",), ("us",), _REGIONS, _REGIONS)),
            clearance=pick.choice((None, 0, 1, 2, 3)),
        )

    def _speaking(self, client: AOLDataClient, who: Who) -> AOLDataClient:
        context = SecurityContext(who.tenant, who.user, who.teams, who.roles, who.attributes)
        if self._policy.lacks(Who()) or context != SecurityContext():
            return client.with_context(context)
        return client  # what needs nothing can be asked for nobody

    async def _refused(self, client: AOLDataClient, who: Who) -> None:
        speaking = client if who == Who() else self._speaking(client, who)
        call = self._random.choice((speaking.count, speaking.query))
        assert await _outcome(call(self._collection)) == "CONTEXT_REQUIRED"

    def _body(self) -> dict[str, Any]:
        pick = self._random
        said = {
            "n": pick.choice((None, 0, 1, 2, 3)),
            "region": pick.choice((None, *_REGIONS, *_REGIONS)),
            "team": pick.choice((None, *_TEAMS, *_TEAMS)),
            "level": pick.choice((None, 0, 1, 2, 3)),
        }
        return {key: value for key, value in said.items() if value is not None}

    def _document(self) -> tuple[str, dict[str, Any], dict[str, list[str]] | None]:
        acl = None
        if self._policy.acl and self._random.random() < 0.7:
            acl = {"read": list(self._some(_ENTRIES)), "write": list(self._some(_ENTRIES))}
        stored = list(self._model.documents.values())
        if stored and self._random.random() < 0.3:
            again = self._random.choice(stored)
            return again.id, dict(again.body), acl
        return f"d{self._random.randrange(12)}", self._body(), acl

    def _filters(self, depth: int = 0) -> dict[str, Any]:
        pick = self._random
        kinds: list[dict[str, Any]] = [
            {"n": {"$gte": pick.randrange(4)}},
            {"region": pick.choice(_REGIONS)},
            {"region": {"$ne": pick.choice(_REGIONS)}},
            {"_owner": pick.choice(_USERS)},
            {"_tenant": pick.choice(("north", "south"))},
            {"_id": f"d{pick.randrange(12)}"},
            {"_acl": {"$exists": pick.choice((True, False))}},
            {"team": {"$exists": pick.choice((True, False))}},
        ]
        if depth < 2:
            kinds += [{"$or": [self._filters(depth + 1), self._filters(depth + 1)]}] * 3
            kinds += [{"$not": self._filters(depth + 1)}] * 2
        return pick.choice(kinds)

    def _maybe_filters(self) -> dict[str, Any]:
        return {} if self._random.random() < 0.3 else self._filters()

    async def _insert(self, client: AOLDataClient, who: Who) -> None:
        id_, body, acl = self._document()
        expected = self._model.add(who, id_, body, acl) or id_
        document = {"_id": id_, **body, **({} if acl is None else {"_acl": acl})}
        assert await _outcome(client.insert(self._collection, document)) == expected

    async def _insert_many(self, client: AOLDataClient, who: Who) -> None:
        documents = [self._document() for _ in range(self._random.randrange(1, 4))]
        expected = [
            (index, reason) for index, item in enumerate(documents) if (reason := self._model.add(who, *item)) != ""
        ]
        failed = []
        try:
            await client.insert_many(
                self._collection,
                [{"_id": id_, **body, **({} if acl is None else {"_acl": acl})} for id_, body, acl in documents],
            )
        except BulkWriteError as error:
            failed = [(failure.index, failure.error.reason) for failure in error.failures]
        assert failed == expected

    async def _query(self, client: AOLDataClient, who: Who) -> None:
        pick, filters = self._random, self._maybe_filters()
        sort = [(path, pick.choice(("asc", "desc"))) for path in ("region", "n") if pick.random() < 0.4]
        limit, skip = pick.choice((None, 1, 3)), pick.choice((0, 0, 1))
        projection = pick.choice((None, None, ["n", "_owner"]))
        expected = [item.shown() for item in ordered(matching(self._model.reached(who), filters), sort)]
        expected = expected[skip:] if limit is None else expected[skip : skip + limit]
        if projection is not None:
            expected = [{key: item[key] for key in ("_id", *projection) if key in item} for item in expected]
        stream = client.stream(
            self._collection,
            filters,
            sort=sort,
            limit=limit,
            skip=skip,
            projection=projection,
            page_size=pick.choice((None, 1, 2, 5)),
        )
        assert [_plain(item) async for item in stream] == expected

    async def _count(self, client: AOLDataClient, who: Who) -> None:
        filters = self._maybe_filters()
        assert await client.count(self._collection, filters) == len(matching(self._model.reached(who), filters))

    async def _update(self, client: AOLDataClient, who: Who) -> None:
        filters, value = self._maybe_filters(), self._random.randrange(4)
        path = self._random.choice(("n", "n", "region", "team", "level"))
        update: dict[str, Any] = {path: value if path in ("n", "level") else self._random.choice(_REGIONS + _TEAMS)}
        targets = matching(self._model.reached(who, change=True), filters)
        # Where a condition looks at the path, what is there afterwards must meet it.
        is_let_through = path != self._policy.looks_at or self._policy.meets(update, who)
        expected = len(targets) if is_let_through else "FIELD_DENIED"
        assert await _outcome(client.update(self._collection, filters, update, allow_all=True)) == expected
        for item in targets if is_let_through else ():
            item.body = {**item.body, **update}
            item.version += 1

    async def _share(self, client: AOLDataClient, who: Who) -> None:
        """Change access control lists, which reaches the documents that the user owns, alone or beside a value."""
        pick, filters = self._random, self._maybe_filters()
        acl: dict[str, list[str]] | None = {"read": list(self._some(_ENTRIES)), "write": list(self._some(_ENTRIES))}
        update: dict[str, Any] = pick.choice(({"_acl": acl}, {"$set": {"_acl": acl, "n": 2}}, {"$unset": {"_acl": 1}}))
        if "$unset" in update:
            acl = None
        targets = [item for item in matching(self._model.reached(who, change=True), filters) if item.owner == who.user]
        assert await client.update(self._collection, filters, update, allow_all=True) == len(targets)
        for item in targets:
            item.write = frozenset(acl["write"] if acl else ())
            item.read = frozenset(acl["read"] if acl else ()) | item.write
            item.body = {**item.body, **({"n": 2} if "n" in update.get("$set", {}) else {})}
            item.version += 1

    async def _version(self, client: AOLDataClient, who: Who) -> None:
        id_, version = f"d{self._random.randrange(12)}", self._random.randrange(1, 3)
        targets = matching(self._model.reached(who, change=True), {"_id": id_})
        mismatch = any(item.version != version for item in targets)
        change = client.update(self._collection, {"_id": id_}, {"$set": {"n": 3}}, if_version=version)
        assert await _outcome(change) == ("VERSION_MISMATCH" if mismatch else len(targets))
        for item in targets if not mismatch else ():
            item.body = {**item.body, "n": 3}
            item.version += 1

    async def _delete(self, client: AOLDataClient, who: Who) -> None:
        filters = self._filters()
        targets = matching(self._model.reached(who, change=True), filters)
        assert await client.delete(self._collection, filters) == len(targets)
        if self._policy.soft:
            for item in targets:
                item.deleted = True
        else:
            self._model.drop(targets)

    async def _restore(self, client: AOLDataClient, who: Who) -> None:
        targets = self._deleted(who)
        assert await client.restore(self._collection, allow_all=True) == len(targets)
        for item in targets:
            item.deleted = False

    async def _purge(self, client: AOLDataClient, who: Who) -> None:
        targets = self._deleted(who)
        assert await client.purge(self._collection, allow_all=True) == len(targets)
        self._model.drop(targets)

    def _deleted(self, who: Who) -> list[Stored]:
        return self._model.reached(who, change=True, deleted=True)


async def _outcome(call: Awaitable[Any]) -> Any:
    """Return what a call returns, or the reason for which it fails."""
    try:
        return await call
    except DataClientError as error:
        return error.reason


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _TIMES}


async def run_programs(endpoint: str, first_seed: int, calls: int) -> int:
    """Run programs until there were so many calls; return how many there were.

    :raises AssertionError: an answer is not the model's; the note on it names the program's seed.
    """
    clients = {
        service: [AOLDataClient(endpoint, service, transport=transport) for transport in ("frames", "unary")]
        for service in (OWNER, APP, REPORTER)
    }
    made, seed = 0, first_seed
    try:
        while made < calls:
            program = Program(seed, clients)
            try:
                await program.run()
            except BaseException as error:
                error.add_note(f"in the program of seed {seed}, at its call {program.calls}")
                raise
            made, seed = made + program.calls, seed + 1
    finally:
        for client in (client for both in clients.values() for client in both):
            await client.close()
    return made
