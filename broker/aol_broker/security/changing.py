"""What do users notice when a collection's security changes? Sentences for whoever applies the manifest."""

from collections.abc import Iterator

from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.security.policy import SecurityPolicy


def consequences(before: CollectionRecord, after: CollectionRecord) -> Iterator[str]:
    """Yield what a change of a collection's security comes to for the documents that it holds, naming it."""
    for sentence in (*opened(before.security, after.security), *closed(before.security, after.security)):
        yield f"{after.collection_id}: {sentence}"


def closed(old: SecurityPolicy, new: SecurityPolicy) -> Iterator[str]:
    """Yield by what of a change calls reach less, or need more."""
    if new and not old:
        yield "it keeps record-level security now, and refuses calls without a context"
    if new.owner and not old.owner:
        yield "documents without an owner are reached only by services with bypass-security"
    if old.acl and not new.acl and new.owner:
        yield "access control lists let nobody in any more"
    for condition in sorted(set(new.attributes) - set(old.attributes)):
        yield f"documents are reached only where they meet {condition}"


def opened(old: SecurityPolicy, new: SecurityPolicy) -> Iterator[str]:
    """Yield by what of a change calls reach more, or need less."""
    if old and not new:
        yield "it keeps no record-level security any more, and calls with a context are refused"
    if old.owner and not new.owner:
        yield "documents are no longer kept to their owners"
    if new.acl and not old.acl:
        yield "access control lists let others in besides the owner"
    for condition in sorted(set(old.attributes) - set(new.attributes)):
        yield f"documents need no longer meet {condition}"
