"""Which collection does a name mean? Pure naming: whether it exists or may be used is not asked here."""

from dataclasses import dataclass

from aol_wire.errors import DataError, Reason
from aol_wire.names import check_collection, check_service


@dataclass(frozen=True, slots=True)
class CollectionName:
    """A namespaced name."""

    service: str
    collection: str

    @property
    def id(self) -> str:
        """The name as users write it, `service.collection`."""
        return f"{self.service}.{self.collection}"


def resolve(name: str, own_service: str) -> CollectionName:
    """Return what `name` means to `own_service`: `events` is its own, `other.events` is taken as written.

    :raises DataError: BAD_PATH.
    """
    service, dot, collection = name.rpartition(".")
    if dot:
        return CollectionName(check_service(service), check_collection(collection))
    if not own_service:
        raise DataError.invalid(Reason.BAD_PATH, "collection", "an operator names a collection as service.collection")
    return CollectionName(own_service, check_collection(name))
