"""What do changes of what a collection is seeded with come to?"""

from collections import Counter
from collections.abc import Iterator

from aol_broker.manifest.declaration import DeclaredCollection, Seed, SeedCondition
from aol_broker.planning.changes import Action, Change, Grade


def seeds(service: str, before: DeclaredCollection | None, after: DeclaredCollection) -> Iterator[Change]:
    """Yield what is seeded that was not, in numbers: what documents hold is in no plan."""
    old = before.seeds if before is not None else ()
    if old == after.seeds:
        return
    where = f"{service}.{after.name}.seeds"
    if not after.seeds:
        reason = "what was seeded stays, and is not seeded again"
        yield Change(service, where, Action.REMOVED, Grade.SAFE, reason, before=_shown(old))
        return
    overwrites = any(seed.condition is SeedCondition.ALWAYS for seed in after.seeds)
    grade = Grade.NEEDS_REVIEW if overwrites else Grade.SAFE
    reason = "documents that are not there are stored, and none is changed"
    if overwrites:
        reason = "each time that the manifest is applied, documents of `always` are brought to what it says of them"
    action = Action.CHANGED if old else Action.ADDED
    yield Change(service, where, action, grade, reason, _shown(old), _shown(after.seeds))


def _shown(seeds: tuple[Seed, ...]) -> str:
    counts = Counter[str]()
    for seed in seeds:
        counts[seed.condition.value] += len(seed.documents)
    return ", ".join(f"{name}: {count:,} document{'' if count == 1 else 's'}" for name, count in sorted(counts.items()))
