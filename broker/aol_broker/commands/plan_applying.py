"""How are plans applied? ApplyPlan."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aol.admin.v1 import plan_pb2 as pb
from aol_broker.backends import Backends
from aol_broker.commands.collections import warn_of_failed_indexes
from aol_broker.commands.manifests import SourcedText, collections_of, parse_all
from aol_broker.commands.own_manifests import check_rights
from aol_broker.dispatch import Dispatch
from aol_broker.manifest import Manifest
from aol_broker.planning.changes import plan_id
from aol_broker.planning.messages import SEAL_SECRET, is_sealed, recorded_manifests, worst
from aol_broker.registry.plan_changes import AppliedPlan, ManifestToApply, PlanToApply, moved_on
from aol_broker.registry.snapshot import CollectionRecord, Snapshot
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Principal, Request
from aol_wire.errors import Applied, DataError, Reason, Violation
from aol_wire.filters import Json

PREPARE_FOR_S = 5.0
"""How long one call makes collections in their databases before it answers that there are more."""


@dataclass(frozen=True, slots=True)
class PreparedPlan:
    """A plan that may be applied, and the collections that are to be made or changed in their databases."""

    plan: PlanToApply
    collections: tuple[CollectionRecord, ...]


class ApplyPlan:
    """Applies a plan, step by step where there is much to make."""

    def __init__(
        self, registry: Registry, backends: Backends, dispatch: Dispatch, *, prepare_for_s: float = PREPARE_FOR_S
    ) -> None:
        self._registry = registry
        self._backends = backends
        self._dispatch = dispatch
        self._prepare_for_s = prepare_for_s

    async def admit(self, request: Request[pb.ApplyPlanRequest], record: CollectionRecord | None) -> PreparedPlan:
        """Check that the plan is whole, allowed, and of now; and that the adapters can do what it asks."""
        made = request.arguments.plan
        key = await self._registry.secret(SEAL_SECRET)
        # In threads, as plans may be long: calls go on.
        await asyncio.to_thread(_check_seal, made, key, request.principal)
        _check_allowed(made, request.arguments.allow)
        snapshot = await self._registry.refresh(self._registry.snapshot.revision + 1)
        texts = [SourcedText(item.manifest, item.source) for item in made.manifests if item.changed]
        manifests = await parse_all(texts, request.principal)
        work = PlanToApply(
            plan_id(made.seal),
            made.revision,
            [
                ManifestToApply(manifest, item.text, item.source)
                for manifest, item in zip(manifests, texts, strict=True)
            ],
            tuple(item.service for item in made.manifests) if made.replaces_all else (),
        )
        if snapshot.revision != made.revision:
            # Whoever asks again after an answer was lost is told what became of it; the transaction looks.
            return PreparedPlan(work, ())
        return PreparedPlan(work, await asyncio.to_thread(self._changed, request.principal, manifests, snapshot))

    def _changed(
        self, principal: Principal, manifests: Sequence[Manifest], snapshot: Snapshot
    ) -> tuple[CollectionRecord, ...]:
        wanted = [record for manifest in manifests for record in collections_of(manifest, snapshot, self._backends)]
        check_rights(principal, wanted, snapshot)
        changed = [record for record in wanted if snapshot.collections.get(record.collection_id) != record]
        return tuple(sorted(changed, key=lambda item: item.collection_id))

    async def dispatch(
        self, request: Request[pb.ApplyPlanRequest], record: CollectionRecord | None, work: PreparedPlan
    ) -> Answer:
        """Make the collections in their databases first, then register everything in one transaction."""
        prepared = min(max(request.arguments.prepared, 0), len(work.collections))
        until = time.monotonic() + min(self._prepare_for_s, request.remaining_s / 2)
        for collection in work.collections[prepared:]:
            if time.monotonic() >= until:
                answer = pb.ApplyPlanResponse(prepared=prepared, to_prepare=len(work.collections))
                return Answer(answer, 0, {"prepared": prepared})
            if self._registry.snapshot.revision != work.plan.revision:
                raise moved_on(work.plan.revision, self._registry.snapshot.revision)
            warn_of_failed_indexes(collection, await self._dispatch.ensure(collection))
            prepared += 1
        applied = await self._registry.apply_plan(work.plan, request.principal.name)
        return _applied(request.arguments.plan, work, applied)


def _check_seal(made: pb.Plan, key: bytes, principal: Principal) -> None:
    """Return if a plan is as it was made, and the caller's to apply: any is an operator's, its own a service's."""
    services = {item.service for item in made.manifests[:1]} | ({principal.service} - {""})
    known = [service for service in ("", *sorted(services)) if is_sealed(made, key, service)]
    if not known:
        raise DataError.invalid(
            Reason.BAD_REQUEST,
            "plan",
            "no broker of this registry made it so: it was edited, or is of another registry. Plan again, and "
            "apply what comes out as it is",
        )
    if not principal.is_operator and known != [principal.service]:
        text = (
            f"it was made for {known[0] or 'an operator'}, and the credentials are those of {principal.service}. Plan "
            f"{principal.service}'s manifest with them, and apply what comes out"
        )
        raise DataError(
            Reason.GRANT_MISSING, f"plan: {text}.", violations=(Violation("plan", text),), applied=Applied.NO
        )


def _check_allowed(made: pb.Plan, allow: pb.ChangeGrade) -> None:
    if allow not in pb.ChangeGrade.values():
        raise DataError.invalid(Reason.BAD_REQUEST, "allow", "no such grade")
    allowed = max(allow, pb.CHANGE_GRADE_SAFE)
    found = worst(made)
    if found > allowed:
        word = pb.ChangeGrade.Name(found).removeprefix("CHANGE_GRADE_").lower().replace("_", " ")
        count = sum(change.grade > allowed for change in made.changes)
        what = "1 change is" if count == 1 else f"{count:,} changes are"
        text = f"{what} worse than what is allowed, up to {word}; nothing was applied"
        raise DataError(Reason.BAD_REQUEST, text, violations=(Violation("allow", text),), applied=Applied.NO)


def _applied(made: pb.Plan, work: PreparedPlan, applied: AppliedPlan) -> Answer:
    response = pb.ApplyPlanResponse(
        done=True,
        prepared=len(work.collections),
        to_prepare=len(work.collections),
        already_applied=applied.already,
        manifests=[
            pb.AppliedManifest(
                service=item.service,
                version=item.version,
                changed=item.changed,
                created_collections=item.created,
            )
            for item in applied.manifests
        ],
    )
    details: dict[str, Json] = {
        "changed": not applied.already,
        "plan": work.plan.id,
        **recorded_manifests(made, {item.service: item.version for item in applied.manifests}),
    }
    return Answer(response, len(work.collections), details)
