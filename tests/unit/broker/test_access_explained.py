"""It can be seen who may do what, by what right, and step by step why; and what is said is what becomes of the call."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import access_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.request import Peer
from aol_wire.errors import Reason
from aol_wire.ids import now_us
from granted import GUEST, OWNER, PERMISSIONS, answer, call_as, grant
from line import ADMIN, Line
from secured_line import ASSERT, BYPASS, ORDERS, give, secured_line

THINGS = f"{OWNER}.things"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    await answer(line, OWNER, "RequestCollection", pb.RequestCollectionRequest(name="things"))
    yield line
    await line.stop()


async def access(line: Line, **asked: str) -> list[tuple[str, ...]]:
    reply = await line.operate("ListAccess", access_pb2.ListAccessRequest(**asked))
    assert reply.error is None
    found = access_pb2.ListAccessResponse.FromString(reply.payload).access
    return [(item.collection, item.service, item.name.partition("#")[0], ",".join(item.fields)) for item in found]


async def test_it_is_listed_who_may_do_what_and_by_what_right(line: Line) -> None:
    await grant(line, "things", "read", fields=("a",))
    await grant(line, "things", "read", service="gu*")
    await grant(line, "things", "write", service="third")
    mine = [(THINGS, GUEST, "grant:read", "a"), (THINGS, "gu*", "grant:read", "")]
    assert await access(line, service=GUEST) == mine
    assert await access(line, service=OWNER) == [(THINGS, OWNER, "owner", "")]
    assert await access(line, collection=THINGS) == [
        (THINGS, OWNER, "owner", ""),
        (THINGS, "gu*", "grant:read", ""),
        (THINGS, GUEST, "grant:read", "a"),
        (THINGS, "third", "grant:write", ""),
    ]
    for bad in ({}, {"service": GUEST, "collection": THINGS}):
        assert (
            await line.operator_refusal("ListAccess", access_pb2.ListAccessRequest(**bad))
        ).reason is Reason.BAD_REQUEST


async def test_a_collection_that_nobody_knows_is_not_found(line: Line) -> None:
    error = await line.operator_refusal("ListAccess", access_pb2.ListAccessRequest(collection="other.absent"))
    assert error.reason is Reason.COLLECTION_NOT_FOUND
    assert await access(line, service="other") == []


async def explained(line: Line, verb: str, service: str = GUEST, collection: str = THINGS) -> Any:
    asked = access_pb2.ExplainAccessRequest(service=service, verb=verb, collection=collection)
    reply = await line.operate("ExplainAccess", asked)
    assert reply.error is None, reply.error
    return access_pb2.ExplainAccessResponse.FromString(reply.payload)


CALLS: dict[str, Any] = {
    "query": ("QueryData", pb.QueryDataRequest(collection=THINGS)),
    "insert": ("StoreData", pb.StoreDataRequest(collection=THINGS, document="{}")),
    "purge": ("PurgeData", pb.PurgeDataRequest(collection=THINGS, allow_all=True)),
    "grant_access": (
        "GrantAccess",
        pb.GrantAccessRequest(collection=THINGS, target_service="third", permission=PERMISSIONS["read"]),
    ),
    "describe_collection": ("DescribeCollection", pb.DescribeCollectionRequest(collection=THINGS)),
}


@pytest.mark.parametrize("verb", CALLS)
async def test_an_explanation_is_what_becomes_of_the_call(line: Line, verb: str) -> None:
    rpc, message = CALLS[verb]
    for limits in (
        None,
        {"permission": "read", "fields": ("a",)},
        {"permission": "read", "expires_us": now_us() - 1},
        {"permission": "admin"},
        {"permission": "admin", "expires_us": now_us() + 10**10},
    ):
        if limits is not None:
            await grant(line, "things", **limits)
        said = await explained(line, verb)
        # An insert that does not keep to its limits is allowed as a call, and refused for what it holds.
        error = (await call_as(line, GUEST, rpc, message)).error
        assert said.allowed is (error is None), (verb, limits, said)
        assert said.reason == ("" if error is None else error.reason.value)
        assert said.denial == ("" if error is None else error.message)
        if error is None:
            record = line.records()[-1]
            assert said.right == record["grant"]


async def test_an_explanation_goes_step_by_step(line: Line) -> None:
    def steps(said: Any) -> list[str]:
        return [step.text for step in said.steps]

    assert (
        steps(await explained(line, "query", collection="other.absent"))[0]
        == "other.absent is no collection that there is"
    )
    assert steps(await explained(line, "query", OWNER, "things"))[-1] == f"{OWNER} owns it, and has every right on it"
    await grant(line, "things", "read", fields=("a",), where={"b": 1})
    await grant(line, "things", "write")
    [read, write] = sorted(item.name for item in line.registry.snapshot.grants_of(THINGS, GUEST))
    assert steps(await explained(line, "read"))[2:] == [
        f'{read} by service:{OWNER} (fields a; where {{"b":1}}): it covers the call',
        f"{write} by service:{OWNER}: it does not cover the call",
        "only these fields, what lies below them, and metadata: a",
        'only documents that match {"b":1}',
    ]


async def test_an_explanation_says_what_a_call_has_to_say_of_its_user(tmp_path: Path) -> None:
    async def last(service: str, verb: str = "query", collection: str = ORDERS) -> str:
        return str((await explained(secured, verb, service, collection)).steps[-1].text)

    async with secured_line(tmp_path) as secured:
        reached = "only what the call's context reaches; it needs tenant, user, "
        assert await last(OWNER) == f"{reached}which it may say itself"
        assert await last("app") == f"{reached}by the user's own token, as it has no assert-context"
        await give(secured, "app", ASSERT)
        assert await last("app") == f"{reached}which it may say itself"
        await give(secured, "app", BYPASS)
        assert "bypass-security" in await last("app")
        assert "attributes.regions" in await last(OWNER, collection=f"{OWNER}.regional")
        for verb, collection in (("query", f"{OWNER}.plain"), ("describe_collection", ORDERS)):
            assert "context" not in await last(OWNER, verb, collection)


async def test_an_explanation_of_no_operation_is_refused(line: Line) -> None:
    asked = access_pb2.ExplainAccessRequest(service=GUEST, verb="qury", collection=THINGS)
    error = await line.operator_refusal("ExplainAccess", asked)
    assert error.reason is Reason.BAD_REQUEST
    assert "did you mean 'query'?" in error.message


async def test_only_operators_ask_who_may_do_what(line: Line) -> None:
    for method in ("ListAccess", "ExplainAccess"):
        reply = await line.pipeline.handle(ADMIN + method, b"", Peer("test", OWNER))
        assert reply.error is not None
        assert reply.error.reason is Reason.NO_CREDENTIALS
