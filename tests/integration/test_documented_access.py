"""What docs/access.md tells people to do works as it stands, and limits hold over a real database and real frames."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aol_cli.app import app
from aol_client import AOLDataClient, InvalidRequestError, PermissionDeniedError
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

DOCUMENT = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [line for name, body in BLOCK.findall(DOCUMENT) if name == "console" for line in body.splitlines()]
[SHOWN] = [body for name, body in BLOCK.findall(DOCUMENT) if name == "text"]
GRANTING, ANSWERING = (body for name, body in BLOCK.findall(DOCUMENT) if name == "python")
CUSTOMER: dict[str, Any] = {"_id": "c1", "name": "Ada", "address": {"city": "London", "street": "A"}, "iban": "GB1"}

Owners = dict[str, AOLDataClient]
Guest = Callable[[str], AOLDataClient]


@pytest.fixture
async def owners(broker: RunningBroker) -> AsyncIterator[Owners]:
    """The services that the document speaks of, with what they own, and nothing granted."""
    async with AOLDataClient(broker.endpoint, "crm") as crm, AOLDataClient(broker.endpoint, "shop") as shop:
        for client, names in ((crm, ["customers"]), (shop, ["orders", "catalogue"])):
            for name in names:
                await client.request_collection(name, indexes=[{"fields": ["iban"], "type": "ascending"}])
                await client.delete(name, allow_all=True)
                for service in ("city-map", "eu-reports"):
                    await client.revoke_access(name, service)
        await crm.insert("customers", CUSTOMER)
        await shop.insert_many("orders", [{"_id": f"o{n}", "region": ("eu", "us")[n % 2], "n": n} for n in range(6)])
        yield {"crm": crm, "shop": shop}


@pytest.fixture
async def guest(broker: RunningBroker) -> AsyncIterator[Guest]:
    """Other services, by their names."""
    opened: list[AOLDataClient] = []

    def client(service: str) -> AOLDataClient:
        opened.append(AOLDataClient(broker.endpoint, service))
        return opened[-1]

    yield client
    for item in opened:
        await item.close()


def aol(broker: RunningBroker, *arguments: str, code: int = 0) -> Result:
    environment = {"AOL_ENDPOINT": broker.endpoint, "AOL_DATA_DIR": str(broker.data_dir)}
    result = CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def own_fields(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if not key.startswith("_")}


async def run(broker: RunningBroker, command: str, code: int = 0) -> str:
    """Run a documented command, in a thread as it has an event loop of its own; return what it printed."""
    program, *arguments = shlex.split(command)
    assert program == "aol"
    return (await asyncio.to_thread(aol, broker, *arguments, code=code)).stdout


async def test_the_documented_commands_do_what_is_said(broker: RunningBroker, owners: Owners, guest: Guest) -> None:
    fields, where, many, *_, of_service, of_collection, check = COMMANDS
    assert await run(broker, fields) == "city-map now has read on crm.customers, fields name, address.city.\n"
    [seen] = await guest("city-map").query("crm.customers")
    assert own_fields(seen) == {"name": "Ada", "address": {"city": "London"}}
    said = await run(broker, where)
    assert re.fullmatch(r"eu-reports now has read on shop\.orders, where .*; until 20[\d: -]+Z\.\n", said)
    assert [item["n"] for item in await guest("eu-reports").query("shop.orders")] == [0, 2, 4]
    assert await run(broker, many) == "reporting-* now has read on shop.catalogue.\n"
    assert await guest("reporting-hr").count("shop.catalogue") == 0
    shown = await run(broker, of_service)
    assert re.search(
        r"^crm\.customers +city-map +read +active +grant:read#\d+ +fields address\.city, name", shown, re.M
    )
    assert re.search(r"^crm\.customers +crm +admin +active +owner$", await run(broker, of_collection), re.M)
    assert re.sub(r"#\d+", "#23", await run(broker, check)) == SHOWN
    assert "takes the place" in await run(broker, f"{fields} --expires 1h")
    [grant] = [json.loads(line) for line in (await run(broker, "aol grants --service city-map --json")).splitlines()]
    assert (grant["fields"], grant["where"], grant["state"]) == (["address.city", "name"], None, "active")
    assert grant["expires_at"] is not None
    still = await run(broker, "aol revoke shop.catalogue reporting-hr")
    assert still.endswith("aol revoke shop.catalogue 'reporting-*'\n")
    await run(broker, "aol revoke shop.catalogue 'reporting-*'")
    denied = await run(broker, "aol access check reporting-hr insert shop.catalogue", code=3)
    assert "reporting-hr insert shop.catalogue: denied, GRANT_MISSING" in denied
    assert "aol grant shop.catalogue reporting-hr write" in denied


async def test_the_documented_calls_of_the_sdk_do_the_same(owners: Owners, guest: Guest) -> None:
    for line, owner in zip(GRANTING.splitlines(), ("crm", "shop"), strict=True):
        scope: dict[str, Any] = {"client": owners[owner], "timedelta": timedelta}
        # A line of the document, which awaits, made a function of it.
        exec(f"async def granted():\n    return {line}", scope)
        assert await scope["granted"]() is True
        assert await scope["granted"]() is ("timedelta" in line)
    [seen] = await guest("city-map").query("crm.customers")
    assert own_fields(seen) == {"name": "Ada", "address": {"city": "London"}}
    with pytest.raises(PermissionDeniedError, match="'iban' is not among the fields") as caught:
        await guest("city-map").query("crm.customers", {"iban": "GB1"})
    assert caught.value.reason == "FIELD_DENIED"
    assert await guest("eu-reports").count("shop.orders") == 3


ASKING = """\
metadata: {{name: {service}}}
spec:
  dataRequirements:
    accessRequests:
      - {{collection: shop.orders, permission: read, reason: sums}}
      - {{collection: shop.orders, permission: write, reason: corrections}}
"""


async def ask(broker: RunningBroker, folder: Path, *services: str) -> None:
    for service in services:
        path = folder / f"{service}.yaml"
        path.write_text(ASKING.format(service=service))
        await asyncio.to_thread(aol, broker, "apply", str(path))


async def test_the_documented_commands_answer_requests(
    broker: RunningBroker, owners: Owners, guest: Guest, tmp_path: Path
) -> None:
    listing, approving, refusing = COMMANDS[3:6]
    await ask(broker, tmp_path, "city-map", "eu-reports")
    assert "To agree: aol requests approve city-map shop.orders --permission read\n" in await run(broker, listing)
    assert await run(broker, approving) == "city-map now has read on shop.orders.\n"
    assert await guest("city-map").count("shop.orders") == 6
    assert (await run(broker, refusing)).splitlines() == [
        "eu-reports is refused read on shop.orders.",
        "eu-reports is refused write on shop.orders.",
    ]
    shown = await run(broker, listing)
    assert re.search(r"^shop\.orders +eu-reports +write +refused ", shown, re.M)
    assert re.search(
        r"^Refused: write for eu-reports on shop\.orders, by operator at 20.*Z: Use shop\.totals$", shown, re.M
    )
    reader = guest("eu-reports")
    with pytest.raises(PermissionDeniedError, match=r"The reason of the refusal: Use shop\.totals") as caught:
        await reader.query("shop.orders")
    assert (caught.value.reason, caught.value.details["refused_by"]) == ("GRANT_PENDING", "operator")
    # What a service is told of others' requests: nothing.
    assert await guest("third").pending_requests(made=True, refused=True) == []
    own = await reader.pending_requests(made=True, refused=True)
    assert [(item.permission, item.state, item.refusal) for item in own] == [
        ("read", "refused", "Use shop.totals"),
        ("write", "refused", "Use shop.totals"),
    ]
    for service in ("city-map", "eu-reports"):
        with pytest.raises(PermissionDeniedError):
            await guest(service).approve_request("shop.orders", "eu-reports")


async def test_the_documented_loop_of_an_owner_answers_requests(
    broker: RunningBroker, owners: Owners, guest: Guest, tmp_path: Path
) -> None:
    await ask(broker, tmp_path, "loop-reports")
    shop = owners["shop"]
    waiting = [item for item in await shop.pending_requests() if item.service == "loop-reports"]
    assert [(item.collection, item.permission, item.reason) for item in waiting] == [
        ("shop.orders", "read", "sums"),
        ("shop.orders", "write", "corrections"),
    ]
    assert abs(datetime.now(UTC) - waiting[0].created_at) < timedelta(minutes=5)
    scope: dict[str, Any] = {"client": shop, "timedelta": timedelta}
    exec("async def answered():\n" + "".join(f"    {line}\n" for line in ANSWERING.splitlines()), scope)
    await scope["answered"]()
    assert await shop.pending_requests() == []
    assert await guest("loop-reports").count("shop.orders") == 6
    [left] = [item for item in await shop.pending_requests(refused=True) if item.service == "loop-reports"]
    assert left.refused_at is not None
    assert (left.permission, left.refused_by, left.refusal) == (
        "write",
        "service:shop",
        "Only we write.",
    )
    again = await shop.refuse_request("orders", "loop-reports", "write", reason="Only we write.")
    assert (again.answered, again.already) == ((), ("write",))
    with pytest.raises(
        InvalidRequestError, match=r"loop-reports has 'read' on shop\.orders already, granted by service:shop"
    ):
        await shop.refuse_request("orders", "loop-reports", "read", reason="No.")
    for bad in ({"reason": ""}, {"reason": "two\nlines"}, {"reason": 5}, {"reason": "No.", "permission": "own"}):
        with pytest.raises(InvalidRequestError):
            await shop.refuse_request("orders", "loop-reports", **bad)


async def test_an_explanation_tells_nothing_of_what_is_out_of_reach(owners: Owners, guest: Guest) -> None:
    shop = owners["shop"]
    await shop.insert_many("orders", [{"region": "us", "iban": f"x{n}", "n": -n} for n in range(400)])
    await shop.grant_access("orders", "eu-reports", "read", fields=["n", "region"], where={"iban": None})
    reader = guest("eu-reports")
    plan = await reader.explain("shop.orders", {"n": {"$gte": 0}}, sort={"n": "asc"})
    assert (plan.estimated_documents, plan.examined_documents, plan.returned_documents) == (0, 0, 6)
    # The adapter used the index of the condition, which is none of the caller's affair; the proposal is of its filter.
    assert plan.index == ""
    assert plan.proposed_index == "- {fields: [n], type: ascending}"
    own = await shop.explain("orders", {"iban": None, "n": {"$gte": 0}})
    assert own.index == "ascending(iban)"
    assert own.examined_documents > 0


async def test_the_sdk_refuses_limits_that_are_none(owners: Owners) -> None:
    crm = owners["crm"]
    bad: tuple[dict[str, Any], ...] = (
        {"fields": "name"},
        {"fields": []},
        {"fields": [1]},
        {"where": [1]},
        {"expires": datetime(2100, 1, 1)},  # noqa: DTZ001 - without a time zone it is no moment
        {"expires": 5},
    )
    for options in bad:
        with pytest.raises(InvalidRequestError):
            await crm.grant_access("customers", "city-map", "read", **options)
    with pytest.raises(TypeError, match="unexpected keyword argument 'field'"):
        await crm.grant_access("customers", "city-map", "read", field=["name"])  # type: ignore[call-arg]
    for expires in (timedelta(hours=-1), datetime(2020, 1, 1, tzinfo=UTC)):
        with pytest.raises(InvalidRequestError, match="over already"):
            await crm.grant_access("customers", "city-map", "read", expires=expires)


@pytest.mark.parametrize(
    "options", ["--field ''", "--where '{}'", "--where [", "--expires soon", "--expires 2020-01-01"]
)
def test_the_command_refuses_limits_that_are_none(broker: RunningBroker, options: str) -> None:
    refused = aol(broker, *shlex.split(f"grant crm.customers city-map read {options}"), code=2)
    assert options.split(maxsplit=1)[0] in refused.stderr


async def test_pages_in_a_stream_of_frames_end_when_the_grant_does(owners: Owners, guest: Guest) -> None:
    shop, reader = owners["shop"], guest("eu-reports")
    await shop.insert_many("orders", [{"n": n, "text": "x" * 100_000} for n in range(60)])
    await shop.grant_access("orders", "eu-reports", "read")
    stream = reader.stream("shop.orders")
    assert await anext(stream)
    await shop.revoke_access("orders", "eu-reports")
    with pytest.raises(PermissionDeniedError):
        async for _ in stream:
            pass
