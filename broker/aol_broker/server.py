"""How is a broker put together? The composition root: the only place that wires things."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from aol_broker.adapters.host import AdapterHost
from aol_broker.audit.background import AuditBackground
from aol_broker.audit.log import AuditLog
from aol_broker.audit.recovery import AuditFolderError
from aol_broker.audit.signing import SigningKeyError, read_or_make_signing_key
from aol_broker.audit.value_hash import KEY_NAME
from aol_broker.backends import Backend, Backends, InProcessBackend
from aol_broker.commands import Command
from aol_broker.commands.access import GrantAccess, RevokeAccess
from aol_broker.commands.audit import SearchAudit, SummarizeAudit
from aol_broker.commands.audit_status import AuditStatus
from aol_broker.commands.audit_values import HashAuditValue
from aol_broker.commands.changes import DeleteData, PurgeData, RestoreData, UpdateData
from aol_broker.commands.collections import DescribeCollection, ListCollections, RequestCollection
from aol_broker.commands.documents import StoreBatch, StoreData
from aol_broker.commands.dropping import DropCollection
from aol_broker.commands.moves import AbortCopy, CopyCollection
from aol_broker.commands.operators import ApplyManifest, ListAllCollections, ListGrants, ListServices
from aol_broker.commands.plan_applying import ApplyPlan
from aol_broker.commands.plans import PlanManifests
from aol_broker.commands.queries import CountData, ExplainQuery, QueryData
from aol_broker.commands.versions import ListIndexes, ListManifestVersions, RetireManifestVersion
from aol_broker.data_folder import DataFolder, DataFolderError
from aol_broker.dispatch import Dispatch
from aol_broker.health import Health
from aol_broker.moving.steps import Steps
from aol_broker.operator_token import read_or_make
from aol_broker.page_tokens import PageTokens
from aol_broker.pipeline import LineSettings, Pipeline
from aol_broker.registry.store import Registry, RegistryVersionError
from aol_broker.settings import Settings, SettingsError
from aol_broker.transport import MESSAGE_MAX_BYTES, frames_server, generic_handlers
from aol_broker.verbs import ADMIN_SERVICE, DATA_SERVICE, VERBS, BoundVerb
from aol_wire.adapter import Adapter
from aol_wire.errors import DataError
from aol_wire.frames.server import SERVICE as FRAMES_SERVICE

ADAPTER_START_TIMEOUT_S = 10.0
# Calls under way get so long; the adapters are given 3 s after that, and the whole stays under 5 s.
STOP_GRACE_S = 1.0
# How often a broker looks whether another one changed the registry that they share (a registry on PostgreSQL tells it
# sooner), and how it is doing itself.
TEND_EVERY_S = 0.5

_log = structlog.get_logger("aol.broker")


class StartError(Exception):
    """The broker cannot start; the message says why and what to do."""


class Broker:
    """One broker. `start` it, and `stop` it; between the two, `endpoint` says where it listens."""

    def __init__(
        self, settings: Settings, *, in_process: Mapping[str, Adapter] | None = None, tend_every_s: float = TEND_EVERY_S
    ) -> None:
        """`in_process` gives adapters that run inside this process, in place of those of the configuration."""
        self.settings = settings
        self._tend_every_s = tend_every_s
        self.endpoint = ""
        self.operator_token = ""
        self._in_process = dict(in_process or {})
        self._stack = contextlib.AsyncExitStack()
        self._backends = Backends({}, "")

    async def start(self) -> None:
        """Start everything, adapters first; a wait for an adapter that does not come up is bounded.

        :raises StartError: nothing is left running.
        """
        try:
            await self._start()
        except (AuditFolderError, DataFolderError, RegistryVersionError, SettingsError, SigningKeyError) as error:
            await self.stop()
            raise StartError(str(error)) from None
        except DataError as error:
            await self.stop()
            raise StartError(error.message) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish the calls under way, within a bound, and stop everything."""
        await self._stack.aclose()

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The adapters, in the order of the configuration."""
        return self._backends.all()

    def adapter_summary(self) -> str:
        """Return the adapters in a few words, for people: `sqlite`, or `postgres (not ready: ...)`."""
        return ", ".join(
            backend.name if backend.ready else f"{backend.name} (not ready: {backend.reason})"
            for backend in self.backends
        )

    async def _start(self) -> None:
        settings = self.settings
        folder = DataFolder(settings.data_dir)
        self._stack.callback(folder.release)
        self.operator_token = self._operator_token()
        self._backends = self._make_backends()
        background = AuditBackground(settings.audit, settings.broker_id)
        registry = Registry(
            settings.registry_url, default_adapter=self._backends.default, password=settings.read_registry_password()
        )
        self._stack.push_async_callback(registry.close)
        await registry.open()
        audit = await self._open_audit(background)
        page_key = await registry.secret("page-token")
        verbs = bound_verbs(settings, registry, self._backends, audit, background, page_key=page_key)
        pipeline = Pipeline(verbs, registry, audit, self._line_settings(await registry.secret(KEY_NAME)))
        await self._start_backends()
        self._stack.push_async_callback(pipeline.drain)
        state = await self._listen(pipeline, audit)
        self._keep_running(state.follow())
        self._keep_running(registry.follow())
        self._keep_running(_tend(registry, state, self._tend_every_s))
        self._keep_running(_tend_audit(audit, self._tend_every_s))

    def _operator_token(self) -> str:
        configured = self.settings.read_operator_token()
        if configured is not None:
            return configured
        try:
            return read_or_make(self.settings.data_dir)
        except (OSError, ValueError) as error:
            raise StartError(f"The operator's token cannot be read: {error}") from None

    async def _open_audit(self, background: AuditBackground) -> AuditLog:
        settings = self.settings
        audit = AuditLog(
            settings.audit_dir,
            key=read_or_make_signing_key(settings.audit_key_file),
            broker_id=settings.broker_id,
            max_file_bytes=settings.audit.max_file_bytes,
            reserve_bytes=settings.audit.reserve_bytes,
            durable=settings.audit.durability == "fsync",
        )
        await audit.open()
        background.start(audit)
        self._stack.push_async_callback(background.stop)
        self._stack.push_async_callback(audit.close)
        self._stack.push_async_callback(background.leave)
        return audit

    def _make_backends(self) -> Backends:
        backends: dict[str, Backend] = {}
        if self._in_process:
            backends.update({name: InProcessBackend(name, item) for name, item in self._in_process.items()})
            return Backends(backends, next(iter(backends)))
        for name, adapter in self.settings.adapters.items():
            backends[name] = AdapterHost(name, adapter)
        return Backends(backends, self.settings.default_adapter)

    async def _start_backends(self) -> None:
        self._stack.push_async_callback(self._stop_backends)
        await asyncio.gather(*(backend.start(ADAPTER_START_TIMEOUT_S) for backend in self._backends.all()))

    async def _stop_backends(self) -> None:
        await asyncio.gather(*(backend.stop() for backend in self._backends.all()), return_exceptions=True)

    async def _listen(self, pipeline: Pipeline, audit: AuditLog) -> Health:
        server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MESSAGE_MAX_BYTES),
                ("grpc.max_send_message_length", MESSAGE_MAX_BYTES),
                ("grpc.max_metadata_size", 16 << 10),
            ]
        )
        servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        server.add_generic_rpc_handlers(generic_handlers(pipeline))
        frames = frames_server(pipeline, self.settings.limits.max_in_flight)
        frames.register(server)
        health_service = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        names = (DATA_SERVICE, ADMIN_SERVICE, FRAMES_SERVICE, health_service)
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
        host = self.settings.listen_host
        try:
            port = server.add_insecure_port(self.settings.listen)
        except RuntimeError:
            raise StartError(
                f"Cannot listen on {self.settings.listen}. Is another broker, or another program, using that port? "
                "Choose one with --listen HOST:PORT (port 0 takes a free one)."
            ) from None
        state = Health(servicer, self._backends, audit)
        for backend in self._backends.all():
            backend.on_change(state.changed)
        audit.on_change(state.changed)
        await state.publish()
        await server.start()
        self._stack.push_async_callback(server.stop, STOP_GRACE_S)
        self._stack.callback(frames.leave)
        self._stack.push_async_callback(servicer.enter_graceful_shutdown)
        self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        _log.info("listening", endpoint=self.endpoint, insecure_remote=self.settings.authentication.insecure_remote)
        return state

    def _keep_running(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._stack.push_async_callback(_end, task)

    def _line_settings(self, hmac_key: bytes) -> LineSettings:
        settings = self.settings
        return LineSettings(
            broker_id=settings.broker_id,
            operator_token=self.operator_token,
            default_deadline_s=settings.limits.default_deadline_s,
            max_deadline_s=settings.limits.max_deadline_s,
            max_in_flight=settings.limits.max_in_flight,
            slow_call_s=settings.slow_call_s,
            hmac_key=hmac_key,
        )


def bound_verbs(
    settings: Settings,
    registry: Registry,
    backends: Backends,
    audit: AuditLog,
    background: AuditBackground,
    *,
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
        f"/{DATA_SERVICE}/GrantAccess": GrantAccess(registry),
        f"/{DATA_SERVICE}/RevokeAccess": RevokeAccess(registry),
        f"/{DATA_SERVICE}/ListCollections": ListCollections(registry),
        f"/{DATA_SERVICE}/DescribeCollection": DescribeCollection(registry, dispatch),
        f"/{ADMIN_SERVICE}/ApplyManifest": ApplyManifest(registry, backends, dispatch),
        f"/{ADMIN_SERVICE}/PlanManifests": PlanManifests(
            registry, backends, dispatch, deployed_days=settings.plan.deployed_days
        ),
        f"/{ADMIN_SERVICE}/ApplyPlan": ApplyPlan(registry, backends, dispatch),
        f"/{ADMIN_SERVICE}/ListManifestVersions": ListManifestVersions(
            registry, deployed_days=settings.plan.deployed_days
        ),
        f"/{ADMIN_SERVICE}/RetireManifestVersion": RetireManifestVersion(registry),
        f"/{ADMIN_SERVICE}/ListIndexes": ListIndexes(registry, dispatch),
        f"/{ADMIN_SERVICE}/ListServices": ListServices(registry),
        f"/{ADMIN_SERVICE}/ListCollections": ListAllCollections(registry),
        f"/{ADMIN_SERVICE}/DropCollection": DropCollection(registry, dispatch),
        f"/{ADMIN_SERVICE}/ListGrants": ListGrants(registry),
        f"/{ADMIN_SERVICE}/SearchAudit": SearchAudit(audit.directory, settings.broker_id, registry),
        f"/{ADMIN_SERVICE}/SummarizeAudit": SummarizeAudit(audit.directory, settings.broker_id, registry),
        f"/{ADMIN_SERVICE}/AuditStatus": AuditStatus(audit, background, settings.broker_id),
        f"/{ADMIN_SERVICE}/CopyCollection": CopyCollection(registry, backends, steps),
        f"/{ADMIN_SERVICE}/AbortCopy": AbortCopy(registry, steps),
        f"/{ADMIN_SERVICE}/HashAuditValue": HashAuditValue(registry),
    }
    return {method: BoundVerb(verb, commands[method]) for method, verb in VERBS.items()}


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancel a task and let it put away what it holds; what does not answer does not hold up a stop."""
    task.cancel()
    await asyncio.wait([task], timeout=STOP_GRACE_S)


async def _tend_audit(audit: AuditLog, every_s: float) -> None:
    """Notice a disk that hangs, and try again what failed."""
    while True:
        await asyncio.sleep(every_s)
        await audit.recover()


async def _tend(registry: Registry, state: Health, every_s: float) -> None:
    """Follow what other brokers change in the registry.

    Callers that know of a newer registry make it read at once anyway.
    """
    while True:
        await asyncio.sleep(every_s)
        try:
            await registry.refresh(registry.snapshot.revision + 1)
        except DataError:
            state.set_registry_reachable(False)
        else:
            state.set_registry_reachable(True)


async def run(
    settings: Settings, on_ready: Callable[[Broker], Awaitable[None]], make: Callable[[Settings], Broker] = Broker
) -> None:
    """Run a broker until SIGINT or SIGTERM; `on_ready` is awaited once it listens.

    :raises StartError: it could not start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    broker = make(settings)
    try:
        await _unless_stopped(stop, broker.start())
        if not stop.is_set():
            await _unless_stopped(stop, on_ready(broker))
        await stop.wait()
    finally:
        await broker.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _unless_stopped(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Await `work`, but end it when a signal says stop."""
    task = asyncio.ensure_future(work)
    signalled = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, signalled), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        task.cancel()
        signalled.cancel()
        await asyncio.gather(task, signalled, return_exceptions=True)
