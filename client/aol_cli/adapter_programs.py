"""How does the conformance kit reach an adapter? As a broker does: its program started, or its address connected to."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aol_cli.exits import Failure

if TYPE_CHECKING:
    import grpc

    from aol_broker.adapters import AdapterHost
    from aol_broker.adapters.process import AdapterProcess
    from aol_wire.adapter import Adapter

_NAME = "under-test"
_START_TIMEOUT_S = 12.0
_HANDSHAKE_TIMEOUT_S = 10.0
# More than the host takes to notice that a program hangs, and to replace it.
_REVIVED_WITHIN_S = 15.0
_REVIVED_POLL_S = 0.02
_CALL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an adapter is: exactly one of `command` and `address`."""

    command: tuple[str, ...] | None = None
    address: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class HostedAdapter:
    """An adapter that is started again when it ends."""

    def __init__(self, host: "AdapterHost") -> None:
        self._host = host
        self._pid = host.pid
        self._reason = ""
        host.on_change(self._note)

    @property
    def adapter(self) -> "Adapter":
        """What calls go to."""
        return self._host.adapter

    async def revive(self) -> str | None:
        """Wait until it can be used, and return what happened since the last time: "" nothing, None it is gone."""
        from aol_wire.errors import DataError

        deadline = time.monotonic() + _REVIVED_WITHIN_S
        while True:
            try:
                await self.adapter.describe()
                # The host may not have heard yet that the process which just answered is another one.
                if self._host.ready:
                    break
            except DataError:
                pass
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(_REVIVED_POLL_S)
        if self._pid == self._host.pid:
            return ""
        self._pid = self._host.pid
        return f"its program had to be started again: {self._reason}"

    def _note(self) -> None:
        state = self._host.state
        if state.reason and state.phase.value == "down":
            self._reason = said(state.reason, state.output)


@contextlib.asynccontextmanager
async def hosted(reach: Reach) -> AsyncIterator[HostedAdapter]:
    """Start an adapter's program, or connect to its address, for as long as the context lasts.

    :raises Failure: it cannot be used.
    """
    from aol_broker.adapters import AdapterHost, Timing

    timing = Timing(check_every_s=0.25, unresponsive_s=5.0, last_delay_s=0.5)
    host = AdapterHost(_NAME, reach, timing=timing)
    try:
        await host.start(0)
        await _settle(host, is_program=reach.command is not None)
        if not host.ready:
            raise Failure(f"the adapter cannot be used: {said(host.reason, host.state.output)}")
        yield HostedAdapter(host)
    finally:
        await host.stop()


async def _settle(host: "AdapterHost", *, is_program: bool) -> None:
    """Wait until an adapter is ready, its program has ended, or it took too long."""
    changed = asyncio.Event()
    host.on_change(changed.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_TIMEOUT_S):
            # The host would go on to start a program that ended.
            while not host.ready and not (is_program and host.pid is None and host.state.phase.value == "down"):
                changed.clear()
                await changed.wait()


def absent_adapter() -> "Adapter":
    """Return an adapter that answers every call with ADAPTER_DOWN: for rules that start their own."""
    from aol_broker.adapters import AdapterProxy

    return AdapterProxy(_NAME, lambda: 1.0)


class LaunchedProgram:
    """`aol_adapters.conformance.program.Program` for a command, whose environment may hold credentials."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._command = tuple(command)
        self._environment = dict(environment or {})

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["RunningProcess"]:
        """Start a process, wait for its handshake, and kill what is left of it at the end."""
        import grpc

        from aol_adapters.conformance.expect import RuleBrokenError
        from aol_broker.adapters.process import AdapterProcess
        from aol_wire.handshake import CHANNEL_OPTIONS, HandshakeError, unix_address

        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="aol-")
        process: AdapterProcess | None = None
        try:
            address = unix_address(Path(folder) / "adapter.sock")
            process = await AdapterProcess.launch(self._command, address, self._environment, lambda _: None)
            handshake = await process.handshake(_HANDSHAKE_TIMEOUT_S)
            options = (*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
            async with grpc.aio.insecure_channel(handshake.address, options=options) as channel:
                yield RunningProcess(process, channel)
        except HandshakeError as error:
            output = () if process is None else tuple(process.stderr_tail)
            raise RuleBrokenError(f"its handshake failed: {said(str(error), output)}") from None
        except OSError as error:
            raise RuleBrokenError(f"its command could not be started: {error.strerror}") from None
        finally:
            if process is not None:
                await process.kill()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class RunningProcess:
    """`aol_adapters.conformance.program.Running` for a process."""

    def __init__(self, process: "AdapterProcess", channel: "grpc.aio.Channel") -> None:
        from aol_broker.adapters import AdapterProxy

        self._process = process
        self._channel = channel
        self._proxy = AdapterProxy(_NAME, lambda: 1.0)
        self._proxy.connect(channel)

    @property
    def adapter(self) -> "Adapter":
        """What the process serves, as a broker calls it."""
        return self._proxy

    async def serving(self, service: str) -> bool:
        """Return what its health service says."""
        from grpc_health.v1 import health_pb2

        request = health_pb2.HealthCheckRequest(service=service)
        answer = await self._call("/grpc.health.v1.Health/Check", request.SerializeToString())
        status = health_pb2.HealthCheckResponse.FromString(answer).status
        return bool(status == health_pb2.HealthCheckResponse.SERVING)

    async def call(self, method: str, data: bytes) -> bytes:
        """Return the answer of a method to a message of any bytes."""
        from aol_wire.handshake import PROTOCOL

        return await self._call(f"/{PROTOCOL}.Adapter/{method}", data)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def close_input(self) -> None:
        """Close its standard input."""
        self._process.close_input()

    async def exit_code(self, within_s: float) -> int:
        """Wait for its end and return its exit code."""
        from aol_adapters.conformance.expect import RuleBrokenError

        try:
            async with asyncio.timeout(within_s):
                await self._process.exited()
        except TimeoutError:
            raise RuleBrokenError(f"expected: the program ends within {within_s:g} s, but it is still there") from None
        return self._process.exit_code or 0

    async def _call(self, path: str, data: bytes) -> bytes:
        import grpc

        from aol_adapters.conformance.program import StatusError
        from aol_wire.metadata import STATUS_DETAILS_TRAILER
        from aol_wire.status import from_status

        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
        try:
            return await call(data, timeout=_CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as failed:
            details = dict(failed.trailing_metadata() or ()).get(STATUS_DETAILS_TRAILER)
            carried = from_status(details) if isinstance(details, bytes) else None
            raise StatusError(failed.code().value[0], failed.details() or "", carried) from None


def said(reason: str, output: Sequence[str]) -> str:
    """Return why a program is not there, with what it said last."""
    return f"{reason}; it last wrote: {' | '.join(output)}" if output else reason
