"""What do users notice when a collection's security changes? Sentences for whoever applies the manifest."""

from collections.abc import Iterator

from aol_broker.registry.snapshot import CollectionRecord


def consequences(before: CollectionRecord, after: CollectionRecord) -> Iterator[str]:
    """Yield what a change of a collection's security comes to for the documents that it holds."""
    old, new, name = before.security, after.security, after.collection_id
    if new and not old:
        yield f"{name}: it keeps record-level security now, and refuses calls without a context"
    if old and not new:
        yield f"{name}: it keeps no record-level security any more, and calls with a context are refused"
    if new.owner and not old.owner:
        yield f"{name}: documents without an owner are reached only by services with bypass-security"
    if old.owner and not new.owner:
        yield f"{name}: documents are no longer kept to their owners"
    if new.acl and not old.acl:
        yield f"{name}: access control lists let others in besides the owner"
    if old.acl and not new.acl and new.owner:
        yield f"{name}: access control lists let nobody in any more"
    for condition in sorted(set(new.attributes) - set(old.attributes)):
        yield f"{name}: documents are reached only where they meet {condition}"
    for condition in sorted(set(old.attributes) - set(new.attributes)):
        yield f"{name}: documents need no longer meet {condition}"
