"""Is an adapter there, and if not, when will it be? Starts, watches, restarts and stops one configured adapter."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import structlog

from aol_broker.adapters.process import AdapterProcess
from aol_broker.adapters.proxy import AdapterProxy
from aol_broker.adapters.state import AdapterConfig, HostState, Phase, Timing
from aol_broker.tls_settings import AdapterTlsSettings
from aol_wire.adapter import Adapter, Description
from aol_wire.errors import DataError, Reason
from aol_wire.faults import describe_fault
from aol_wire.handshake import CHANNEL_OPTIONS, HandshakeError, unix_address
from aol_wire.tls import TlsError, WatchedTls, tls_files
from aol_wire.tls_credentials import channel_credentials

_log = structlog.get_logger("aol.adapters.host")


class AdapterHost:
    """One adapter of the broker's configuration, for as long as the broker lives.

    `adapter` can be called at any time: while the process is absent, it answers ADAPTER_DOWN at once, with the time
    after which a repetition makes sense. Losing the process is followed by a new start, after 0.1 s at first and twice
    as long after each failure, up to 10 s.
    """

    def __init__(
        self,
        name: str,
        config: AdapterConfig,
        *,
        tls: AdapterTlsSettings | None = None,
        socket_dir: Path | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`tls` is what is shown to a program at an address over TCP, and who vouches for it; None: without TLS.

        `socket_dir` is a folder of mode 0700 for sockets; not given, the host makes and removes one.
        """
        if (config.command is None) == (config.address is None):
            raise ValueError(f"adapter {name}: give either a command or an address")
        self.name = name
        self.description: Description | None = None
        self.state = HostState(Phase.STOPPED, "it was not started")
        self._config = config
        self._timing = timing or Timing()
        self._socket_dir = socket_dir
        self._callbacks: list[Callable[[], None]] = []
        self._proxy = AdapterProxy(name, lambda: self.retry_after_s)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._process: AdapterProcess | None = None
        self._launches = 0
        self._failures = 0
        self._ready_since: float | None = None
        self._next_start = 0.0
        self._tls_settings = tls
        self._tls: WatchedTls | None = None

    @property
    def adapter(self) -> Adapter:
        """What calls go to."""
        return self._proxy

    @property
    def ready(self) -> bool:
        """Whether the adapter says that its database can be used."""
        return self.state.phase is Phase.READY

    @property
    def reason(self) -> str:
        """Why it is not ready; empty when it is."""
        return self.state.reason

    @property
    def pid(self) -> int | None:
        """The process id of the running program."""
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def retry_after_s(self) -> float:
        """When a call that found the adapter absent may come again."""
        return max(0.0, self._next_start - time.monotonic()) + self._timing.start_estimate_s

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each change of `state`."""
        self._callbacks.append(callback)

    async def start(self, timeout_s: float = 10.0) -> None:
        """Begin, and wait at most so long for readiness. Returning does not mean ready: `state` says."""
        if self._task is not None:
            raise RuntimeError(f"adapter {self.name} was started already")
        supervise = self._run_address() if self._config.command is None else self._run_command()
        self._task = asyncio.create_task(supervise, name=f"adapter {self.name}")
        try:
            async with asyncio.timeout(timeout_s):
                while not self.ready:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            _log.warning("adapter.not_ready", adapter=self.name, reason=self.state.reason)

    async def stop(self) -> None:
        """Refuse calls, end the program in order (killed after 3 s), and start it no more."""
        self._proxy.disconnect()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._set(HostState(Phase.STOPPED, "it was stopped"))

    async def _run_command(self) -> None:
        folder = self._socket_dir or Path(tempfile.mkdtemp(prefix="aol-"))
        try:
            while True:
                self._set(HostState(Phase.STARTING, "it is being started"))
                down = await self._run_once(folder)
                delay_s = self._next_delay_s()
                self._next_start = time.monotonic() + delay_s
                self._set(down)
                await asyncio.sleep(delay_s)
        finally:
            if self._socket_dir is None:
                shutil.rmtree(folder, ignore_errors=True)

    async def _run_once(self, folder: Path) -> HostState:
        """Start the program and stay with it until it is gone or of no use; return why."""
        self._launches += 1
        socket = folder / f"{self.name}-{self._launches}.sock"
        command, process = self._config.command or (), None
        try:
            address = unix_address(socket)
            process = await AdapterProcess.launch(command, address, self._config.environment, self._log_stderr)
            self._process = process
            reason = await self._stay_with(process)
        except HandshakeError as error:
            reason = str(error)
        except OSError as error:
            return HostState(Phase.DOWN, "its command could not be started", (f"{command[0]}: {error.strerror}",))
        except Exception as error:  # one adapter's oddity must not end its supervision
            _log.error("adapter.host_bug", adapter=self.name, fault=describe_fault(error))
            reason = "its host failed on a bug; the broker's log says where"
        finally:
            if process is not None:
                await process.kill()
            socket.unlink(missing_ok=True)
        return HostState(Phase.DOWN, reason, tuple(process.stderr_tail) if process is not None else ())

    async def _stay_with(self, process: AdapterProcess) -> str:
        """Watch from the handshake until the process ends or hangs; return why. Cancelled: end it in order."""
        try:
            handshake = await process.handshake(self._timing.handshake_s)
            async with self._channel(handshake.address):
                try:
                    return await self._watch_process(process)
                except asyncio.CancelledError:
                    # Calls under way finish while the program drains; then the channel may close.
                    await process.stop(self._timing.stop_s)
                    raise
        except asyncio.CancelledError:
            await process.stop(self._timing.stop_s)
            raise

    async def _watch_process(self, process: AdapterProcess) -> str:
        watch = asyncio.create_task(self._watch())
        exited = asyncio.create_task(process.exited())
        try:
            await asyncio.wait((watch, exited), return_when=asyncio.FIRST_COMPLETED)
            self._proxy.disconnect()
            if exited.done():
                return f"it {process.ending()}"
            await process.kill()
            return watch.result()
        finally:
            watch.cancel()
            exited.cancel()

    async def _run_address(self) -> None:
        """Stay connected. gRPC connects again by itself; a line without an answer is made anew."""
        while True:
            self._set(HostState(Phase.STARTING, "it is being connected to"))
            try:
                async with self._channel(self._config.address or ""):
                    self._set(HostState(Phase.DOWN, await self._watch()))
            except HandshakeError as error:
                self._set(HostState(Phase.DOWN, str(error)))
                await asyncio.sleep(self._next_delay_s())

    async def _watch(self) -> str:
        """Keep `description` and `state` current; return when another line should be tried, and why."""
        answered = time.monotonic()
        described = False
        while True:
            silent = False
            try:
                if not described:
                    self.description = await self._proxy.describe()
                    described = True
                serving = await self._proxy.serving()
            except DataError as error:
                # It may be another process next time, so it is asked again what it can do.
                described, silent = False, error.reason is Reason.DEADLINE
                self._set(HostState(Phase.DOWN, _PROBLEMS.get(error.reason, "its health service fails")))
                # A connection that stands needs no other certificates; one that does not may be waiting for them.
                if self._tls is not None and self._tls.refresh():
                    return "its certificates have changed"
            else:
                self._set(HostState(Phase.READY) if serving else _NOT_SERVING)
            answered = answered if silent else time.monotonic()
            if time.monotonic() - answered > self._timing.unresponsive_s:
                return "it gave no sign of life and is replaced"
            await asyncio.sleep(self._timing.check_every_s)

    @asynccontextmanager
    async def _channel(self, address: str) -> AsyncIterator[None]:
        timing = self._timing
        options = (
            *CHANNEL_OPTIONS,
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", round(timing.first_delay_s * 1000)),
            ("grpc.min_reconnect_backoff_ms", round(timing.first_delay_s * 1000)),
            ("grpc.max_reconnect_backoff_ms", round(timing.last_delay_s * 1000)),
        )
        channel = self._open(address, options)
        self._proxy.connect(channel)
        try:
            yield
        finally:
            self._proxy.disconnect()
            # Calls to a process that is gone fail by themselves; the grace lets them say so.
            await channel.close(timing.first_delay_s)

    def _open(self, address: str, options: tuple[tuple[str, int], ...]) -> grpc.aio.Channel:
        tls = self._tls_settings
        if tls is None:
            return grpc.aio.insecure_channel(address, options=options)
        try:
            self._tls = WatchedTls(tls_files(tls.ca_file, tls.certificate_file, tls.key_file), self._keep_the_old)
        except TlsError as error:
            raise HandshakeError(f"its tls settings cannot be used: {error}") from None
        named = () if tls.server_name is None else (("grpc.ssl_target_name_override", tls.server_name),)
        return grpc.aio.secure_channel(address, channel_credentials(self._tls.current), options=(*options, *named))

    def _keep_the_old(self, problem: str) -> None:
        _log.warning("adapter.tls_files_unusable", adapter=self.name, reason=problem)

    def _next_delay_s(self) -> float:
        """How long to wait before the next start."""
        settled = self._ready_since is not None and time.monotonic() - self._ready_since > self._timing.settled_s
        self._ready_since = None
        self._failures = 1 if settled else self._failures + 1
        return self._timing.delay_s(self._failures)

    def _set(self, state: HostState) -> None:
        if state == self.state:
            return
        self.state = state
        if state.phase is Phase.READY and self._ready_since is None:
            self._ready_since = time.monotonic()
        _log.info("adapter.state", adapter=self.name, phase=state.phase.value, reason=state.reason, output=state.output)
        self._changed.set()
        for callback in self._callbacks:
            callback()

    def _log_stderr(self, line: str) -> None:
        _log.info("adapter.stderr", adapter=self.name, line=line)


_NOT_SERVING = HostState(Phase.DOWN, "it says that its database cannot be used now; its log says why")
_PROBLEMS = {Reason.ADAPTER_DOWN: "it cannot be reached", Reason.DEADLINE: "it does not answer"}
