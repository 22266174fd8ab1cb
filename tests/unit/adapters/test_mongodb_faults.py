"""What does a caller see when MongoDB is slow, full of others, gone, or back again?"""

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass, field

import pytest

from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings
from aol_wire.adapter import Delete, Insert, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filter_parser import parse_filter
from mongodb_adapters import TARGET, documents, failure_of, insert, opened, own_server, query, spec, update
from mongodb_server import MongodbServer, native

# The driver repeats a write whose answer was lost. MongoDB remembers across a crash that it has done it; the server of
# the tests does not, and does it once more: one for each writer, as each has one write under way.
FORGOTTEN = 1
SECRET = "the-secret-of-all"


async def until_well(adapter: object) -> None:
    async with asyncio.timeout(60):
        while await failure_of(adapter.check()) is not None:  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)


@dataclass
class Load:
    """What some writers, each on its own, were told."""

    adapter: MongodbAdapter
    inserted: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    failures: list[DataError] = field(default_factory=list)

    async def run(self, lane: str, stop: asyncio.Event) -> None:
        """Insert a document and count it in another, one at a time or in one transaction with a third."""
        number = 0
        while not stop.is_set():
            number += 1
            id_ = f"{lane}-{number}"
            if await self._done(insert({id_: {"n": number}}, timeout_s=5)):
                self.inserted.append(id_)
            counters = {"counts": lane} if number % 2 else {"_id": lane}
            if await self._done(update(counters, {"$inc": {"times": 1}}, timeout_s=5)):
                self.counted[lane] += 1
            elif self.failures[-1].applied is not Applied.NO:
                self.uncertain[lane] += 1

    async def _done(self, write: Write) -> bool:
        error = await failure_of(self.adapter.write(write))
        if error is not None:
            self.failures.append(error)
        return error is None


async def test_nothing_that_was_acknowledged_is_lost_when_the_server_is_killed_in_mid_load() -> None:
    lanes = ["a", "b", "c", "d"]
    async with own_server("--sync-on-commit") as server, opened(server.uri()) as adapter:
        await adapter.ensure_collection(spec())
        for lane in lanes:
            await adapter.write(insert({lane: {"counts": lane, "times": 0}, f"{lane}2": {"counts": lane}}))
        load, stop = Load(adapter), asyncio.Event()
        tasks = [asyncio.create_task(load.run(lane, stop)) for lane in lanes]
        while len(load.inserted) < 50:
            await asyncio.sleep(0.01)
        await server.stop(signal.SIGKILL)
        while not load.failures:
            await asyncio.sleep(0.01)
        before = len(load.inserted)
        await server.start()
        while len(load.inserted) < before + 50:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*tasks)
        kept = documents(await adapter.find(query(limit=10_000)))
        assert set(load.inserted) <= kept.keys()
        for lane in lanes:
            assert load.counted[lane] <= kept[lane]["times"] <= load.counted[lane] + load.uncertain[lane] + FORGOTTEN
        assert {error.reason for error in load.failures} <= {Reason.ADAPTER_DOWN, Reason.DEADLINE, Reason.OVERLOADED}
        assert Reason.ADAPTER_DOWN in {error.reason for error in load.failures}
        assert all(error.applied is not None for error in load.failures)


async def test_a_server_that_is_not_there_at_the_start_is_waited_for() -> None:
    server = MongodbServer()
    try:
        async with opened(server.uri(), selection_timeout_s=0.2) as adapter:
            down = await failure_of(adapter.check())
            assert down is not None
            assert (down.reason, down.retry_after_s) == (Reason.ADAPTER_DOWN, 1.0)
            refused = await failure_of(adapter.write(insert({"1": {}})))
            assert refused is not None
            assert (refused.reason, refused.applied) == (Reason.ADAPTER_DOWN, Applied.NO)
            assert str(server.port) not in f"{down.message}{refused.message}"
            await server.start()
            await until_well(adapter)
            assert (await adapter.ensure_collection(spec())).created
    finally:
        await server.remove()


async def test_a_server_that_hangs_is_a_deadline_and_down_for_health() -> None:
    async with own_server() as server, opened(server.uri()) as adapter:
        await adapter.ensure_collection(spec())
        server.pause()
        try:
            read = await failure_of(adapter.find(query({"n": 1}, timeout_s=0.3)))
            written = await failure_of(adapter.write(insert({"1": {}}, timeout_s=0.3)))
            health = await failure_of(adapter.check())
        finally:
            server.resume()
        assert read is not None
        assert read.reason in {Reason.DEADLINE, Reason.ADAPTER_DOWN}
        assert written is not None
        assert written.reason in {Reason.DEADLINE, Reason.ADAPTER_DOWN}
        assert written.applied is not None
        assert health is not None
        assert health.reason is Reason.ADAPTER_DOWN
        await until_well(adapter)


async def test_a_wrong_password_is_told_without_it() -> None:
    async with own_server() as server:
        async with native(server.uri()) as client:
            await client.admin.command("createUser", "aol", pwd=SECRET, roles=["root"])
        await server.stop()
        await server.start("--auth")
        async with opened(server.uri(user="aol", password=SECRET)) as adapter:
            assert await failure_of(adapter.check()) is None
        for uri in (server.uri(user="aol", password=f"{SECRET}-wrong"), server.uri()):
            async with opened(uri) as adapter:
                error = await failure_of(adapter.check())
                assert error is not None
                assert error.reason is Reason.ADAPTER_DOWN
                assert "user" in error.message or "credentials" in error.message
                assert SECRET not in error.message
        async with opened(server.uri(user="aol", password="other"), password=SECRET) as adapter:
            assert await failure_of(adapter.check()) is None


async def test_a_cancelled_transaction_holds_nobody_up(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({f"{n}": {"n": n} for n in range(300)}))
        for pause_s in (0.0, 0.01, 0.03, 0.06, 0.1):
            change = asyncio.create_task(adapter.write(update({"n": {"$gte": 0}}, {"$inc": {"times": 1}})))
            await asyncio.sleep(pause_s)
            change.cancel()
            await asyncio.gather(change, return_exceptions=True)
        (outcome,) = await adapter.write(update({"n": {"$gte": 0}}, {"$set": {"done": True}}, timeout_s=20))
        assert outcome.affected == 300
        counts = {await adapter.count(query({"times": times})) for times in range(1, 6)}  # type: ignore[arg-type]
        # Each was applied to all of them or to none.
        assert counts <= {0, 300}


async def test_updates_of_one_document_at_once_all_count(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {"n": 0}, "2": {"n": 0}}))
        both = [adapter.write(update({"n": {"$gte": 0}}, {"$inc": {"n": 1}})) for _ in range(8)]
        one = [adapter.write(update({"_id": "1"}, {"$inc": {"n": 1}})) for _ in range(8)]
        answers = await asyncio.gather(*both, *one)
        assert [outcome.error for (outcome,) in answers] == [None] * 16
        found = await adapter.find(query(None, "n"))
        assert list(found.page.json) == ['{"n":8}', '{"n":16}']
        assert list(found.page.version) == [9, 17]


@pytest.mark.parametrize(
    "text",
    [
        "$where",
        "a'; db.dropDatabase(); //",
        "$$ROOT",
        "{$ne: null}",
        "\u0001",
        "a\\",
        "x$y",
        '"',
        "_aol",
        "😀",
        "()[]*",
    ],
)
async def test_no_text_becomes_a_command(text: str, mongodb_uri: str, mongodb_prefix: str) -> None:
    key = text.lstrip("$").replace(".", "") if not text.startswith("_") else f"x{text}"
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec({"fields": [f"in.{key}"], "type": "ascending"}))
        await adapter.write(insert({text: {key: text, "in": {key: text}}, "other": {"in": {key: "x"}, key: "x"}}))
        for condition in (
            {key: text},
            {f"in.{key}": text},
            {"_id": text},
            {key: {"$in": [text]}},
            {key: {"$gte": text, "$lte": text}},
            {f"in.{key}": {"$gte": text, "$lte": text}},
        ):
            assert list((await adapter.find(query(condition, key, f"in.{key}"))).page.id) == [text]
        (outcome,) = await adapter.write(update({key: text}, {"$set": {f"new.{key}": text}}))
        assert outcome.affected == 1
        deleted = await adapter.write(Write(TARGET, [Delete(parse_filter('{"_id": "none"}'), 3)]))
        assert deleted[0].affected == 0


async def test_an_insert_fails_alone_among_those_that_go_with_it(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec({"fields": ["u"], "type": "unique"}))
        await adapter.write(insert({"0": {"u": 0}}))
        tried = {"1": {"u": 1}, "2": {"u": 0}, "3": {"u": 1}, "4": {"u": [1]}, "5": {"u": 5}}
        outcomes = await adapter.write(insert(tried))
        reasons = [None if it.error is None else it.error.reason for it in outcomes]
        violation = Reason.UNIQUE_VIOLATION
        assert reasons == [None, violation, violation, Reason.BAD_DOCUMENT, None]
        assert outcomes[1].error is not None
        assert outcomes[1].error.metadata == {"index": "unique(u)"}
        again = await adapter.write(Write(TARGET, [Insert("0", '{"u":0}', 2), Insert("0", '{"u":9}', 2)]))
        assert again[0].was_duplicate
        assert again[1].error is not None
        assert again[1].error.reason is Reason.DUPLICATE_ID
        one_id = [Insert("6", json, 2) for json in ('{"u":[6]}', '{"u":[7]}', '{"u":6}', '{"u":[8]}', '{"u":6.0}')]
        answers = [it.error and it.error.reason for it in await adapter.write(Write(TARGET, one_id))]
        bad, duplicate = Reason.BAD_DOCUMENT, Reason.DUPLICATE_ID
        assert answers == [bad, bad, None, duplicate, None]


async def test_of_inserts_with_one_id_each_is_answered_as_if_those_before_it_were_done(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec({"fields": ["u"], "type": "unique"}))
        await adapter.write(insert({"0": {"u": 0}}))
        # The first and the third meet the value of another document, but the third meets the id of the second before.
        one_id = [Insert("1", json, 2) for json in ('{"u":0}', '{"u":1}', '{"u":0}', '{"u":1}', '{"u":2}')]
        answers = [it.error and it.error.reason for it in await adapter.write(Write(TARGET, one_id))]
        duplicate = Reason.DUPLICATE_ID
        assert answers == [Reason.UNIQUE_VIOLATION, None, duplicate, None, duplicate]


async def test_what_the_server_lacks_is_not_declared(mongodb_uri: str, mongodb_prefix: str) -> None:
    """The server of these tests makes no text indexes, unless the environment names another one."""
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        declared = {it.value for it in (await adapter.describe()).capabilities}
        makes_text = True
        try:
            await client[f"{mongodb_prefix}_probe"]["t"].create_index([("w", "text")])
        except Exception:
            makes_text = False
        assert ("text" in declared) is makes_text
        if not makes_text:
            error = await failure_of(adapter.ensure_collection(spec({"fields": ["s"], "type": "text"})))
            assert error is not None
            assert error.reason is Reason.CAPABILITY_UNSUPPORTED


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://aol:{SECRET}@localhost:port/",
        f"mongodb://aol:{SECRET}/x@localhost/",
        f"mongodb://aol:{SECRET}@localhost/?tsl=true",
        f"mongodb://aol:{SECRET}@localhost/?maxPoolSize={SECRET}",
        f"mongodb://aol:{SECRET}@localhost/?tls=true&tlsCAFile=/none/{SECRET}",
        f"mongodb://aol:{SECRET}@localhost/?authMechanism={SECRET}",
    ],
)
async def test_a_uri_with_something_wrong_in_it_is_refused_without_being_shown(uri: str) -> None:
    """A `tls` that is not spelt so would leave the connection in clear text."""
    with pytest.raises(DataError) as caught:
        await MongodbAdapter(Settings(uri=uri)).start()
    assert caught.value.reason is Reason.ADAPTER_DOWN
    assert "URI" in caught.value.message
    assert SECRET not in caught.value.message
