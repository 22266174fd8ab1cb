"""Does explain tell how SQLite answers a query, and does the index that it proposes serve it?"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from aol_cli.app import app
from aol_client import AOLDataClient, CollectionNotFoundError, InvalidRequestError, PermissionDeniedError, QueryPlan
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

COUNT = 400
KINDS = 20


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A service of the test's own."""
    return f"plan-{uuid.uuid5(uuid.NAMESPACE_OID, request.node.name).hex[:12]}"


@pytest.fixture
async def client(broker: RunningBroker, name: str) -> AsyncIterator[AOLDataClient]:
    """A service with 400 events of 20 kinds, and no index."""
    async with AOLDataClient(broker.endpoint, name) as opened:
        await opened.request_collection("events")
        documents = ({"_id": f"e{n:03}", "kind": f"k{n % KINDS}", "n": n, "at": {"x": -n}} for n in range(COUNT))
        await opened.insert_many("events", documents)
        yield opened


async def add(client: AOLDataClient, proposed: str) -> str:
    """Add an index that was proposed as a manifest's line; return its name."""
    (index,) = yaml.safe_load(proposed)
    before = {info.name for info in (await client.describe_collection("events")).indexes}
    await client.request_collection("events", indexes=[index])
    (added,) = [info for info in (await client.describe_collection("events")).indexes if info.name not in before]
    assert added.state == "ready"
    return added.name


PROPOSALS: list[tuple[dict[str, Any], str]] = [
    ({"filters": {"kind": "k3"}}, "- {fields: [kind], type: ascending}"),
    ({"filters": {"n": {"$gte": 390}}}, "- {fields: [n], type: ascending}"),
    ({"filters": {"at.x": -7}}, "- {fields: [at.x], type: ascending}"),
    ({"sort": {"n": "desc"}, "limit": 10}, "- {fields: [n], type: descending}"),
    (
        {"filters": {"kind": "k3"}, "sort": {"n": "desc"}, "limit": 10},
        "- {fields: [kind, {n: desc}], type: compound}",
    ),
]


@pytest.mark.parametrize(("query", "line"), PROPOSALS)
async def test_the_index_that_is_proposed_serves_the_query_once_it_is_there(
    client: AOLDataClient, query: dict[str, Any], line: str
) -> None:
    scanned = await client.explain("events", **query)
    assert scanned.proposed_index == line
    assert (scanned.index, scanned.filter_pushed_down) == ("", True)
    assert scanned.examined_documents >= COUNT
    found = await client.query("events", **query)

    index = await add(client, line)
    served = await client.explain("events", **query)
    assert (served.index, served.proposed_index) == (index, "")
    assert served.filter_pushed_down
    assert served.examined_documents < COUNT / 4
    assert served.returned_documents == scanned.returned_documents == len(found)
    assert await client.query("events", **query) == found
    if "sort" in query:
        assert served.sort_pushed_down


async def test_a_query_by_id_is_served_by_the_documents_key(client: AOLDataClient) -> None:
    plan = await client.explain("events", {"_id": "e007"})
    assert (plan.index, plan.returned_documents, plan.proposed_index) == ("key", 1, "")
    assert plan.examined_documents <= 1


async def test_a_few_documents_need_no_index(client: AOLDataClient) -> None:
    await client.request_collection("few")
    await client.insert_many("few", [{"n": n} for n in range(20)])
    plan = await client.explain("few", {"n": 3}, sort={"n": "asc"})
    assert plan.proposed_index == ""
    assert plan.returned_documents == 1


async def test_an_empty_collection_is_explained_too(client: AOLDataClient) -> None:
    await client.request_collection("empty")
    plan = await client.explain("empty", {"n": 3}, sort={"n": "desc"}, limit=1, skip=1)
    assert (plan.examined_documents, plan.returned_documents, plan.proposed_index) == (0, 0, "")


async def test_limit_skip_and_deleted_are_part_of_the_query(client: AOLDataClient) -> None:
    assert (await client.explain("events", limit=7)).returned_documents == 7
    assert (await client.explain("events", skip=395)).returned_documents == 5
    assert (await client.explain("events", deleted="only")).returned_documents == 0


async def test_explain_changes_nothing_and_returns_no_document(client: AOLDataClient) -> None:
    before = await client.query("events", sort={"_id": "asc"})
    described = await client.describe_collection("events")
    assert isinstance(await client.explain("events", {"n": {"$gte": 0}}), QueryPlan)
    assert await client.query("events", sort={"_id": "asc"}) == before
    assert await client.describe_collection("events") == described


async def test_explain_takes_what_a_query_takes_and_refuses_what_it_refuses(
    broker: RunningBroker, client: AOLDataClient, name: str
) -> None:
    for filters in ({"n": {"$near": 1}}, {"n": {"$in": 1}}, {"a..b": 1}):
        with pytest.raises(InvalidRequestError):
            await client.explain("events", filters)
    with pytest.raises(CollectionNotFoundError):
        await client.explain("nothing")
    async with AOLDataClient(broker.endpoint, f"{name}-stranger") as stranger:
        with pytest.raises(PermissionDeniedError):
            await stranger.explain(f"{name}.events")
        await client.grant_access("events", f"{name}-stranger", "read")
        assert (await stranger.explain(f"{name}.events", limit=1)).returned_documents == 1


async def test_hostile_names_and_values_are_explained_or_refused_and_do_no_harm(client: AOLDataClient) -> None:
    hostile = ["'", '"', "a' OR '1'='1", "; DROP TABLE documents --", "$.a", "a[0]", "\\", "%", "{{}}", "\u202e"]
    for text in hostile:
        plan = await client.explain("events", {text.replace("$", "s"): text}, sort={text.replace("$", "s"): "asc"})
        assert plan.returned_documents == 0
        if plan.proposed_index:
            (index,) = yaml.safe_load(plan.proposed_index)
            assert index["fields"] == [text.replace("$", "s")]
    assert await client.count("events") == COUNT


async def test_the_command_reports_for_people_and_for_programs(
    broker: RunningBroker, client: AOLDataClient, name: str
) -> None:
    async def run(*arguments: str) -> str:
        command = ["explain", "events", "--as", name, "--endpoint", broker.endpoint, *arguments]
        # In a thread of its own, as the command runs an event loop.
        done = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    query = ["--filter", '{"kind": "k3"}', "--sort", "n:desc", "--limit", "5"]
    shown = await run(*query)
    assert re.search(r"^index +none: all documents are looked at$", shown, re.MULTILINE)
    assert re.search(r"^documents +\d+ examined, 5 returned, of about \d+$", shown, re.MULTILINE)
    assert shown.endswith("\n  - {fields: [kind, {n: desc}], type: compound}\n")
    plan = json.loads(await run(*query, "--json"))
    assert plan["proposed_index"] == "- {fields: [kind, {n: desc}], type: compound}"

    index = await add(client, plan["proposed_index"])
    shown = await run(*query)
    assert re.search(rf"^index +{re.escape(index)}$", shown, re.MULTILINE)
    assert "indexes:" not in shown
    assert json.loads(await run(*query, "--json"))["index"] == index
