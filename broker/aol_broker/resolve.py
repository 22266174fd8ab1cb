"""Which collection does a name mean? Pure naming: whether it exists or may be used is not asked here."""

from dataclasses import dataclass, field
from functools import lru_cache

from aol_wire.errors import DataError, Reason
from aol_wire.names import check_collection, check_service

_NAMES_KEPT = 4096


@dataclass(frozen=True, slots=True)
class CollectionName:
    """A namespaced name. `id` is how users write it, `service.collection`."""

    service: str
    collection: str
    id: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.service}.{self.collection}")


@lru_cache(maxsize=_NAMES_KEPT)
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
