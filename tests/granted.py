"""How do tests call a line in the name of a service that holds a limited grant?"""

import json
from typing import Any

from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.access.limits_parser import parse_limits
from aol_broker.registry.access_changes import Granted
from aol_broker.registry.snapshot import Permission
from aol_broker.request import Peer, Reply
from aol_wire.errors import DataError
from line import DATA, TOKEN, Line

OWNER = "my-service"
GUEST = "guest"
PERMISSIONS = {
    "read": collection_pb2.PERMISSION_READ,
    "write": collection_pb2.PERMISSION_WRITE,
    "admin": collection_pb2.PERMISSION_ADMIN,
}

ANSWERS: dict[str, Any] = {
    rpc: getattr(pb, f"{rpc}Response")
    for rpc in (
        "RequestCollection",
        "StoreData",
        "StoreBatch",
        "QueryData",
        "CountData",
        "UpdateData",
        "DeleteData",
        "RestoreData",
        "PurgeData",
        "ExplainQuery",
        "GrantAccess",
        "RevokeAccess",
        "ListCollections",
        "DescribeCollection",
    )
}


async def call_as(line: Line, service: str, rpc: str, message: Any) -> Reply:
    """Call in the name of a service."""
    return await line.pipeline.handle(DATA + rpc, message.SerializeToString(), Peer("test", service))


async def answer(line: Line, service: str, rpc: str, message: Any) -> Any:
    """Call, and return the answer of a call that succeeds."""
    reply = await call_as(line, service, rpc, message)
    assert reply.error is None, reply.error
    return ANSWERS[rpc].FromString(reply.payload)


async def refused(line: Line, service: str, rpc: str, message: Any) -> DataError:
    """Call, and return the error of a call that is refused."""
    reply = await call_as(line, service, rpc, message)
    assert reply.error is not None
    return reply.error


async def operate(line: Line, method: str, message: Any) -> Reply:
    """Call as an operator, by the method's full name."""
    peer = Peer("test", authorization=f"Bearer {TOKEN}")
    return await line.pipeline.handle(method, message.SerializeToString(), peer)


async def grant(
    line: Line,
    collection: str,
    permission: str,
    *,
    fields: tuple[str, ...] = (),
    where: Any = None,
    expires_us: int = 0,
    service: str = GUEST,
) -> Granted:
    """Grant a permission on a collection of OWNER; one that has expired already, too."""
    limits = parse_limits(fields, "" if where is None else json.dumps(where), expires_us)
    return await line.registry.grant(
        f"{OWNER}.{collection}", service, Permission(permission), f"service:{OWNER}", limits=limits
    )


async def store(line: Line, collection: str, *documents: dict[str, Any]) -> None:
    """Insert documents as their owner."""
    for document in documents:
        await answer(
            line, OWNER, "StoreData", pb.StoreDataRequest(collection=collection, document=json.dumps(document))
        )


async def found(line: Line, service: str, collection: str, filters: Any = None, **more: Any) -> list[Any]:
    """Return the documents that a query answers, with their ids."""
    request = pb.QueryDataRequest(collection=collection, filter="" if filters is None else json.dumps(filters), **more)
    page = (await answer(line, service, "QueryData", request)).page
    return [{"_id": id_, **json.loads(text)} for id_, text in zip(page.id, page.json, strict=True)]
