"""Where is a collection kept? The adapters that this broker uses, by name."""

from collections.abc import Callable
from typing import Protocol

from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.adapter import Adapter, Capability, CollectionSpec, Description, Target
from aol_wire.capabilities import required_by_indexes, required_by_storage
from aol_wire.errors import Applied, DataError, Reason


class Backend(Protocol):
    """One configured adapter: a process of its own (`adapters.host.AdapterHost`) or an object of this process."""

    @property
    def name(self) -> str:
        """The name that collections and configuration use."""

    @property
    def adapter(self) -> Adapter:
        """What calls go to. It answers ADAPTER_DOWN at once while the adapter is away."""

    @property
    def description(self) -> Description | None:
        """What the adapter said of itself; None until it was reached once."""

    @property
    def ready(self) -> bool:
        """Whether calls are likely to succeed now."""

    @property
    def reason(self) -> str:
        """Why it is not ready; empty when it is."""

    @property
    def retry_after_s(self) -> float:
        """When to try again while it is not ready."""

    async def start(self, timeout_s: float) -> None:
        """Begin, and wait at most so long for readiness. Returning does not mean ready."""

    async def stop(self) -> None:
        """End it, within a few seconds."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `ready` changes."""


class InProcessBackend:
    """An adapter inside the broker's process: for tests and the smallest embedded use."""

    def __init__(self, name: str, adapter: Adapter) -> None:
        self.name = name
        self.adapter = adapter
        self.description: Description | None = None
        self.reason = "not started"
        self.retry_after_s = 1.0

    @property
    def ready(self) -> bool:
        """Whether it was started."""
        return self.description is not None

    async def start(self, timeout_s: float) -> None:
        """Open the adapter."""
        del timeout_s  # an adapter of this process is there or fails
        await self.adapter.start()
        self.description = await self.adapter.describe()
        self.reason = ""

    async def stop(self) -> None:
        """Close the adapter."""
        self.description = None
        await self.adapter.close()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Nothing changes between start and stop."""


class Backends:
    """All adapters of a broker."""

    def __init__(self, backends: dict[str, Backend], default: str) -> None:
        self._backends = backends
        self.default = default

    def all(self) -> tuple[Backend, ...]:
        """Every backend, in the order of the configuration."""
        return tuple(self._backends.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the configured adapters, in the order of the configuration."""
        return tuple(self._backends)

    def of(self, record: CollectionRecord) -> Backend:
        """The backend that keeps a collection.

        :raises DataError: ADAPTER_DOWN when the configuration no longer has it.
        """
        backend = self._backends.get(record.adapter)
        if backend is None:
            raise DataError(
                Reason.ADAPTER_DOWN,
                f"Collection '{record.collection_id}' is kept by the adapter '{record.adapter}', which this broker's "
                "configuration does not have. An operator adds it under 'adapters'.",
                retry_after_s=10.0,
                applied=Applied.NO,
            )
        return backend

    def named(self, name: str) -> Backend:
        """The backend of a name.

        :raises DataError: BAD_REQUEST when the configuration does not have it.
        """
        backend = self._backends.get(name)
        if backend is None:
            raise DataError.invalid(
                Reason.BAD_REQUEST,
                "to_adapter",
                f"this broker's configuration has no such adapter; it has: {', '.join(sorted(self._backends))}",
            )
        return backend


def require(backend: Backend, needed: frozenset[Capability], role: str = "that keeps this collection") -> None:
    """Return if the adapter, whose part in the request is `role`, has what the request needs.

    :raises DataError: CAPABILITY_UNSUPPORTED; ADAPTER_DOWN when the adapter was never reached.
    """
    description = backend.description
    if description is None:
        raise DataError(
            Reason.ADAPTER_DOWN,
            f"The database adapter '{backend.name}' is not ready: {backend.reason}",
            retry_after_s=backend.retry_after_s,
            applied=Applied.NO,
        )
    missing = needed - description.capabilities
    if missing:
        names = ", ".join(sorted(capability.value for capability in missing))
        raise DataError(
            Reason.CAPABILITY_UNSUPPORTED,
            f"The adapter '{backend.name}' ({description.name}) {role} does not support: {names}",
            metadata={"adapter": backend.name, "capabilities": names},
            applied=Applied.NO,
        )


def target_of(record: CollectionRecord) -> Target:
    """Return where a collection's documents are."""
    return record.target


def spec_of(record: CollectionRecord) -> CollectionSpec:
    """Return what the adapter must make of a collection."""
    return CollectionSpec(
        target_of(record),
        record.schema_hint,
        record.indexes,
        record.description,
        record.storage,
        owners=record.security.owner,
        acls=record.security.acl,
    )


def needed_by(record: CollectionRecord) -> frozenset[Capability]:
    """Return the capabilities beyond the core that an adapter needs to make a collection."""
    return required_by_indexes(record.indexes) | required_by_storage(record.storage)
