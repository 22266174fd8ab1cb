"""How does a plan travel, and how is it known that nobody edited it on its way?"""

import hashlib
import hmac
from collections.abc import Iterable

from aol.admin.v1 import plan_pb2 as pb
from aol_broker.planning.changes import Change, Grade
from aol_broker.presentation import within_one_answer
from aol_wire.filters import Json

SEAL_SECRET = "plan-seal"  # noqa: S105 - its name
SERVICES_RECORDED = 100
_GRADES: dict[Grade, pb.ChangeGrade] = {
    Grade.SAFE: pb.CHANGE_GRADE_SAFE,
    Grade.NEEDS_REVIEW: pb.CHANGE_GRADE_NEEDS_REVIEW,
    Grade.BREAKING: pb.CHANGE_GRADE_BREAKING,
    Grade.DESTRUCTIVE: pb.CHANGE_GRADE_DESTRUCTIVE,
}
_ACTIONS = {
    "ADDED": pb.CHANGE_ACTION_ADDED,
    "CHANGED": pb.CHANGE_ACTION_CHANGED,
    "REMOVED": pb.CHANGE_ACTION_REMOVED,
}


def changes_to_proto(changes: Iterable[Change]) -> list[pb.Change]:
    """Return changes as they travel.

    :raises DataError: TOO_LARGE, no answer has room for them.
    """
    return within_one_answer(map(_change, changes), "Plan the manifests of fewer services at a time.")


def sealed(plan: pb.Plan, key: bytes) -> pb.Plan:
    """Put a broker's seal on a plan, and return it."""
    plan.seal = _seal(plan, key)
    return plan


def is_sealed(plan: pb.Plan, key: bytes) -> bool:
    """Whether a plan is what a broker of this registry made, to the bit."""
    return hmac.compare_digest(plan.seal, _seal(plan, key))


def plan_id(plan: pb.Plan) -> str:
    """Return the id of a sealed plan, hexadecimal. Two plans are never the same one."""
    return hashlib.sha256(plan.seal).hexdigest()


def worst(plan: pb.Plan) -> int:
    """Return the worst grade of a plan; that of a plan without changes is SAFE."""
    return max((change.grade for change in plan.changes), default=pb.CHANGE_GRADE_SAFE)


def recorded_services(plan: pb.Plan) -> list[Json]:
    """Return the services that a plan changes, as far as a record has room for their names."""
    names: list[Json] = [item.service for item in plan.manifests if item.changed]
    more = len(names) - SERVICES_RECORDED
    return [*names[:SERVICES_RECORDED], f"and {more} more"] if more > 0 else names


def _seal(plan: pb.Plan, key: bytes) -> bytes:
    bare = pb.Plan()
    bare.CopyFrom(plan)
    bare.ClearField("seal")
    return hmac.digest(key, bare.SerializeToString(deterministic=True), "sha256")


def _change(change: Change) -> pb.Change:
    return pb.Change(
        service=change.service,
        path=change.path,
        action=_ACTIONS[change.action.name],
        grade=_GRADES[change.grade],
        reason=change.reason,
        before=change.before,
        after=change.after,
        consumers=[
            pb.Consumer(service=item.service, known=item.known.value, detail=item.detail, last_us=item.last_us)
            for item in change.consumers
        ],
    )
