"""How do records show a value that nobody may read? HashAuditValue."""

from aol.admin.v1 import admin_pb2 as pb
from aol_broker.audit.value_hash import KEY_NAME, hash_value
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_wire.errors import Reason
from aol_wire.filters import Json
from aol_wire.json_text import decode
from aol_wire.limits import FILTER_MAX_BYTES


class HashAuditValue:
    """Hashes a value as records do, for an operator who knows it and looks for it. Its own record shows nothing."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.HashAuditValueRequest], record: CollectionRecord | None) -> Json:
        """Read the value, by the rules of filters: what no filter can hold, no record shows."""
        return decode(request.arguments.value, Reason.BAD_REQUEST, "value", FILTER_MAX_BYTES)

    async def dispatch(
        self, request: Request[pb.HashAuditValueRequest], record: CollectionRecord | None, work: Json
    ) -> Answer:
        """Hash it."""
        key = await self._registry.secret(KEY_NAME)
        return Answer(pb.HashAuditValueResponse(hmac=hash_value(work, key)))
