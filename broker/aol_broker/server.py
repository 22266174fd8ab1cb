"""How is a broker put together? The composition root: the only place that wires things."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from typing import Any

import grpc
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
from aol_broker.bound_verbs import bound_verbs
from aol_broker.data_folder import DataFolder, DataFolderError
from aol_broker.health import INSECURE_SERVICE, Health
from aol_broker.identities.configured import configured_identities
from aol_broker.identities.key_sources import KeySourceError
from aol_broker.identities.routing import Identities
from aol_broker.limits import limiter_of
from aol_broker.operator_token import read_or_make
from aol_broker.pipeline import LineSettings, Pipeline
from aol_broker.registry.store import Registry, RegistryVersionError
from aol_broker.security.deciding import RecordSecurity, UserTokens
from aol_broker.security.user_tokens import configured_user_tokens
from aol_broker.settings import Settings, SettingsError
from aol_broker.transport import MESSAGE_MAX_BYTES, frames_server, generic_handlers
from aol_broker.usage.keeper import UsageKeeper
from aol_broker.verbs import ADMIN_SERVICE, DATA_SERVICE
from aol_wire.adapter import Adapter
from aol_wire.errors import DataError
from aol_wire.frames.server import SERVICE as FRAMES_SERVICE
from aol_wire.tls import TlsError, WatchedTls, tls_files
from aol_wire.tls_credentials import server_credentials

ADAPTER_START_TIMEOUT_S = 10.0
# Calls under way get so long; the adapters are given 3 s after that, and the whole stays under 5 s.
STOP_GRACE_S = 1.0
# A connection on which nothing sensible is said by then is closed, and so is one on which no call is made for so long:
# whoever opens connections and is silent holds them only for a time. Clients connect again by themselves.
HANDSHAKE_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 1800.0
# A peer that answers no ping is gone, or never spoke HTTP/2: it could hold half a request for ever. Those that run do
# it by themselves, idle or not.
PING_AFTER_S = 60.0
PING_TIMEOUT_S = 20.0
# HTTP/2 recommends no fewer; calls beyond what is allowed on a connection wait at the client.
_STREAMS_AT_LEAST = 100
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
        settings.require_verifiers()
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
        usage = UsageKeeper(registry, settings.usage)
        self._stack.push_async_callback(usage.stop)
        verbs = bound_verbs(settings, registry, self._backends, audit, background, usage=usage, page_key=page_key)
        identities = await self._open_identities(registry)
        line = self._line_settings(await registry.secret(KEY_NAME))
        pipeline = Pipeline(
            verbs,
            registry,
            audit,
            line,
            identities,
            counter=usage.counter,
            limiter=limiter_of(settings.limits),
            security=RecordSecurity(await self._open_user_tokens()),
        )
        await self._start_backends()
        self._stack.push_async_callback(pipeline.drain)
        state = await self._listen(pipeline, audit)
        self._keep_running(state.follow())
        self._keep_running(registry.follow())
        self._keep_running(_tend(registry, state, self._tend_every_s))
        self._keep_running(_tend_audit(audit, self._tend_every_s))
        self._keep_running(usage.run())

    async def _open_identities(self, registry: Registry) -> Identities:
        authentication = self.settings.authentication
        if self.settings.insecure_remote:
            _log.warning("callers from other machines are believed by name", setting="authentication.insecure_remote")
        try:
            identities = configured_identities(authentication.verifiers, self.operator_token, registry)
            await identities.open()
        except KeySourceError as error:
            raise StartError(f"authentication.verifiers: {error}") from None
        self._keep_running(identities.follow())
        return identities

    async def _open_user_tokens(self) -> UserTokens | None:
        try:
            tokens = configured_user_tokens(self.settings.security.user_tokens)
        except KeySourceError as error:
            raise StartError(f"security.user_tokens: {error}") from None
        if tokens is not None:
            await tokens.open()
            self._keep_running(tokens.follow())
        return tokens

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
            backends[name] = AdapterHost(name, adapter, tls=adapter.tls)
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
                ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_TIMEOUT_S * 1000)),
                ("grpc.max_connection_idle_ms", round(IDLE_TIMEOUT_S * 1000)),
                ("grpc.keepalive_time_ms", round(PING_AFTER_S * 1000)),
                ("grpc.keepalive_timeout_ms", round(PING_TIMEOUT_S * 1000)),
                ("grpc.http2.ping_timeout_ms", round(PING_TIMEOUT_S * 1000)),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_pings_without_data", 0),
                # Twice what may be under way, so that who wants too much is told so (OVERLOADED).
                ("grpc.max_concurrent_streams", max(_STREAMS_AT_LEAST, 2 * self.settings.limits.max_in_flight)),
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
        credentials = self._credentials()
        try:
            if credentials is None:
                port = server.add_insecure_port(self.settings.listen)
            else:
                port = server.add_secure_port(self.settings.listen, credentials)
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
        if self.settings.authentication.insecure:
            await servicer.set(INSECURE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
        self._stack.push_async_callback(server.stop, STOP_GRACE_S)
        self._stack.callback(frames.leave)
        self._stack.push_async_callback(servicer.enter_graceful_shutdown)
        self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        _log.info(
            "listening",
            endpoint=self.endpoint,
            insecure_remote=self.settings.insecure_remote,
            tls=credentials is not None,
        )
        return state

    def _credentials(self) -> grpc.ServerCredentials | None:
        """Return what the port shows and asks for; None: it speaks no TLS."""
        tls = self.settings.tls
        if not tls.enabled:
            return None

        def keep_the_old(problem: str) -> None:
            _log.warning("TLS files cannot be used; those read before are", reason=problem)

        try:
            files = tls_files(tls.client_ca_file, tls.certificate_file, tls.key_file)
            return server_credentials(WatchedTls(files, keep_the_old))
        except TlsError as error:
            raise StartError(f"tls: {error}") from None

    def _keep_running(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._stack.push_async_callback(_end, task)

    def _line_settings(self, hmac_key: bytes) -> LineSettings:
        settings = self.settings
        return LineSettings(
            broker_id=settings.broker_id,
            default_deadline_s=settings.limits.default_deadline_s,
            max_deadline_s=settings.limits.max_deadline_s,
            max_in_flight=settings.limits.max_in_flight,
            slow_call_s=settings.slow_call_s,
            hmac_key=hmac_key,
        )


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
