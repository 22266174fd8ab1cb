"""How do tests call the line? All of it over the memory adapter, without a transport."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.audit.background import AuditBackground
from aol_broker.audit.search import AuditQuery, search
from aol_broker.audit.value_hash import KEY_NAME
from aol_broker.backends import Backend, Backends, InProcessBackend
from aol_broker.bound_verbs import bound_verbs
from aol_broker.identities.opaque_tokens import OpaqueTokens
from aol_broker.identities.routing import Identities
from aol_broker.limits import Limiter
from aol_broker.pipeline import LineSettings, Pipeline
from aol_broker.registry.store import Registry
from aol_broker.request import Peer, Reply
from aol_broker.security.deciding import RecordSecurity
from aol_broker.settings import load_settings
from aol_broker.usage.keeper import UsageKeeper
from aol_wire.adapter import Adapter, Find, Found, Outcome, Write
from aol_wire.errors import DataError
from audit_logs import audit_log
from running_brokers import UNVERIFIED

DATA = "/aol.data.v1.DataBroker/"
ADMIN = "/aol.admin.v1.Admin/"
TOKEN = "the operator's own token"


class TroubledAdapter(MemoryAdapter):
    """The memory adapter, with troubles on request."""

    trouble: BaseException | None = None
    hang: asyncio.Event | None = None
    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self._go_on = asyncio.Event()

    def hang_no_more(self) -> None:
        self._go_on.set()

    async def _meet_trouble(self) -> None:
        self.calls += 1
        if self.hang is not None:
            self.hang.set()
            await self._go_on.wait()
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble

    async def write(self, request: Write) -> list[Outcome]:
        await self._meet_trouble()
        return await super().write(request)

    async def find(self, request: Find) -> Found:
        await self._meet_trouble()
        return await super().find(request)


class Line:
    """A whole line over the memory adapter, without a transport."""

    def __init__(
        self,
        folder: Path,
        *,
        others: Mapping[str, Adapter] | None = None,
        registry: Registry | None = None,
        identities: Identities | None = None,
        limiter: Limiter | None = None,
        security: RecordSecurity | None = None,
        **limits: Any,
    ) -> None:
        """`others` are adapters beside `memory`, which keeps new collections; by `identities` callers are believed."""
        self.adapter = TroubledAdapter()
        self.others = dict(others or {})
        self.folder = folder
        self.audit = audit_log(folder / "audit")
        self.registry = registry or Registry(f"sqlite+aiosqlite:///{folder / 'registry.db'}", default_adapter="memory")
        self.identities = identities
        self._limiter = limiter
        self.security = security
        self._limits = limits

    async def start(self) -> None:
        backends: dict[str, Backend] = {
            name: InProcessBackend(name, adapter) for name, adapter in {"memory": self.adapter, **self.others}.items()
        }
        for backend in backends.values():
            await backend.start(1)
        await self.registry.open()
        await self.audit.open()
        values = {"data_dir": str(self.folder), "broker_id": "here", "authentication": UNVERIFIED}
        settings = load_settings(None, values)
        self.usage = UsageKeeper(self.registry, settings.usage)
        verbs = bound_verbs(
            settings,
            self.registry,
            Backends(backends, "memory"),
            self.audit,
            AuditBackground(settings.audit, "here"),
            usage=self.usage,
            page_key=b"k" * 32,
        )
        limits = {"default_deadline_s": 5.0, "max_deadline_s": 5.0, "max_in_flight": 100, "slow_call_s": 1.0}
        hmac_key = await self.registry.secret(KEY_NAME)
        line = LineSettings(broker_id="here", hmac_key=hmac_key, **{**limits, **self._limits})
        identities = self.identities or Identities(TOKEN, tokens=OpaqueTokens(self.registry), insecure=True)
        self.pipeline = Pipeline(
            verbs,
            self.registry,
            self.audit,
            line,
            identities,
            counter=self.usage.counter,
            limiter=self._limiter,
            security=self.security,
        )

    async def stop(self) -> None:
        await self.audit.close()
        await self.registry.close()
        for adapter in (self.adapter, *self.others.values()):
            await adapter.close()

    async def call(
        self, method: str, message: Any, timeout_s: float | None = None, *, service: str = "my-service"
    ) -> Reply:
        peer = Peer("test", service=service)
        return await self.pipeline.handle(DATA + method, message.SerializeToString(), peer, timeout_s)

    async def operate(self, method: str, message: Any) -> Reply:
        """Call as an operator."""
        peer = Peer("test", authorization=f"Bearer {TOKEN}")
        return await self.pipeline.handle(ADMIN + method, message.SerializeToString(), peer)

    async def refusal(self, method: str, message: Any, **kwargs: Any) -> DataError:
        reply = await self.call(method, message, **kwargs)
        assert reply.error is not None
        assert reply.payload == b""
        return reply.error

    async def operator_refusal(self, method: str, message: Any) -> DataError:
        reply = await self.operate(method, message)
        assert reply.error is not None
        assert reply.payload == b""
        return reply.error

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in search(self.audit.directory, AuditQuery(limit=1000)).lines]
