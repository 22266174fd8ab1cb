"""How does a plan travel, and how is it known that nobody edited it on its way?"""

import hmac
from collections.abc import Iterable, Mapping

from aol.admin.v1 import plan_pb2 as pb
from aol_broker.planning.changes import Change, Grade
from aol_broker.presentation import within_one_answer
from aol_wire.filters import Json

SEAL_SECRET = "plan-seal"  # noqa: S105 - its name
MANIFESTS_RECORDED = 100
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


def sealed(plan: pb.Plan, key: bytes, service: str = "") -> pb.Plan:
    """Put a broker's seal on a plan, and return it. `service` is whom it was made for; empty for operators."""
    plan.seal = _seal(plan, key, service)
    return plan


def is_sealed(plan: pb.Plan, key: bytes, service: str = "") -> bool:
    """Whether a plan is what a broker of this registry made, to the bit, for a service or for operators."""
    return hmac.compare_digest(plan.seal, _seal(plan, key, service))


def worst(plan: pb.Plan) -> int:
    """Return the worst grade of a plan; that of a plan without changes is SAFE."""
    return max((change.grade for change in plan.changes), default=pb.CHANGE_GRADE_SAFE)


def recorded_manifests(plan: pb.Plan, versions: Mapping[str, int]) -> dict[str, Json]:
    """Return what a record shows of the manifests that a plan changes: the services, their versions as far as they are
    known, and the digests of the texts; as many as a record has room for."""
    changed = [item for item in plan.manifests if item.changed]
    shown: list[Json] = []
    for item in changed[:MANIFESTS_RECORDED]:
        version: dict[str, Json] = {"version": versions[item.service]} if item.service in versions else {}
        shown.append({"service": item.service, **version, "sha256": item.sha256})
    more = len(changed) - len(shown)
    return {"manifests": shown, "more_manifests": more} if more else {"manifests": shown}


def _seal(plan: pb.Plan, key: bytes, service: str) -> bytes:
    # The seal is taken off and put back: a copy of a plan may be of many megabytes.
    kept = plan.seal
    plan.ClearField("seal")
    text = plan.SerializeToString(deterministic=True)
    plan.seal = kept
    # A key for each service, so that nobody's plan passes for another's.
    own_key = hmac.digest(key, service.encode(), "sha256") if service else key
    return hmac.digest(own_key, text, "sha256")


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
