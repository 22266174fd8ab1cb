"""How do tests of record-level security call the line? Collections of several policies, and calls in short."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.context_pb2 import SecurityContext
from aol_broker.request import Peer, Reply
from aol_wire.errors import Applied, Reason
from line import DATA, TOKEN, Line

COLLECTIONS = """\
      - name: orders
        security: {tenant: required, owner: true, acl: true}
        sharing:
          - {service: app, permission: admin}
      - {name: own, softDelete: true, security: {owner: true}}
      - {name: regional, security: {attributes: [{region: {"$in": "$context.regions"}}]}}
      - {name: plain}
"""
MANIFEST = "metadata: {name: my-service}\nspec:\n  dataRequirements:\n    collections:\n" + COLLECTIONS
ASKING = """\
metadata: {name: app}
spec:
  dataRequirements:
    accessRequests: [{collection: my-service.orders, permission: admin}]
"""
ORDERS = "my-service.orders"
ANN, BOB = SecurityContext(tenant="north", user="ann"), SecurityContext(tenant="north", user="bob")
ASSERT, BYPASS = collection_pb2.PERMISSION_ASSERT_CONTEXT, collection_pb2.PERMISSION_BYPASS_SECURITY


@asynccontextmanager
async def secured_line(folder: Path) -> AsyncIterator[Line]:
    """A line on which the manifests are applied."""
    line = Line(folder)
    await line.start()
    for manifest in (MANIFEST, ASKING):
        assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=manifest))).error is None
    yield line
    await line.stop()


async def as_operator(line: Line, method: str, message: Any) -> Reply:
    """Call as an operator, who acts for no service."""
    peer = Peer("test", authorization=f"Bearer {TOKEN}")
    return await line.pipeline.handle(DATA + method, message.SerializeToString(), peer)


async def give(line: Line, service: str, permission: collection_pb2.Permission, collection: str = ORDERS) -> None:
    """Grant a permission, as an operator."""
    request = pb.GrantAccessRequest(collection=collection, target_service=service, permission=permission)
    assert (await as_operator(line, "GrantAccess", request)).error is None


async def insert(
    line: Line, context: SecurityContext | None, document: dict[str, Any], collection: str = ORDERS, **options: Any
) -> pb.StoreDataResponse:
    """Insert a document, or raise what it fails with."""
    request = pb.StoreDataRequest(collection=collection, document=json.dumps(document), context=context)
    reply = await line.call("StoreData", request, **options)
    if reply.error is not None:
        raise reply.error
    return pb.StoreDataResponse.FromString(reply.payload)


async def ids(line: Line, context: SecurityContext | None, collection: str = ORDERS, **options: Any) -> list[str]:
    """Return the ids that a query finds, or raise what it fails with."""
    reply = await line.call("QueryData", pb.QueryDataRequest(collection=collection, context=context), **options)
    if reply.error is not None:
        raise reply.error
    return list(pb.QueryDataResponse.FromString(reply.payload).page.id)


async def refusal(line: Line, method: str, message: Any, **options: Any) -> tuple[Reason, str]:
    """Return why a call fails, which changed nothing."""
    error = await line.refusal(method, message, **options)
    assert error.applied in (None, Applied.NO)
    return error.reason, error.message
