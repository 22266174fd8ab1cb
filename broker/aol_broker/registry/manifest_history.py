"""Which manifests were applied, and what do plans go by? Read from the database each time."""

from collections.abc import Iterable

from aol_broker.registry.deployments import Deployments, ManifestVersion, read_deployments, read_texts, read_versions
from aol_broker.registry.store import Registry


class ManifestHistory:
    """The manifests of a registry. Every method raises DataError REGISTRY_UNAVAILABLE when it does not answer."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def deployments(self, since_us: int) -> Deployments:
        """Return what plans go by, of the older versions those that were superseded after `since_us` and not retired.

        The registry's snapshot is as new as that afterwards, or newer.
        """
        async with self._registry.database.reading() as connection:
            found = await read_deployments(connection, since_us)
        await self._registry.refresh(found.revision)
        return found

    async def versions(self, service: str) -> list[ManifestVersion]:
        """Return the versions of a service's manifest, the newest first."""
        async with self._registry.database.reading() as connection:
            return await read_versions(connection, service)

    async def texts(self, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Return the texts of versions of services' manifests; of those that there are not, none."""
        async with self._registry.database.reading() as connection:
            return await read_texts(connection, keys)
