"""What does each verb do? One class a verb: `admit` checks and prepares, `dispatch` does it."""

from typing import Protocol, TypeVar

from google.protobuf.message import Message

from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request

M = TypeVar("M", bound=Message)
W = TypeVar("W")


class Command(Protocol[M, W]):
    """The work of one verb, in two steps: nothing is touched before `admit` has returned."""

    async def admit(self, request: Request[M], record: CollectionRecord | None) -> W:
        """Check the request and return what `dispatch` needs.

        :raises DataError: the request is refused.
        """

    async def dispatch(self, request: Request[M], record: CollectionRecord | None, work: W) -> Answer:
        """Do it.

        :raises DataError: it failed.
        """


def known(record: CollectionRecord | None) -> CollectionRecord:
    """Return the record that authorization found for a verb that names an existing collection."""
    if record is None:
        raise LookupError("the verb's right lets calls through that name no existing collection")
    return record


async def newest(registry: Registry, record: CollectionRecord) -> CollectionRecord:
    """Return a collection as the registry has it now: another broker may have moved it.

    :raises DataError: REGISTRY_UNAVAILABLE.
    """
    snapshot = await registry.refresh(registry.snapshot.revision + 1)
    return snapshot.collections.get(record.collection_id, record)
