"""Does a collection arrive whole at its new adapter, whoever is killed on the way, and does nobody write meanwhile?"""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_broker.registry.move_changes import RETRY_AFTER_S
from aol_client import AOLDataClient, OverloadedError
from aol_wire.adapter import Delete, Target, Write
from aol_wire.errors import Applied
from aol_wire.filter_parser import parse_filter
from copying import WITHIN_S, Site, Start, ended, sqlite_program, wait_for

pytestmark = pytest.mark.integration

COUNT = 6_000
MANIFEST = """\
metadata: {name: mover, version: "1"}
spec:
  dataRequirements:
    enabled: true
    collections:
      - name: items
        softDelete: true
        indexes:
          - {fields: [n], type: unique}
          - {fields: [text], type: text}
"""
KINDS: list[dict[str, Any]] = [
    {"text": 'é😀 \\ "quoted" \n lines'},
    {"big": 2**63 - 1, "small": -(2**63), "half": 0.1, "whole": 1e16, "huge": 1e300, "tiny": 5e-324},
    {"deep": {"a": [1, [2.5, None], {"b": {}}], "empty": [], "no": None, "yes": True}},
    {"large": "x" * 200_000},
]


@pytest.fixture
def site(tmp_path: Path, start: Start) -> Site:
    return Site(tmp_path, start, {name: sqlite_program(tmp_path / name) for name in ("sqlite", "second")})


async def fill(site: Site, endpoint: str) -> list[dict[str, Any]]:
    """Make the collection, with documents of every kind; return them."""
    manifest = site.folder / "manifest.yaml"
    manifest.write_text(MANIFEST)
    await asyncio.to_thread(ended, site.aol(endpoint, "apply", str(manifest)))
    async with AOLDataClient(endpoint, "mover") as client:
        for begin in range(0, COUNT, 1000):
            await client.insert_many(
                "items", [{"_id": f"plain-{n}", "n": n, "text": f"word{n}"} for n in range(begin, begin + 1000)]
            )
        await client.insert_many("items", [{"_id": f"é-{n}", "n": -n - 1, **kind} for n, kind in enumerate(KINDS)])
        await client.update("items", {"n": {"$lt": 0}}, {"changed": True})
        await client.update("items", {"_id": "plain-7"}, {"$inc": {"times": 1}})
        await client.delete("items", {"n": {"$gte": 100, "$lt": 200}})
    return await stored(endpoint)


async def stored(endpoint: str) -> list[dict[str, Any]]:
    """All documents, the deleted too, with all metadata."""
    async with AOLDataClient(endpoint, "mover") as client:
        found = [document async for document in client.stream("items", deleted="include")]
    assert len(found) == COUNT + len(KINDS)
    return sorted(found, key=lambda document: str(document["_id"]))


async def adapter_of(endpoint: str) -> str:
    async with AOLDataClient(endpoint, "mover") as client:
        return (await client.describe_collection("items")).adapter


async def insert(endpoint: str, id_: str, timeout_s: float = WITHIN_S) -> None:
    async with AOLDataClient(endpoint, "mover", timeout=timeout_s) as client:
        await client.insert("items", {"_id": id_, "n": 1_000_000 + len(id_)})


async def refusal(endpoint: str) -> OverloadedError:
    with pytest.raises(OverloadedError) as caught:
        # Less than the time after which to come again: with more, the insert would wait for the end of the copy.
        await insert(endpoint, "refused", RETRY_AFTER_S / 2)
    return caught.value


async def test_all_documents_arrive_and_writes_are_refused_meanwhile_by_every_broker(site: Site) -> None:
    broker, other = site.broker(), site.broker("other")
    before = await fill(site, broker.endpoint)
    copying = site.copying(broker.endpoint)
    refused = await refusal(broker.endpoint)
    assert refused.applied is Applied.NO
    assert refused.retry_after_s
    # The other one has learned of it by the time that anything is copied.
    wait_for(copying, "copied 0 of")
    await refusal(other.endpoint)
    assert await stored(other.endpoint) == before, "reads go on"
    stdout, stderr = await asyncio.to_thread(ended, copying)
    assert f"mover.items is kept by second now: {len(before):,} documents, equal on both sides (SHA-256 " in stdout
    assert "The documents in sqlite were left where they are" in stdout
    assert stderr == ""
    for endpoint in (broker.endpoint, other.endpoint):
        # The other broker looks at the registry twice a second.
        async with asyncio.timeout(WITHIN_S):
            while await adapter_of(endpoint) != "second":
                await asyncio.sleep(0.01)
        assert await stored(endpoint) == before
    await insert(other.endpoint, "new")
    async with AOLDataClient(broker.endpoint, "mover") as client:
        assert await client.count("items", {"$text": "word5"}) == 1
        assert await client.get("items", "new")
        indexes = {index.name: index.state for index in (await client.describe_collection("items")).indexes}
    assert indexes == {"unique(n)": "ready", "text(text)": "ready"}
    phases = list(dict.fromkeys(record["filters"]["phase"] for record in site.audit()))
    assert phases == ["marked", "copying", "indexing", "settling", "verifying", "done"]
    assert site.audit()[-1]["filters"]["checksum"] in stdout
    again = await asyncio.to_thread(ended, site.aol(broker.endpoint, "copy", "mover.items", "--to", "second"))
    assert again == ("mover.items is kept by second already; nothing was done.\n", "")


async def test_a_write_that_has_the_time_waits_for_the_end_of_the_copy(site: Site) -> None:
    broker = site.broker()
    async with AOLDataClient(broker.endpoint, "mover", timeout=WITHIN_S) as client:
        await client.request_collection("items")
        await client.insert("items", {"_id": "one", "n": 1})
        copying = site.copying(broker.endpoint)
        assert await client.update("items", {"_id": "one"}, {"$inc": {"n": 1}}) == 1
        await asyncio.to_thread(ended, copying)
        assert (await client.describe_collection("items")).adapter == "second"
        assert (await client.get("items", "one") or {})["n"] == 2


async def test_a_command_that_was_killed_goes_on_where_it_was(site: Site) -> None:
    broker = site.broker()
    before = await fill(site, broker.endpoint)
    copying = site.copying(broker.endpoint)
    wait_for(copying, "copied 0 of")
    copying.kill()
    copying.wait()
    assert site.phase() != "", "the copy is not over"
    await refusal(broker.endpoint)
    # Two of them: each finds that the other took a step, as that of the killed one does.
    commands = [site.aol(broker.endpoint, "copy", "mover.items", "--to", "second", "--json") for _ in range(2)]
    results = [json.loads((await asyncio.to_thread(ended, process))[0]) for process in commands]
    assert [(done["phase"], done["to_adapter"]) for done in results] == [("done", "second")] * 2
    (done,) = (done for done in results if not done["already_there"])
    assert (done["total"], done["copied"], done["compared"]) == (len(before),) * 3
    assert await stored(broker.endpoint) == before
    assert await adapter_of(broker.endpoint) == "second"
    await insert(broker.endpoint, "new")


async def test_a_broker_that_was_killed_goes_on_where_it_was(site: Site) -> None:
    broker = site.broker()
    before = await fill(site, broker.endpoint)
    copying = site.copying(broker.endpoint)
    wait_for(copying, "copied 0 of")
    broker.process.send_signal(signal.SIGKILL)
    broker.process.wait()
    _, stderr = await asyncio.to_thread(ended, copying, 5)
    assert stderr.startswith("Error: ")
    assert site.phase() in ("copying", "indexing", "settling")
    broker = site.broker()
    await refusal(broker.endpoint)
    stdout, _ = await asyncio.to_thread(ended, site.copying(broker.endpoint))
    assert "mover.items is kept by second now" in stdout
    assert await stored(broker.endpoint) == before
    assert await adapter_of(broker.endpoint) == "second"


async def test_a_difference_is_found_nothing_is_switched_and_the_copy_can_be_given_up(site: Site) -> None:
    broker = site.broker()
    before = await fill(site, broker.endpoint)
    copying = site.copying(broker.endpoint)
    wait_for(copying, "waiting for the last writes from before the copy")
    await take_away_by_hand(site.folder / "second", "plain-4321")
    _, stderr = await asyncio.to_thread(ended, copying, 1)
    assert "mover.items is still kept by sqlite" in stderr
    assert "(1 document missing there)" in stderr
    assert "aol copy mover.items --abort" in stderr
    assert await adapter_of(broker.endpoint) == "sqlite"
    await refusal(broker.endpoint)
    stdout, _ = await asyncio.to_thread(ended, site.aol(broker.endpoint, "copy", "mover.items", "--abort"))
    assert "sqlite keeps it, writes are let through again, and what was copied is dropped" in stdout
    assert await stored(broker.endpoint) == before
    await insert(broker.endpoint, "new")
    assert [record["filters"].get("missing") for record in site.audit()[-2:]] == [1, None]
    process = site.aol(broker.endpoint, "copy", "mover.items", "--abort", "--json")
    stdout, _ = await asyncio.to_thread(ended, process)
    assert json.loads(stdout) == {"collection": "mover.items", "aborted": False, "adapter": "sqlite"}


async def take_away_by_hand(data_dir: Path, id_: str) -> None:
    adapter = SqliteAdapter(data_dir)
    await adapter.start()
    removal = Delete(parse_filter(json.dumps({"_id": id_})), 1)
    [outcome] = await adapter.write(Write(Target("mover", "items"), [removal]))
    assert outcome.affected == 1
    await adapter.close()


REFUSED = [
    (["copy", "mover.items", "--to", "third"], 2, "no such adapter; it has: second, sqlite"),
    (["copy", "mover.nothing", "--to", "second"], 4, "There is no collection 'mover.nothing'"),
    (["copy", "items", "--to", "second"], 2, "write service.collection"),
    (["copy", "mover.items"], 2, "give either --to ADAPTER or --abort"),
    (["copy", "mover.items", "--to", "second", "--abort"], 2, "give either --to ADAPTER or --abort"),
]


async def test_what_cannot_be_copied_is_refused_with_what_is_wrong(site: Site) -> None:
    broker = site.broker()
    async with AOLDataClient(broker.endpoint, "mover") as client:
        await client.request_collection("items")
    commands = [(site.aol(broker.endpoint, *arguments), code) for arguments, code, _ in REFUSED]
    ends = await asyncio.gather(*(asyncio.to_thread(ended, *command) for command in commands))
    for (_, stderr), (_, _, said) in zip(ends, REFUSED, strict=True):
        assert said in " ".join(stderr.replace("│", " ").split())
