"""Can the database be used now? What the adapter says of itself, as standard gRPC health."""

import asyncio

import structlog
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health

from aol_adapters.kit.servicer import SERVICE
from aol_wire.adapter import Adapter
from aol_wire.errors import DataError
from aol_wire.faults import describe_fault

CHECK_EVERY_S = 1.0
# A database that does not answer for so long is reported as not serving.
CHECK_TIMEOUT_S = 2.0

_log = structlog.get_logger("aol.adapter.health")


class AdapterHealth:
    """Asks the adapter and tells the health service, for the whole server and for `aol.adapter.v1.Adapter`."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._last = ""
        self.servicer = health.HealthServicer()

    async def check(self) -> None:
        """Ask once. Only a change is logged."""
        failure = await self._failure()
        serving = health_pb2.HealthCheckResponse.NOT_SERVING if failure else health_pb2.HealthCheckResponse.SERVING
        for service in ("", SERVICE):
            await self.servicer.set(service, serving)
        if failure != self._last:
            self._last = failure
            _log.warning("adapter.health", serving=not failure, reason=failure)

    async def watch(self) -> None:
        """Ask once a second, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await self.check()

    async def leave(self) -> None:
        """Say NOT_SERVING from here on."""
        await self.servicer.enter_graceful_shutdown()

    async def _failure(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await self._adapter.check()
        except DataError as error:
            return error.message
        except TimeoutError:
            return f"no answer within {CHECK_TIMEOUT_S:g} s"
        except Exception as error:  # a bug in a check must not end the watch; its text stays out of logs
            return describe_fault(error)
        return ""
