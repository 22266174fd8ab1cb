"""Why would a call be let through, or not? Step by step, by the code that decides about calls."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from aol_broker.access.limits import Limits
from aol_broker.access.service_patterns import is_pattern
from aol_broker.authorize import OF_OWNERS, Right, Verdict, authorize, judge
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Permission, Snapshot
from aol_broker.request import Principal
from aol_broker.resolve import CollectionName
from aol_broker.security.context import Context
from aol_broker.security.deciding import holds
from aol_broker.security.scoping import missing_parts
from aol_wire.datetimes import from_us
from aol_wire.errors import DataError
from aol_wire.paths import format_path


class StepResult(Enum):
    """What a step came to."""

    YES = auto()
    NO = auto()
    LIMIT = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at; `grant` where it is one."""

    result: StepResult
    text: str
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """The decision about a call: by what right it is allowed, or the error that its caller would get."""

    steps: tuple[Step, ...]
    right: str = ""
    denial: DataError | None = None


def explain_access(right: Right, service: str, name: CollectionName, snapshot: Snapshot, at_us: int) -> Explained:
    """Return what is decided about a call of a service on a collection, and why.

    :param at_us: the time, in microseconds since 1970.
    """
    steps = list(_steps(right, service, name, snapshot, at_us))
    try:
        allowed = authorize(right, Principal(service), name, snapshot, at_us)
    except DataError as error:
        return Explained(tuple(steps), denial=error)
    chosen = next((step.grant for step in steps if step.grant and step.grant.name == allowed.grant), None)
    if chosen is not None:
        others = sum(step.result is StepResult.YES and step.grant is not None for step in steps) > 1
        steps.extend(_reached(chosen, others))
    if allowed.record is not None and allowed.record.security and right in _OF_DOCUMENTS:
        steps.append(_context(allowed.record, Principal(service), snapshot))
    return Explained(tuple(steps), allowed.grant)


def limits_text(limits: Limits) -> str:
    """Return limits in words; empty where there are none."""
    parts = []
    if limits.fields:
        parts.append(f"fields {', '.join(map(format_path, limits.fields))}")
    if limits.where:
        parts.append(f"where {limits.where}")
    if limits.expires_us:
        parts.append(f"until {from_us(limits.expires_us)}")
    return "; ".join(parts)


def _steps(right: Right, service: str, name: CollectionName, snapshot: Snapshot, at_us: int) -> Iterator[Step]:
    exists = snapshot.collection(name.service, name.collection) is not None
    yield Step(
        StepResult.YES if exists else StepResult.NO,
        f"{name.id} is {'a collection' if exists else 'no collection that there is'}",
    )
    if service == name.service:
        yield Step(StepResult.YES, f"{service} owns it, and has every right on it")
        return
    yield Step(StepResult.NO, f"{service} is not its owner, {name.service}")
    if right in OF_OWNERS:
        yield Step(StepResult.NO, "no grant covers the call")
        return
    grants = snapshot.grants_of(name.id, service)
    if not grants:
        yield Step(StepResult.NO, "nothing of it was granted to that service, by name or by a pattern, or asked for")
    for grant in grants:
        verdict = judge(grant, right, at_us)
        result = StepResult.YES if verdict is Verdict.ALLOWS else StepResult.NO
        yield Step(result, f"{_of(grant)}: {_SAID[verdict]}", grant)


_SAID = {
    Verdict.ALLOWS: "it covers the call",
    Verdict.OTHER_PERMISSION: "it does not cover the call",
    Verdict.PENDING: "it would cover the call, and the owner has not agreed yet",
    Verdict.REFUSED: "it would cover the call",
    Verdict.EXPIRED: "it covered the call until its time was over",
    Verdict.LIMITED: "only one without limits lets access be given and taken",
}


_OF_DOCUMENTS = (Right.READ, Right.WRITE)


def _context(record: CollectionRecord, principal: Principal, snapshot: Snapshot) -> Step:
    """Return on whose behalf a call on documents has to be made, and whether its caller may say so itself."""
    if holds(record, principal, Permission.BYPASS_SECURITY, snapshot):
        return Step(StepResult.YES, f"{principal.service} has bypass-security: without a context, all documents")
    missing = ", ".join(missing_parts(record.security, Context())) or "nothing; with one, fewer documents"
    asserts = record.service == principal.service or holds(record, principal, Permission.ASSERT_CONTEXT, snapshot)
    how = "which it may say itself" if asserts else "by the user's own token, as it has no assert-context"
    return Step(StepResult.LIMIT, f"only what the call's context reaches; it needs {missing}, {how}")


def _of(grant: Grant) -> str:
    if (refusal := grant.refusal) is not None:
        asked = f"{grant.permission.value} was asked for, and refused by {refusal.refused_by}"
        return f"{asked} at {from_us(refusal.created_us)} ({refusal.reason})"
    if grant.state is GrantState.PENDING:
        return f"{grant.permission.value} was asked for"
    to = f" to {grant.service}" if is_pattern(grant.service) else ""
    limits = limits_text(grant.limits)
    orphaned = ", orphaned" if grant.orphaned else ""
    return f"{grant.name}{to} by {grant.granted_by}{f' ({limits})' if limits else ''}{orphaned}"


def _reached(chosen: Grant, others: bool) -> Iterator[Step]:
    if others:
        yield Step(StepResult.LIMIT, f"of those that cover the call, the widest counts: {chosen.name}", chosen)
    limits = chosen.limits
    if limits.fields:
        paths = ", ".join(map(format_path, limits.fields))
        yield Step(StepResult.LIMIT, f"only these fields, what lies below them, and metadata: {paths}", chosen)
    if limits.where:
        yield Step(StepResult.LIMIT, f"only documents that match {limits.where}", chosen)
    if limits.expires_us:
        yield Step(StepResult.LIMIT, f"only until {from_us(limits.expires_us)}", chosen)
