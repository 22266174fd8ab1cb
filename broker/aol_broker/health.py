"""Is the broker able to serve? gRPC health, overall and per adapter."""

import asyncio

import structlog
from grpc_health.v1 import health, health_pb2

from aol_broker.audit.log import AuditLog
from aol_broker.backends import Backends
from aol_broker.verbs import ADMIN_SERVICE, DATA_SERVICE

INSECURE_SERVICE = "aol.insecure"
"""Known to the health service, and serving, where callers are believed by the names that they give."""

_log = structlog.get_logger("aol.health")

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def adapter_service(name: str) -> str:
    """Return the name under which the health service speaks of an adapter."""
    return f"adapter.{name}"


class Health:
    """Keeps the health service's answers true.

    The broker as a whole serves when its default adapter does, its audit log can be written and its registry be read;
    each adapter is told apart as `adapter.<name>`.
    """

    def __init__(self, servicer: health.aio.HealthServicer, backends: Backends, audit: AuditLog) -> None:
        self._servicer = servicer
        self._backends = backends
        self._audit = audit
        self._registry_reachable = True
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Have `follow` publish how things stand."""
        self._changed.set()

    def set_registry_reachable(self, reachable: bool) -> None:
        """Take notice of whether the registry can be read."""
        if reachable != self._registry_reachable:
            self._registry_reachable = reachable
            _log.warning("registry can be read again" if reachable else "registry cannot be read")
            self.changed()

    async def follow(self) -> None:
        """Publish after each change, one at a time, for as long as the broker runs."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.publish()

    async def publish(self) -> None:
        """Tell the health service how things stand now."""
        own = self._registry_reachable and not self._audit.failure
        overall = own
        for backend in self._backends.all():
            await self._servicer.set(adapter_service(backend.name), _SERVING if backend.ready else _NOT_SERVING)
            if backend.name == self._backends.default:
                overall = overall and backend.ready
        for service in ("", DATA_SERVICE):
            await self._servicer.set(service, _SERVING if overall else _NOT_SERVING)
        await self._servicer.set(ADMIN_SERVICE, _SERVING if own else _NOT_SERVING)
