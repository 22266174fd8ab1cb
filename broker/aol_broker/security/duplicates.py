"""May the caller know what was there before its insert? A repeated insert succeeds; another's document is none."""

from collections.abc import Sequence

from aol_broker.dispatch import Dispatch
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.scope import Scope
from aol_wire.adapter import Find, Insert, Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Member
from aol_wire.limits import MEMBERSHIP_MAX_VALUES
from aol_wire.metadata import ID


async def own_duplicates(
    dispatch: Dispatch,
    record: CollectionRecord,
    scope: Scope,
    inserts: Sequence[Insert],
    outcomes: Sequence[Outcome],
    *,
    timeout_s: float,
) -> list[Outcome]:
    """Return what became of inserts, as their caller may know it.

    An equal document that the caller does not reach is DUPLICATE_ID, as one is that is not equal: that an id is taken,
    whoever inserts learns; what is there, only who reaches it.
    """
    met = [insert.id for insert, outcome in zip(inserts, outcomes, strict=True) if outcome.was_duplicate]
    if not met or not scope.conditions:
        return list(outcomes)
    reached: set[str] = set()
    for start in range(0, len(met), MEMBERSHIP_MAX_VALUES):
        wanted = Member((ID,), tuple(met[start : start + MEMBERSHIP_MAX_VALUES]))
        find = Find(
            scope.target(record),
            scope.narrow(wanted),
            projection=((ID,),),
            limit=MEMBERSHIP_MAX_VALUES,
            timeout_s=timeout_s,
        )
        reached.update((await dispatch.find(record, find)).page.id)
    return [
        outcome if not outcome.was_duplicate or insert.id in reached else Outcome(error=_taken())
        for insert, outcome in zip(inserts, outcomes, strict=True)
    ]


def _taken() -> DataError:
    return DataError(
        Reason.DUPLICATE_ID,
        "another document has this _id; update it, or insert under another _id",
        applied=Applied.NO,
    )
