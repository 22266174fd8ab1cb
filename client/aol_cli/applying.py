"""What did applying manifests change, and what waits for whom?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aol_cli.exits import Failure
from aol_cli.grants import agreeing_command, grant_as_json, sharing_line
from aol_cli.operator_calls import OperatorCalls
from aol_cli.output import shown_time

_ORPHANED = "the request that it answered is gone; applying a plan removes it"


@dataclass(slots=True)
class Applied:
    """What one manifest came to.

    `active`, `pending` and `refused` are the service's access requests, as `--json` shows them; `orphaned` is what was
    granted for requests that it makes no more, when it was applied without a plan.
    """

    source: str
    service: str
    version: int
    changed: bool
    created: list[str]
    active: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    seeded: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    orphaned: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as `--json` shows it."""
        return {
            "source": self.source,
            "service": self.service,
            "version": self.version,
            "changed": self.changed,
            "created_collections": self.created,
            "active_grants": self.active,
            "pending_grants": self.pending,
            "refused_grants": self.refused,
            "notices": self.notices,
            "seeded": self.seeded,
        }

    def lines(self) -> list[str]:
        """Return it as lines for people."""
        what = f"version {self.version}" if self.changed else f"version {self.version}, unchanged"
        lines = [f"{self.service}: {what}", *(f"  created  {name}" for name in self.created)]
        lines += [f"  seeded   {seeded_line(item)}" for item in self.seeded]
        lines += [f"  active   {item['permission']} on {item['collection']}" for item in self.active]
        lines += [f"  notice   {text}" for text in self.notices]
        return lines + waiting_lines(self)


def seeded_line(item: dict[str, Any]) -> str:
    """Return what became of the documents of a collection's seeds."""
    counts = ", ".join(f"{item[what]:,} {what}" for what in ("inserted", "updated", "unchanged", "skipped"))
    return f"{item['collection']}: {counts}"


def waiting_lines(applied: Applied) -> list[str]:
    """Return what waits for its owner, and how the owner or an operator agrees; what was refused; what is orphaned."""
    lines = []
    for item in applied.pending:
        owner, _, name = item["collection"].partition(".")
        lines += [
            f"  pending  {item['permission']} on {item['collection']}: {owner} agrees by adding to '{name}' in its "
            "manifest",
            f"             {sharing_line(item)}",
            f"           or an operator runs: {agreeing_command(item)}",
        ]
    for item in applied.refused:
        refusal, what = item["refusal"], f"{item['permission']} on {item['collection']}"
        when = shown_time(refusal["refused_at"])
        lines += [
            f"  refused  {what}, by {refusal['refused_by']} at {when}: {refusal['reason']}",
            "           To ask anew, change the request's reason.",
        ]
    lines += [f"  orphaned {item['permission']} on {item['collection']}: {_ORPHANED}" for item in applied.orphaned]
    return lines


async def apply_manifests(
    calls: OperatorCalls, manifests: Iterable[tuple[str, str]]
) -> tuple[list[Applied], list[str]]:
    """Apply manifests, each given as its source and text; return what they came to, and what is wrong with others.

    One that is refused for what it says does not keep the others from being applied.

    :raises DataClientError: the broker cannot be reached, or refuses the token.
    """
    from aol_client import InvalidRequestError, PreconditionFailedError, UnsupportedError

    applied: list[Applied] = []
    problems: list[str] = []
    for source, text in manifests:
        try:
            applied.append(await _apply(calls, source, text))
        except (InvalidRequestError, PreconditionFailedError, UnsupportedError) as error:
            problems.append(f"{source}: {error}")
    await _settle(calls, applied)
    return applied, problems


async def _apply(calls: OperatorCalls, source: str, text: str) -> Applied:
    from aol.admin.v1 import admin_pb2 as pb

    request = pb.ApplyManifestRequest(manifest=text, source=source)
    answer = await calls.admin("ApplyManifest", request, pb.ApplyManifestResponse)
    return Applied(
        source,
        answer.service,
        answer.version,
        answer.changed,
        list(answer.created_collections),
        [grant_as_json(item) for item in answer.active_grants],
        [grant_as_json(item) for item in answer.pending_grants],
        list(answer.notices),
        refused=[grant_as_json(item) for item in answer.refused_grants],
        orphaned=[grant_as_json(item) for item in answer.orphaned_grants],
    )


async def _settle(calls: OperatorCalls, applied: Sequence[Applied]) -> None:
    """Bring what waits up to date: a manifest that was applied later may have agreed to it."""
    from aol.admin.v1 import admin_pb2 as pb

    if not any(item.pending for item in applied):
        return
    answer = await calls.admin("ListGrants", pb.ListGrantsRequest(), pb.ListGrantsResponse)
    now = [grant_as_json(item) for item in answer.grants]
    active = [item for item in now if item["state"] == "active"]
    for one in applied:
        still = [item for item in one.pending if item in now]
        settled = {item["collection"] for item in one.pending if item not in still}
        one.active += [
            item
            for item in active
            if item["service"] == one.service and item["collection"] in settled and item not in one.active
        ]
        one.pending = still


def not_applied(count: int, problems: Sequence[str]) -> Failure:
    """Return the failure of a command that applied `count` manifests and could not apply others."""
    head = "1 manifest was not applied" if len(problems) == 1 else f"{len(problems)} manifests were not applied"
    return Failure("\n".join([f"{head}, {count} {'was' if count == 1 else 'were'}:", *problems]))
