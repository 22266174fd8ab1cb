"""How does a plan look: as a diff for people, as Markdown for a pull request, as JSON for programs?"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aol_cli.output import counted, escaped, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import plan_pb2

NOTHING = "Nothing to do: the registry says what the manifests say."
_GRADES = ("", "safe", "needs review", "breaking", "destructive")
_ACTIONS = ("", "added", "changed", "removed")
_SIGNS = ("?", "+", "~", "-")
_WIDEST = max(map(len, _GRADES))


def grade_word(grade: int) -> str:
    """Return `needs review` for CHANGE_GRADE_NEEDS_REVIEW; the number itself for one of a newer broker."""
    return _GRADES[grade] if 0 < grade < len(_GRADES) else str(grade)


def worst(plan: "plan_pb2.Plan") -> int:
    """Return the worst grade of a plan, 0 when it has no changes."""
    return max((change.grade for change in plan.changes), default=0)


def summary(plan: "plan_pb2.Plan") -> str:
    """Return what a plan comes to, in a line."""
    if not plan.changes:
        return NOTHING
    services = len({change.service for change in plan.changes})
    grades = Counter(change.grade for change in plan.changes)
    told = ", ".join(f"{number:,} {grade_word(grade)}" for grade, number in sorted(grades.items()))
    return f"{counted(len(plan.changes), 'change')} to {counted(services, 'service')}: {told}."


def lines(plan: "plan_pb2.Plan") -> Iterator[str]:
    """Yield a plan like a diff: `+` is added, `~` changed, `-` removed. Nothing depends on colours."""
    changes = _by_service(plan)
    for manifest in plan.manifests:
        if manifest.service not in changes:
            continue
        yield f"{manifest.service}  {manifest.source}  {_version(manifest)}"
        for change in changes[manifest.service]:
            yield from _change(change)
        yield ""
    yield summary(plan)


def _by_service(plan: "plan_pb2.Plan") -> "Mapping[str, Sequence[plan_pb2.Change]]":
    """Return the changes of each service that has any."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for change in plan.changes:
        found[change.service].append(change)
    return dict(found)


def _version(manifest: "plan_pb2.PlannedManifest") -> str:
    before = manifest.registered_version
    return f"version {before} -> {before + 1}" if before else "new"


def _change(change: "plan_pb2.Change") -> Iterator[str]:
    sign = _SIGNS[change.action] if change.action < len(_SIGNS) else "?"
    margin = " " * (6 + _WIDEST)
    yield f"  {sign} {grade_word(change.grade):<{_WIDEST}}  {_place(change)}{_values(change)}"
    yield f"{margin}{change.reason}"
    for consumer in change.consumers:
        yield f"{margin}{_affects(change)} {_consumer(consumer)}"


def _place(change: "plan_pb2.Change") -> str:
    return change.path.removeprefix(f"{change.service}.")


def _values(change: "plan_pb2.Change") -> str:
    if change.before and change.after:
        return f": {change.before} -> {change.after}"
    value = change.before or change.after
    # Of an index, its name says it all.
    return f": {value}" if value and not change.path.endswith(f".{value}") else ""


def _affects(change: "plan_pb2.Change") -> str:
    return "breaks" if grade_word(change.grade) == "breaking" else "used by"


def _consumer(consumer: "plan_pb2.Consumer") -> str:
    last = f", last {_time(consumer.last_us)}" if consumer.last_us else ""
    return f"{consumer.service} ({consumer.known}: {consumer.detail}{last})"


def _time(moment_us: int) -> str:
    from aol_wire.datetimes import from_us

    return shown_time(from_us(moment_us))


def as_json(plan: "plan_pb2.Plan") -> dict[str, Any]:
    """Return a plan as `--json` shows it. The texts of the manifests are not in it."""
    from aol_wire.datetimes import from_us

    return {
        "revision": plan.revision,
        "created_at": from_us(plan.created_us),
        "replaces_all": plan.replaces_all,
        "grade": grade_word(worst(plan)) if plan.changes else None,
        "manifests": [
            {
                "service": item.service,
                "source": item.source,
                "sha256": item.sha256,
                "registered_version": item.registered_version,
                "changed": item.changed,
            }
            for item in plan.manifests
        ],
        "changes": [_change_as_json(change) for change in plan.changes],
    }


def _change_as_json(change: "plan_pb2.Change") -> dict[str, Any]:
    from aol_wire.datetimes import from_us

    return {
        "service": change.service,
        "path": change.path,
        "action": _ACTIONS[change.action] if change.action < len(_ACTIONS) else str(change.action),
        "grade": grade_word(change.grade),
        "reason": change.reason,
        "before": change.before,
        "after": change.after,
        "consumers": [
            {
                "service": item.service,
                "known": item.known,
                "detail": item.detail,
                "last_used_at": from_us(item.last_us) if item.last_us else None,
            }
            for item in change.consumers
        ],
    }


def markdown(plan: "plan_pb2.Plan") -> Iterator[str]:
    """Yield a plan for a pull request: a heading, a table for each service, the worst changes first."""
    yield "### Data manifests"
    yield ""
    yield summary(plan)
    changes = _by_service(plan)
    for manifest in plan.manifests:
        if manifest.service not in changes:
            continue
        yield ""
        yield f"**{_cell(manifest.service)}**, {_cell(_version(manifest).replace('->', '→'))}"
        yield ""
        yield "| | grade | what | why |"
        yield "|---|---|---|---|"
        for change in sorted(changes[manifest.service], key=lambda change: -change.grade):
            sign = _SIGNS[change.action] if change.action < len(_SIGNS) else "?"
            word = grade_word(change.grade)
            grade = f"**{word}**" if change.grade > _GRADES.index("needs review") else word
            yield f"| `{sign}` | {grade} | {_what(change)} | {_why(change)} |"


def _what(change: "plan_pb2.Change") -> str:
    return f"`{_code(_place(change) + _values(change))}`"


def _why(change: "plan_pb2.Change") -> str:
    affected: Sequence[str] = [f"{_affects(change)} {_consumer(item)}" for item in change.consumers]
    return "<br>".join(_cell(text) for text in (change.reason, *affected))


def _cell(text: str) -> str:
    """Return a text of a manifest as a cell shows it: nothing in it is markup."""
    text = escaped(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{character}" if character in "\\`*_[]|~#" else character for character in text)


def _code(text: str) -> str:
    """Return a text between backticks: it holds none, and a bar would end the cell."""
    return escaped(text).replace("`", "'").replace("|", "\\|")
