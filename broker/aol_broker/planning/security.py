"""What does a change of a collection's record-level security come to?"""

from collections.abc import Iterator
from dataclasses import replace

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.context import Context
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.security.changing import consequences
from aol_broker.security.policy import SecurityPolicy


def security(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the change of `security`, if there is one. It breaks who uses the collection, unless it lets more in."""
    old, new = before.security, after.security
    if old == new:
        return
    told = consequences(before, replace(before, security=new))
    reason = "; ".join(sentence.removeprefix(f"{before.collection_id}: ") for sentence in told)
    consumers = (*context.consumers.readers(before.collection_id), *context.consumers.writers(before.collection_id))
    broken = () if _lets_more_in(old, new) else tuple(dict.fromkeys(consumers))
    grade = Grade.BREAKING if broken else Grade.NEEDS_REVIEW
    where = f"{before.collection_id}.security"
    yield Change(before.service, where, Action.CHANGED, grade, reason, _shown(old), _shown(new), broken)


def _lets_more_in(old: SecurityPolicy, new: SecurityPolicy) -> bool:
    """Whether every call that went well goes on to, and reaches what it reached."""
    if bool(old) != bool(new):
        # Calls without a context, or those with one, are refused.
        return False
    kept = set(new.attributes) <= set(old.attributes) and new.owner <= old.owner
    return kept and (not new.owner or new.acl >= old.acl)


def _shown(said: SecurityPolicy) -> str:
    words = [f"tenant: {said.tenant}"] if said.tenant else []
    words += [name for name in ("owner", "acl") if getattr(said, name)]
    words += said.attributes
    return ", ".join(words) or "none"
