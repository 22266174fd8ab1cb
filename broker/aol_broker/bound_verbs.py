"""Which command does the work of each RPC?"""

from typing import Any

from aol_broker.audit.background import AuditBackground
from aol_broker.audit.log import AuditLog
from aol_broker.backends import Backends
from aol_broker.commands import Command
from aol_broker.commands.access import GrantAccess, RevokeAccess
from aol_broker.commands.access_requests import ApproveAccess, ListAccessRequests, RefuseAccess
from aol_broker.commands.access_review import ExplainAccess, ListAccess
from aol_broker.commands.audit import SearchAudit, SummarizeAudit
from aol_broker.commands.audit_status import AuditStatus
from aol_broker.commands.audit_values import HashAuditValue
from aol_broker.commands.changes import DeleteData, PurgeData, RestoreData, UpdateData
from aol_broker.commands.collections import DescribeCollection, ListCollections, RequestCollection
from aol_broker.commands.documents import StoreBatch, StoreData
from aol_broker.commands.drift import GetDrift
from aol_broker.commands.dropping import DropCollection
from aol_broker.commands.lineage import GetLineage
from aol_broker.commands.moves import AbortCopy, CopyCollection
from aol_broker.commands.operators import ApplyManifest, ListAllCollections, ListGrants, ListServices
from aol_broker.commands.plan_applying import ApplyPlan
from aol_broker.commands.plans import PlanManifests
from aol_broker.commands.queries import CountData, ExplainQuery, QueryData
from aol_broker.commands.seeds import SeedCollection
from aol_broker.commands.tokens import CreateToken, ListTokens, RevokeToken
from aol_broker.commands.versions import ListIndexes, ListManifestVersions, RetireManifestVersion
from aol_broker.dispatch import Dispatch
from aol_broker.moving.steps import Steps
from aol_broker.page_tokens import PageTokens
from aol_broker.registry.store import Registry
from aol_broker.settings import Settings
from aol_broker.usage.keeper import UsageKeeper
from aol_broker.verbs import ADMIN_SERVICE, DATA_SERVICE, VERBS, BoundVerb, rights_on_collections


def bound_verbs(
    settings: Settings,
    registry: Registry,
    backends: Backends,
    audit: AuditLog,
    background: AuditBackground,
    *,
    usage: UsageKeeper,
    page_key: bytes,
) -> dict[str, BoundVerb]:
    """Return every RPC with the command that does it; an RPC without one is an error here, at the start."""
    dispatch = Dispatch(backends, registry)
    steps = Steps(registry, backends, longest_call_s=settings.limits.max_deadline_s)
    allow_undeclared = settings.collections.allow_undeclared
    commands: dict[str, Command[Any, Any]] = {
        f"/{DATA_SERVICE}/RequestCollection": RequestCollection(
            registry, backends, dispatch, allow_undeclared=allow_undeclared
        ),
        f"/{DATA_SERVICE}/StoreData": StoreData(dispatch),
        f"/{DATA_SERVICE}/StoreBatch": StoreBatch(backends, dispatch),
        f"/{DATA_SERVICE}/QueryData": QueryData(backends, dispatch, PageTokens(page_key)),
        f"/{DATA_SERVICE}/CountData": CountData(backends, dispatch),
        f"/{DATA_SERVICE}/UpdateData": UpdateData(backends, dispatch),
        f"/{DATA_SERVICE}/DeleteData": DeleteData(backends, dispatch),
        f"/{DATA_SERVICE}/RestoreData": RestoreData(backends, dispatch),
        f"/{DATA_SERVICE}/PurgeData": PurgeData(backends, dispatch),
        f"/{DATA_SERVICE}/ExplainQuery": ExplainQuery(backends, dispatch),
        f"/{DATA_SERVICE}/GrantAccess": GrantAccess(registry, backends),
        f"/{DATA_SERVICE}/RevokeAccess": RevokeAccess(registry),
        f"/{DATA_SERVICE}/ListAccessRequests": ListAccessRequests(registry),
        f"/{DATA_SERVICE}/ApproveAccess": ApproveAccess(registry, backends),
        f"/{DATA_SERVICE}/RefuseAccess": RefuseAccess(registry),
        f"/{DATA_SERVICE}/ListCollections": ListCollections(registry),
        f"/{DATA_SERVICE}/DescribeCollection": DescribeCollection(registry, dispatch),
        f"/{ADMIN_SERVICE}/ApplyManifest": ApplyManifest(registry, backends, dispatch),
        f"/{ADMIN_SERVICE}/PlanManifests": PlanManifests(registry, backends, dispatch, usage, settings.plan),
        f"/{ADMIN_SERVICE}/ApplyPlan": ApplyPlan(registry, backends, dispatch),
        f"/{ADMIN_SERVICE}/SeedCollection": SeedCollection(registry, backends, dispatch),
        f"/{ADMIN_SERVICE}/ListManifestVersions": ListManifestVersions(
            registry, deployed_days=settings.plan.deployed_days
        ),
        f"/{ADMIN_SERVICE}/RetireManifestVersion": RetireManifestVersion(registry),
        f"/{ADMIN_SERVICE}/ListIndexes": ListIndexes(registry, dispatch),
        f"/{ADMIN_SERVICE}/ListServices": ListServices(registry),
        f"/{ADMIN_SERVICE}/ListCollections": ListAllCollections(registry),
        f"/{ADMIN_SERVICE}/DropCollection": DropCollection(registry, dispatch),
        f"/{ADMIN_SERVICE}/ListGrants": ListGrants(registry),
        f"/{ADMIN_SERVICE}/ListAccess": ListAccess(registry),
        f"/{ADMIN_SERVICE}/ExplainAccess": ExplainAccess(registry, rights_on_collections().items()),
        f"/{ADMIN_SERVICE}/SearchAudit": SearchAudit(audit.directory, settings.broker_id, registry),
        f"/{ADMIN_SERVICE}/SummarizeAudit": SummarizeAudit(audit.directory, settings.broker_id, registry),
        f"/{ADMIN_SERVICE}/AuditStatus": AuditStatus(audit, background, settings.broker_id),
        f"/{ADMIN_SERVICE}/CopyCollection": CopyCollection(registry, backends, steps),
        f"/{ADMIN_SERVICE}/AbortCopy": AbortCopy(registry, steps),
        f"/{ADMIN_SERVICE}/HashAuditValue": HashAuditValue(registry),
        f"/{ADMIN_SERVICE}/CreateToken": CreateToken(registry, settings.authentication),
        f"/{ADMIN_SERVICE}/ListTokens": ListTokens(registry),
        f"/{ADMIN_SERVICE}/RevokeToken": RevokeToken(registry),
        f"/{ADMIN_SERVICE}/GetDrift": GetDrift(registry, dispatch, usage),
        f"/{ADMIN_SERVICE}/GetLineage": GetLineage(registry, usage),
    }
    return {method: BoundVerb(verb, commands[method]) for method, verb in VERBS.items()}
