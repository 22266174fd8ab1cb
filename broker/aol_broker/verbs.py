"""Which verb is an RPC, and what does it ask of its caller? An RPC that is not in this table is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from aol.admin.v1 import access_pb2, admin_pb2, audit_pb2, drift_pb2, plan_pb2, seed_pb2, token_pb2, usage_pb2
from aol.data.v1 import access_request_pb2
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_broker.authorize import Right
from aol_broker.commands import Command
from aol_broker.security.scoping import Reach

DATA_SERVICE = data_pb2.DESCRIPTOR.services_by_name["DataBroker"].full_name
ADMIN_SERVICE = admin_pb2.DESCRIPTOR.services_by_name["Admin"].full_name


@dataclass(frozen=True, slots=True)
class Verb:
    """One RPC. `operation` is its name in audit records; `names` the request field that names a collection.

    `reach` is what it does with documents; None when it is not about documents.
    """

    operation: str
    request: type[Message]
    right: Right
    writes: bool = False
    names: str = ""
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class BoundVerb:
    """A verb with the command that does it."""

    verb: Verb
    command: Command[Any, Any]


VERBS: Mapping[str, Verb] = {
    f"/{DATA_SERVICE}/RequestCollection": Verb(
        "request_collection", data_pb2.RequestCollectionRequest, Right.OWNER, writes=True, names="name"
    ),
    f"/{DATA_SERVICE}/StoreData": Verb(
        "insert", data_pb2.StoreDataRequest, Right.WRITE, writes=True, names="collection", reach=Reach.INSERT
    ),
    f"/{DATA_SERVICE}/StoreBatch": Verb(
        "insert_many", data_pb2.StoreBatchRequest, Right.WRITE, writes=True, names="collection", reach=Reach.INSERT
    ),
    f"/{DATA_SERVICE}/QueryData": Verb(
        "query", data_pb2.QueryDataRequest, Right.READ, names="collection", reach=Reach.READ
    ),
    f"/{DATA_SERVICE}/CountData": Verb(
        "count", data_pb2.CountDataRequest, Right.READ, names="collection", reach=Reach.READ
    ),
    f"/{DATA_SERVICE}/UpdateData": Verb(
        "update", data_pb2.UpdateDataRequest, Right.WRITE, writes=True, names="collection", reach=Reach.CHANGE
    ),
    f"/{DATA_SERVICE}/DeleteData": Verb(
        "delete", data_pb2.DeleteDataRequest, Right.WRITE, writes=True, names="collection", reach=Reach.CHANGE
    ),
    f"/{DATA_SERVICE}/RestoreData": Verb(
        "restore", data_pb2.RestoreDataRequest, Right.WRITE, writes=True, names="collection", reach=Reach.CHANGE
    ),
    f"/{DATA_SERVICE}/PurgeData": Verb(
        "purge", data_pb2.PurgeDataRequest, Right.ADMIN, writes=True, names="collection", reach=Reach.CHANGE
    ),
    f"/{DATA_SERVICE}/ExplainQuery": Verb(
        "explain", data_pb2.ExplainQueryRequest, Right.READ, names="collection", reach=Reach.READ
    ),
    f"/{DATA_SERVICE}/GrantAccess": Verb(
        "grant_access", data_pb2.GrantAccessRequest, Right.GRANT, writes=True, names="collection"
    ),
    f"/{DATA_SERVICE}/RevokeAccess": Verb(
        "revoke_access", data_pb2.RevokeAccessRequest, Right.GRANT, writes=True, names="collection"
    ),
    f"/{DATA_SERVICE}/ListAccessRequests": Verb(
        "list_access_requests", access_request_pb2.ListAccessRequestsRequest, Right.PARTY
    ),
    f"/{DATA_SERVICE}/ApproveAccess": Verb(
        "approve_access", access_request_pb2.ApproveAccessRequest, Right.ANSWER, writes=True, names="collection"
    ),
    f"/{DATA_SERVICE}/RefuseAccess": Verb(
        "refuse_access", access_request_pb2.RefuseAccessRequest, Right.ANSWER, writes=True, names="collection"
    ),
    f"/{DATA_SERVICE}/ListCollections": Verb("list_collections", data_pb2.ListCollectionsRequest, Right.SERVICE),
    f"/{DATA_SERVICE}/DescribeCollection": Verb(
        "describe_collection", data_pb2.DescribeCollectionRequest, Right.ANY, names="collection"
    ),
    f"/{ADMIN_SERVICE}/ApplyManifest": Verb(
        "apply_manifest", admin_pb2.ApplyManifestRequest, Right.OPERATOR, writes=True
    ),
    f"/{ADMIN_SERVICE}/PlanManifests": Verb("plan_manifests", plan_pb2.PlanManifestsRequest, Right.DEPLOYER),
    f"/{ADMIN_SERVICE}/ApplyPlan": Verb("apply_plan", plan_pb2.ApplyPlanRequest, Right.DEPLOYER, writes=True),
    f"/{ADMIN_SERVICE}/SeedCollection": Verb(
        "seed", seed_pb2.SeedCollectionRequest, Right.DEPLOYER, writes=True, names="collection"
    ),
    f"/{ADMIN_SERVICE}/ListManifestVersions": Verb(
        "list_manifest_versions", plan_pb2.ListManifestVersionsRequest, Right.DEPLOYER
    ),
    f"/{ADMIN_SERVICE}/RetireManifestVersion": Verb(
        "retire_manifest_version", plan_pb2.RetireManifestVersionRequest, Right.DEPLOYER, writes=True
    ),
    f"/{ADMIN_SERVICE}/ListIndexes": Verb("list_indexes", plan_pb2.ListIndexesRequest, Right.DEPLOYER),
    f"/{ADMIN_SERVICE}/ListServices": Verb("list_services", admin_pb2.ListServicesRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/ListCollections": Verb("list_collections", admin_pb2.ListCollectionsRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/DropCollection": Verb(
        "drop_collection", admin_pb2.DropCollectionRequest, Right.OPERATOR, writes=True, names="collection"
    ),
    f"/{ADMIN_SERVICE}/ListGrants": Verb("list_grants", admin_pb2.ListGrantsRequest, Right.DEPLOYER),
    f"/{ADMIN_SERVICE}/ListAccess": Verb("list_access", access_pb2.ListAccessRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/ExplainAccess": Verb("explain_access", access_pb2.ExplainAccessRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/SearchAudit": Verb("search_audit", admin_pb2.SearchAuditRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/SummarizeAudit": Verb("summarize_audit", audit_pb2.SummarizeAuditRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/AuditStatus": Verb("audit_status", admin_pb2.AuditStatusRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/CopyCollection": Verb(
        "copy_collection", admin_pb2.CopyCollectionRequest, Right.OPERATOR, writes=True, names="collection"
    ),
    f"/{ADMIN_SERVICE}/AbortCopy": Verb(
        "abort_copy", admin_pb2.AbortCopyRequest, Right.OPERATOR, writes=True, names="collection"
    ),
    f"/{ADMIN_SERVICE}/HashAuditValue": Verb("hash_audit_value", admin_pb2.HashAuditValueRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/CreateToken": Verb("create_token", token_pb2.CreateTokenRequest, Right.OPERATOR, writes=True),
    f"/{ADMIN_SERVICE}/ListTokens": Verb("list_tokens", token_pb2.ListTokensRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/RevokeToken": Verb("revoke_token", token_pb2.RevokeTokenRequest, Right.OPERATOR, writes=True),
    f"/{ADMIN_SERVICE}/GetDrift": Verb("get_drift", drift_pb2.GetDriftRequest, Right.OPERATOR),
    f"/{ADMIN_SERVICE}/GetLineage": Verb("get_lineage", usage_pb2.GetLineageRequest, Right.OPERATOR),
}


def rights_on_collections() -> dict[str, Right]:
    """Return what the operations of services on a collection ask of their caller, by their names in audit records."""
    return {
        verb.operation: verb.right
        for method, verb in VERBS.items()
        if method.startswith(f"/{DATA_SERVICE}/") and verb.names
    }
