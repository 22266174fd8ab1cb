"""Do brokers on one registry go by the same grants at once, however they hear of them?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import grpc.aio
import pytest

from aol.admin.v1 import token_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.data_broker_pb2_grpc import DataBrokerStub
from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.registry.notices import LISTENER_NAME
from aol_broker.server import Broker, StartError
from aol_broker.settings import load_settings
from aol_cli.operator_calls import operator_calls
from aol_client import AOLDataClient, PermissionDeniedError, UnauthenticatedError
from aol_client.failures import CallFacts, from_rpc_error
from postgres_server import rows, sqlalchemy_url, statements
from running_brokers import UNVERIFIED

WITHIN_S = 20.0
NEVER_S = 3600.0
OFTEN_S = 0.05
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"

Brokers = tuple[Broker, Broker]


@contextlib.asynccontextmanager
async def two_brokers(folder: Path, dsn: str, *, poll_every_s: float) -> AsyncIterator[Brokers]:
    """Run two brokers on one registry, over one database, which both listen."""
    async with brokers_on(folder, registry_settings(folder, dsn), poll_every_s=poll_every_s) as brokers:
        await listeners(dsn)
        yield brokers


@contextlib.asynccontextmanager
async def brokers_on(folder: Path, registry: dict[str, str], *, poll_every_s: float) -> AsyncIterator[Brokers]:
    """Run two brokers on one registry, over one database."""
    adapter = MemoryAdapter()
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for name in ("a", "b"):
            values = {"data_dir": str(folder / name), "broker_id": name, "listen": "127.0.0.1:0"}
            others = {"registry": registry, "authentication": UNVERIFIED}
            settings = load_settings(None, {**values, **others})
            broker = Broker(settings, in_process={"memory": adapter}, tend_every_s=poll_every_s)
            stack.push_async_callback(broker.stop)
            await broker.start()
            made.append(broker)
        yield made[0], made[1]


def registry_settings(folder: Path, dsn: str) -> dict[str, str]:
    """Return where the registry is, its password in a file as a container has it."""
    password = urlsplit(dsn).password
    if password is None:
        return {"url": sqlalchemy_url(dsn)}
    (folder / "password").write_text(f"{unquote(password)}\n")
    return {"url": sqlalchemy_url(dsn).replace(f":{password}@", "@"), "password_file": str(folder / "password")}


async def listeners(dsn: str) -> list[int]:
    """Return the server's processes for the two brokers' listening connections, as soon as both listen."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = [row["pid"] for row in await rows(dsn, LISTENERS, LISTENER_NAME)]
            if len(found) == 2:
                return found


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await holds():
            pass


async def allowed(reader: AOLDataClient) -> bool:
    try:
        return [document["_id"] for document in await reader.query("owner.events")] == ["one"]
    except PermissionDeniedError:
        return False


async def denied(reader: AOLDataClient) -> bool:
    return not await allowed(reader)


async def test_what_one_broker_is_told_the_other_goes_by_without_polling(
    tmp_path: Path, postgres_database: str
) -> None:
    async with (
        two_brokers(tmp_path, postgres_database, poll_every_s=NEVER_S) as (a, b),
        AOLDataClient(a.endpoint, "owner") as owner,
        # It speaks with the other broker only, which can know of the grant from the registry alone.
        AOLDataClient(b.endpoint, "reader") as reader,
    ):
        await owner.request_collection("events")
        await owner.insert("events", {"_id": "one"})
        assert await denied(reader)
        await owner.grant_access("events", "reader", "read")
        await until(lambda: allowed(reader))
        await owner.revoke_access("events", "reader", "read")
        await until(lambda: denied(reader))


DIFFERENT_ACCESS: dict[str, dict[str, Any] | None] = {
    "fewer fields": {"fields": ["n"]},
    "fewer documents": {"where": {"n": 0}},
    "none": None,
}


class PageAfterPage:
    """Asks one broker for pages without the SDK, which would tell the broker what it has heard from another one."""

    def __init__(self, endpoint: str) -> None:
        self._channel = grpc.aio.insecure_channel(endpoint)
        self._query = DataBrokerStub(self._channel).QueryData  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._channel.close()

    async def page(self, token: str = "", revision: int = 0) -> str:
        """Return the token of the page after this one, or the reason why there is none."""
        request = pb.QueryDataRequest(collection="owner.events", page_size=1, page_token=token)
        headers = (("aol-service", "reader"), ("aol-revision", str(revision)))
        try:
            return str((await self._query(request, metadata=headers, timeout=WITHIN_S)).next_page_token)
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error, CallFacts("", "", WITHIN_S, writes=False)).reason


@pytest.mark.parametrize("change", DIFFERENT_ACCESS)
async def test_a_broker_that_is_asked_with_a_revision_goes_by_the_grants_of_it_at_once(
    tmp_path: Path, change: str
) -> None:
    # On SQLite a broker hears nothing of what another one changes, and here it never looks by itself.
    registry = {"url": f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}"}
    async with (
        brokers_on(tmp_path, registry, poll_every_s=NEVER_S) as (a, b),
        AOLDataClient(a.endpoint, "owner") as owner,
        contextlib.AsyncExitStack() as stack,
    ):
        reader = PageAfterPage(b.endpoint)
        stack.push_async_callback(reader.close)
        await owner.request_collection("events")
        await owner.insert_many("events", [{"_id": str(n), "n": n} for n in range(5)])
        await owner.grant_access("events", "reader", "read")
        second = await reader.page(revision=await revision_of(a))
        third = await reader.page(second)
        limits = DIFFERENT_ACCESS[change]
        if limits is None:
            await owner.revoke_access("events", "reader")
        else:
            await owner.grant_access("events", "reader", "read", **limits)
        assert await reader.page(third) not in ("GRANT_MISSING", "BAD_PAGE_TOKEN")
        ended = "GRANT_MISSING" if limits is None else "BAD_PAGE_TOKEN"
        assert await reader.page(third, revision=await revision_of(a)) == ended
        # From then on it is so for everybody.
        assert await reader.page(third) == ended


async def revision_of(broker: Broker) -> int:
    """Return the registry's revision as an answer of the broker tells it."""
    async with grpc.aio.insecure_channel(broker.endpoint) as channel:
        call = DataBrokerStub(channel).ListCollections(  # type: ignore[no-untyped-call]
            pb.ListCollectionsRequest(), metadata=(("aol-service", "owner"),)
        )
        await call
        return int(dict(await call.trailing_metadata())["aol-revision"])


async def test_the_pages_of_a_stream_end_soon_after_another_broker_took_the_access_away(
    tmp_path: Path, postgres_database: str
) -> None:
    async with (
        two_brokers(tmp_path, postgres_database, poll_every_s=NEVER_S) as (a, b),
        AOLDataClient(a.endpoint, "owner") as owner,
        contextlib.AsyncExitStack() as stack,
    ):
        reader = PageAfterPage(b.endpoint)
        stack.push_async_callback(reader.close)
        await owner.request_collection("events")
        await owner.insert_many("events", [{"_id": str(n), "n": n} for n in range(5)])
        await owner.grant_access("events", "reader", "read")
        second = await reader.page(revision=await revision_of(a))

        async def ended() -> bool:
            return await reader.page(second) == "GRANT_MISSING"

        assert not await ended()
        await owner.revoke_access("events", "reader")
        await until(ended)


async def test_a_token_that_one_broker_mints_or_revokes_is_good_or_bad_for_the_other(
    tmp_path: Path, postgres_database: str
) -> None:
    async with (
        two_brokers(tmp_path, postgres_database, poll_every_s=NEVER_S) as (a, b),
        operator_calls(a.endpoint, a.operator_token) as operator,
    ):
        asked = token_pb2.CreateTokenRequest(service="owner")
        minted = await operator.admin("CreateToken", asked, token_pb2.CreateTokenResponse)
        async with AOLDataClient(b.endpoint, "owner", token=minted.text) as owner:
            await until(lambda: believed(owner))
            revoke = token_pb2.RevokeTokenRequest(token_id=minted.token.id)
            assert (await operator.admin("RevokeToken", revoke, token_pb2.RevokeTokenResponse)).revoked
            async with asyncio.timeout(1):
                await until(lambda: refused(owner))


async def believed(owner: AOLDataClient) -> bool:
    try:
        await owner.list_collections()
    except UnauthenticatedError:
        return False
    return True


async def refused(owner: AOLDataClient) -> bool:
    return not await believed(owner)


async def test_brokers_that_cannot_listen_poll_and_listen_again_when_they_can(
    tmp_path: Path, postgres_dsn: str, postgres_database: str
) -> None:
    name = postgres_database.partition("?")[0].rpartition("/")[2]
    async with (
        two_brokers(tmp_path, postgres_database, poll_every_s=OFTEN_S) as (a, b),
        AOLDataClient(a.endpoint, "owner") as owner,
        AOLDataClient(b.endpoint, "reader") as reader,
    ):
        await owner.request_collection("events")
        await owner.insert("events", {"_id": "one"})
        lost = await listeners(postgres_database)
        # The brokers go on with the connections that they have, and get no new ones.
        await statements(postgres_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await statements(postgres_dsn, *(f"SELECT pg_terminate_backend({pid}, 5000)" for pid in lost))
        await owner.grant_access("events", "reader", "read")
        await until(lambda: allowed(reader))
        await statements(postgres_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert not set(lost) & set(await listeners(postgres_database))


async def test_a_broker_whose_password_file_is_missing_says_so_and_does_not_start(
    tmp_path: Path, postgres_database: str
) -> None:
    url = sqlalchemy_url(postgres_database).replace(f":{urlsplit(postgres_database).password}@", "@")
    registry = {"url": url, "password_file": str(tmp_path / "nowhere")}
    values = {"data_dir": str(tmp_path), "listen": "127.0.0.1:0", "authentication": UNVERIFIED}
    settings = load_settings(None, {**values, "registry": registry})
    broker = Broker(settings, in_process={"memory": MemoryAdapter()})
    with pytest.raises(StartError, match=r"registry\.password_file cannot be read"):
        await broker.start()
