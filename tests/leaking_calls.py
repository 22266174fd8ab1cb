"""Which calls are made with what nobody may find again? At least one of every RPC, with canaries wherever they fit."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aol.admin.v1 import access_pb2, admin_pb2, audit_pb2, drift_pb2, plan_pb2, seed_pb2, token_pb2, usage_pb2
from aol.data.v1 import access_request_pb2, collection_pb2
from aol.data.v1 import data_broker_pb2 as pb

SENSITIVE = "zqjxsensitive"
"""Stands for a value that nobody may read; it is stored in every collection, and compared with what hides it."""
ORDINARY = "zqjxordinary"
"""Stands for everything else that a user stores. Audit records show it, in the filters of calls."""

OWNER, READER, STRANGER = "leak-owner", "leak-reader", "leak-stranger"
# With what is escaped in one way or another.
HIDDEN = f'{SENSITIVE} "\\é\n'
SHOWN = f'{ORDINARY} "\\é\n'

MANIFESTS = (
    f"""\
metadata: {{name: {OWNER}, version: "1"}}
spec:
  dataRequirements:
    collections:
      - name: people
        description: {ORDINARY}
        schemaHint: {{n: number, at: datetime}}
        validation: warn
        secrets: warn
        sensitive: [_id, ssn, login.pin, notes, users.ssn]
        indexes:
          - {{fields: [email], type: unique}}
          - {{fields: [n], type: ascending}}
          - {{fields: [notes], type: text}}
        sharing: [{{service: {READER}, permission: read}}]
      - {{name: gone, softDelete: true, secrets: off, sensitive: [ssn, login.pin, notes, users.ssn]}}
      - {{name: strict, schemaHint: {{n: number}}, validation: strict, audit: shape}}
      - {{name: silent, audit: metadata}}
      - name: plain
        seeds: [{{condition: if_missing, key: ssn, data: {{ssn: "${{SSN}}", n: "${{OTHER}}"}}}}]
""",
    f"""\
metadata: {{name: {READER}}}
spec:
  dataRequirements:
    accessRequests:
      - {{collection: {OWNER}.people, permission: read, reason: {ORDINARY}}}
      - {{collection: {OWNER}.plain, permission: read, reason: {ORDINARY}}}
      - {{collection: {OWNER}.asked, permission: write, reason: {ORDINARY}}}
""",
)
UNREADABLE = ("strict", "silent", "absent", "Not A Name", f"{OWNER}.absent")
"""Where records show no value of a filter, whatever it is compared with."""

_NAMED = [
    {"password": HIDDEN},
    {"a": {"apiKey": HIDDEN}},
    {"x": {"$eq": {"client_secret": [HIDDEN]}}},
    {"$or": [{"token": {"$in": [HIDDEN]}}, {"email": SHOWN}]},
]
_DECLARED = [
    {"ssn": HIDDEN},
    {"ssn": {"$in": [HIDDEN, 1]}, "email": SHOWN},
    {"ssn": {"$gte": HIDDEN, "$lt": HIDDEN}},
    {"login": {"pin": HIDDEN, "name": SHOWN}},
    {"login.pin": {"$ne": HIDDEN}},
    {"$not": {"$or": [{"login": {"$eq": {"pin": HIDDEN}}}, {"n": 1}]}},
    {"users": {"$contains": {"ssn": HIDDEN}}},
    {"users.0.ssn": HIDDEN},
    {"notes": {"$regex": SENSITIVE, "$options": "i"}},
    {"$text": SENSITIVE},
    # What is refused:
    {"ssn": {"$regex": f"({HIDDEN}"}},
    {"ssn": {"$near": HIDDEN}},
    {"ssn": {"$gt": {"x": HIDDEN}}},
    {"ssn": {"$in": HIDDEN}},
    {"$where": HIDDEN},
    {"ssn": HIDDEN * 2000},
    [HIDDEN],
]
_OPEN = [{"email": SHOWN}, {"email": {"$near": SHOWN}}, {"_created_at": {"$gt": SHOWN}}, {"n": {"$regex": f"({SHOWN}"}}]
_DOCUMENT = {
    "ssn": HIDDEN,
    "login": {"pin": HIDDEN, "name": SHOWN},
    "notes": SENSITIVE,
    "users": [{"ssn": HIDDEN}],
    "password": HIDDEN,
    "at": SHOWN,
    "free": [HIDDEN, SHOWN],
}
_MALFORMED = f'{{"ssn": "{SENSITIVE}'

DOCUMENTS: list[Any] = [
    {**_DOCUMENT, "email": f"{SHOWN}1"},
    {**_DOCUMENT, "email": [HIDDEN]},
    {**_DOCUMENT, "email": HIDDEN * 100},
    {**_DOCUMENT, "n": HIDDEN},
    {**_DOCUMENT, "$bad": HIDDEN},
    {**_DOCUMENT, "_other": HIDDEN},
    {**_DOCUMENT, "a": float("nan")},
    {**_DOCUMENT, "a": HIDDEN * 100_000},
    {"_id": [HIDDEN]},
    [HIDDEN],
]
UPDATES: list[Any] = [
    {"free": HIDDEN},
    {"$push": {"notes": HIDDEN}},
    {"$inc": {"notes": 1}},
    {"n": HIDDEN},
    {"_version": HIDDEN},
    {"$set": HIDDEN},
    {"ssn": HIDDEN, "ssn.x": HIDDEN},
    {"email": [HIDDEN]},
]


def filters_for(collection: str) -> list[str]:
    """Filters on a collection in which no sensitive value stands where its records show it."""
    found: list[Any] = [*_NAMED, *_OPEN]
    if collection not in {"plain", f"{OWNER}.plain"}:
        found += _DECLARED
    if collection in UNREADABLE:
        found += [{"email": HIDDEN}, {"$text": HIDDEN}]
    return [*map(json.dumps, found), _MALFORMED]


def queries(collection: str) -> Iterator[tuple[str, Message]]:
    """Reads of a collection, by the names of their RPCs."""
    for text in filters_for(collection):
        yield "QueryData", pb.QueryDataRequest(collection=collection, filter=text, projection=["email", "login.pin"])
        yield "CountData", pb.CountDataRequest(collection=collection, filter=text)
        yield "ExplainQuery", pb.ExplainQueryRequest(collection=collection, filter=text)


def changes(collection: str) -> Iterator[tuple[str, Message]]:
    """Writes to a collection, of which many are refused."""
    documents = [*map(json.dumps, DOCUMENTS), _MALFORMED]
    for document in documents:
        yield "StoreData", pb.StoreDataRequest(collection=collection, document=document)
    yield "StoreBatch", pb.StoreBatchRequest(collection=collection, documents=documents)
    yield "StoreBatch", pb.StoreBatchRequest(collection=collection, documents=documents, atomic=True)
    for text in filters_for(collection):
        yield "UpdateData", pb.UpdateDataRequest(collection=collection, filter=text, update=json.dumps(UPDATES[0]))
    for update in [*map(json.dumps, UPDATES), _MALFORMED]:
        one = json.dumps({"ssn": HIDDEN})
        yield "UpdateData", pb.UpdateDataRequest(collection=collection, filter=one, update=update)
    for text in filters_for(collection)[:6]:
        yield "UpdateData", pb.UpdateDataRequest(collection=collection, filter=text, update="{}", if_version=99)
        yield "UpdateData", pb.UpdateDataRequest(collection=collection, filter=text, update='{"z":1}', max_affected=0)
        yield "DeleteData", pb.DeleteDataRequest(collection=collection, filter=text, max_affected=0)
        yield "RestoreData", pb.RestoreDataRequest(collection=collection, filter=text, max_affected=0)
        yield "PurgeData", pb.PurgeDataRequest(collection=collection, filter=text, max_affected=0)


REQUESTS: Mapping[str, Message] = {
    "/aol.data.v1.DataBroker/RequestCollection": pb.RequestCollectionRequest(
        name="asked", description=HIDDEN, schema_hint='{"n": "number"}'
    ),
    "/aol.data.v1.DataBroker/StoreData": pb.StoreDataRequest(
        collection="people", document=json.dumps(_DOCUMENT), document_id=SENSITIVE
    ),
    "/aol.data.v1.DataBroker/StoreBatch": pb.StoreBatchRequest(
        collection="people", documents=[json.dumps(_DOCUMENT)] * 2, document_ids=[SENSITIVE, f"{SENSITIVE}2"]
    ),
    "/aol.data.v1.DataBroker/QueryData": pb.QueryDataRequest(collection="people", filter=json.dumps({"ssn": HIDDEN})),
    "/aol.data.v1.DataBroker/CountData": pb.CountDataRequest(collection="people", filter=json.dumps({"ssn": HIDDEN})),
    "/aol.data.v1.DataBroker/UpdateData": pb.UpdateDataRequest(
        collection="people", filter=json.dumps({"ssn": HIDDEN}), update=json.dumps({"free": HIDDEN})
    ),
    "/aol.data.v1.DataBroker/DeleteData": pb.DeleteDataRequest(collection="gone", filter=json.dumps({"ssn": HIDDEN})),
    "/aol.data.v1.DataBroker/RestoreData": pb.RestoreDataRequest(collection="gone", filter=json.dumps({"ssn": HIDDEN})),
    "/aol.data.v1.DataBroker/PurgeData": pb.PurgeDataRequest(collection="gone", filter=json.dumps({"ssn": HIDDEN})),
    "/aol.data.v1.DataBroker/ExplainQuery": pb.ExplainQueryRequest(
        collection="people", filter=json.dumps({"ssn": HIDDEN})
    ),
    "/aol.data.v1.DataBroker/GrantAccess": pb.GrantAccessRequest(
        collection="plain",
        target_service=READER,
        permission=collection_pb2.PERMISSION_READ,
        reason=HIDDEN,
        fields=["email", "n"],
        where=json.dumps({"email": {"$ne": SHOWN}}),
    ),
    "/aol.data.v1.DataBroker/RevokeAccess": pb.RevokeAccessRequest(
        collection="plain", target_service=READER, permission=collection_pb2.PERMISSION_WRITE
    ),
    "/aol.data.v1.DataBroker/ListAccessRequests": access_request_pb2.ListAccessRequestsRequest(include_refused=True),
    # What the first refuses, the second approves.
    "/aol.data.v1.DataBroker/RefuseAccess": access_request_pb2.RefuseAccessRequest(
        collection="asked", target_service=READER, reason=SENSITIVE
    ),
    "/aol.data.v1.DataBroker/ApproveAccess": access_request_pb2.ApproveAccessRequest(
        collection="asked", target_service=READER, reason=HIDDEN
    ),
    "/aol.data.v1.DataBroker/ListCollections": pb.ListCollectionsRequest(),
    "/aol.data.v1.DataBroker/DescribeCollection": pb.DescribeCollectionRequest(collection="people"),
    "/aol.admin.v1.Admin/ApplyManifest": admin_pb2.ApplyManifestRequest(manifest=MANIFESTS[1], source="m.yaml"),
    "/aol.admin.v1.Admin/PlanManifests": plan_pb2.PlanManifestsRequest(
        manifests=[plan_pb2.ManifestToPlan(manifest=MANIFESTS[1] + "# again\n", source="m.yaml")]
    ),
    # Its text alone: a broker makes the plan of it that is applied.
    "/aol.admin.v1.Admin/ApplyPlan": plan_pb2.ApplyPlanRequest(
        plan=plan_pb2.Plan(manifests=[plan_pb2.PlannedManifest(manifest=MANIFESTS[1] + "# again\n", source="m.yaml")])
    ),
    "/aol.admin.v1.Admin/SeedCollection": seed_pb2.SeedCollectionRequest(
        collection=f"{OWNER}.plain", variables={"SSN": HIDDEN, "OTHER": HIDDEN}
    ),
    "/aol.admin.v1.Admin/ListManifestVersions": plan_pb2.ListManifestVersionsRequest(service=READER),
    "/aol.admin.v1.Admin/RetireManifestVersion": plan_pb2.RetireManifestVersionRequest(service=READER, version=1),
    "/aol.admin.v1.Admin/ListIndexes": plan_pb2.ListIndexesRequest(collections=[f"{OWNER}.people"]),
    "/aol.admin.v1.Admin/ListServices": admin_pb2.ListServicesRequest(),
    "/aol.admin.v1.Admin/ListCollections": admin_pb2.ListCollectionsRequest(),
    "/aol.admin.v1.Admin/DropCollection": admin_pb2.DropCollectionRequest(collection=f"{OWNER}.asked", dry_run=True),
    "/aol.admin.v1.Admin/ListGrants": admin_pb2.ListGrantsRequest(),
    "/aol.admin.v1.Admin/ListAccess": access_pb2.ListAccessRequest(service=OWNER),
    "/aol.admin.v1.Admin/ExplainAccess": access_pb2.ExplainAccessRequest(
        service=READER, verb="query", collection=f"{OWNER}.people"
    ),
    "/aol.admin.v1.Admin/SearchAudit": admin_pb2.SearchAuditRequest(limit=10),
    "/aol.admin.v1.Admin/SummarizeAudit": audit_pb2.SummarizeAuditRequest(collection=f"{OWNER}.people"),
    "/aol.admin.v1.Admin/AuditStatus": admin_pb2.AuditStatusRequest(),
    "/aol.admin.v1.Admin/CopyCollection": admin_pb2.CopyCollectionRequest(
        collection=f"{OWNER}.people", to_adapter="sqlite"
    ),
    "/aol.admin.v1.Admin/AbortCopy": admin_pb2.AbortCopyRequest(collection=f"{OWNER}.people"),
    "/aol.admin.v1.Admin/CreateToken": token_pb2.CreateTokenRequest(service=READER, lifetime_s=60),
    "/aol.admin.v1.Admin/ListTokens": token_pb2.ListTokensRequest(service=READER),
    "/aol.admin.v1.Admin/RevokeToken": token_pb2.RevokeTokenRequest(token_id="0123456789abcdef"),
    "/aol.admin.v1.Admin/HashAuditValue": admin_pb2.HashAuditValueRequest(value=json.dumps(HIDDEN)),
    "/aol.admin.v1.Admin/GetDrift": drift_pb2.GetDriftRequest(
        service=OWNER, sample_documents=100, manifests=[drift_pb2.ManifestText(text=MANIFESTS[0], source="m.yaml")]
    ),
    "/aol.admin.v1.Admin/GetLineage": usage_pb2.GetLineageRequest(collection=f"{OWNER}.people", path="email"),
}
"""A request that succeeds for each RPC, in an order in which they do."""

# The caller's own id of the call, which its answer, its record and every error name; and names of fields, as errors do.
_ECHOED = {"request_id", "projection", "path", "fields"}


def with_canaries(request: Message) -> Iterator[Message]:
    """Yield the request with a canary in one of its texts, for each of them, those in its parts too.

    No text may say more than what is wrong with it, and a field that a request gets one day is no exception.
    """
    descriptor: Any = request.DESCRIPTOR
    for field in descriptor.fields:
        if field.name in _ECHOED:
            continue
        if field.type == FieldDescriptor.TYPE_STRING:
            for canary in (HIDDEN, SENSITIVE if field.name not in _NAMES else f"{SENSITIVE}\0"):
                yield _set(request, field, canary)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            part = GetMessageClass(field.message_type)()
            yield from (_set(request, field, changed) for changed in with_canaries(part))


_NAMES = {"collection", "name", "service", "owner", "target_service", "operator", "to_adapter", "source"}
"""A good name of something that is not there is told: here they are names that are no good."""


def _set(request: Message, field: FieldDescriptor, value: Any) -> Message:
    changed = type(request)()
    changed.CopyFrom(request)
    if field.is_repeated:
        getattr(changed, field.name).append(value)
    elif isinstance(value, Message):
        getattr(changed, field.name).CopyFrom(value)
    else:
        setattr(changed, field.name, value)
    return changed
