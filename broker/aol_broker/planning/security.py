"""What does a change of a collection's record-level security come to?"""

from collections.abc import Iterator

import orjson

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.context import Context
from aol_broker.registry.snapshot import CollectionRecord, Permission
from aol_broker.security.changing import closed, opened
from aol_broker.security.policy import SecurityPolicy


def security(before: CollectionRecord, after: DeclaredCollection, context: Context) -> Iterator[Change]:
    """Yield the change of `security`, if there is one.

    It breaks whoever may go on with neither a context nor without: where calls reach less, those that may not say on
    whose behalf they call; where there is no security any more, those that have made their calls with a context.
    """
    old, new = before.security, after.security
    if old == new:
        return
    less, more = list(closed(old, new)), list(opened(old, new))
    users, grade = context.consumers.users(before.collection_id), Grade.NEEDS_REVIEW
    if less:
        needed = (Permission.ASSERT_CONTEXT, Permission.BYPASS_SECURITY)
        broken = context.consumers.lacking(before.collection_id, users, needed)
    elif not new:
        broken = context.consumers.lacking(before.collection_id, users, (Permission.BYPASS_SECURITY,))
    else:
        broken = ()
    if broken:
        users, grade = broken, Grade.BREAKING
    action = Action.ADDED if not old else Action.CHANGED if new else Action.REMOVED
    where = f"{before.collection_id}.security"
    yield Change(before.service, where, action, grade, "; ".join((*less, *more)), shown(old), shown(new), users)


def shown(policy: SecurityPolicy) -> str:
    """Return a policy for people; empty for none."""
    parts = [f"tenant {policy.tenant}"] if policy.tenant else []
    parts += ["owner"] if policy.owner else []
    parts += ["acl"] if policy.acl else []
    parts += (
        [f"attributes {orjson.dumps(list(map(orjson.loads, policy.attributes))).decode()}"] if policy.attributes else []
    )
    return ", ".join(parts)
