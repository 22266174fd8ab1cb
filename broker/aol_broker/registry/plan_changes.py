"""What does applying a plan write, and retiring a version?"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import update

from aol_broker.manifest.declaration import Manifest
from aol_broker.registry import tables
from aol_broker.registry.collection_changes import apply_manifest
from aol_broker.registry.writer import Writer
from aol_wire.errors import Applied, DataError, Reason


@dataclass(frozen=True, slots=True)
class ManifestToApply:
    """A manifest of a plan, with the text that it was parsed from."""

    manifest: Manifest
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class PlanToApply:
    """A plan, as far as the registry is concerned. `revision` is the registry's when it was made; `manifests` are those
    that change something; of the services that it `replaces`, older versions do not run any more."""

    id: str
    revision: int
    manifests: Sequence[ManifestToApply]
    replaces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AppliedManifest:
    """What one manifest of a plan came to."""

    service: str
    version: int
    changed: bool
    created: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """What a plan came to. `already`: it had been applied before, and nothing was done."""

    already: bool
    manifests: tuple[AppliedManifest, ...]


def moved_on(planned: int, revision: int) -> DataError:
    """Return the refusal of a plan that was made for a registry which has changed since."""
    return DataError(
        Reason.VERSION_MISMATCH,
        f"The registry has changed since the plan was made: it was at revision {planned}, and is at {revision} now. "
        "Nothing was applied. Plan again, and look at what it says now.",
        applied=Applied.NO,
    )


async def apply_plan(writer: Writer, plan: PlanToApply, *, applied_by: str, adapter: str) -> AppliedPlan:
    """Make the registry say what all manifests of a plan say, or nothing.

    :raises DataError: VERSION_MISMATCH, the registry is at another revision than the plan was made for.
    """
    rows = {row["service"]: row["version"] for row in await writer.select(tables.manifests, plan=plan.id)}
    if rows:
        services = (item.manifest.service for item in plan.manifests)
        return AppliedPlan(True, tuple(AppliedManifest(name, rows.get(name, 0), False, ()) for name in services))
    if writer.revision != plan.revision + 1:
        raise moved_on(plan.revision, writer.revision - 1)
    applied = []
    for item in plan.manifests:
        service = item.manifest.service
        before = (await writer.service(service))["manifest_version"]
        version, created = await apply_manifest(
            writer, item.manifest, item.text, source=item.source, applied_by=applied_by, adapter=adapter, plan=plan.id
        )
        applied.append(AppliedManifest(service, version, version != before, created))
    for service in plan.replaces:
        await _retire_older(writer, service, (await writer.service(service))["manifest_version"])
    return AppliedPlan(False, tuple(applied))


async def retire(writer: Writer, service: str, version: int) -> bool:
    """Note that a version does not run any more; return whether that is news.

    :raises DataError: BAD_REQUEST, there is no such version, or it is the newest.
    """
    rows = await writer.select(tables.manifests, service=service, version=version)
    if not rows:
        raise DataError.invalid(
            Reason.BAD_REQUEST, "version", f"{service} has no version {version}; `aol history {service}` lists them"
        )
    if (await writer.service(service))["manifest_version"] == version:
        raise DataError.invalid(
            Reason.BAD_REQUEST, "version", f"{version} is the newest of {service}, which always counts as running"
        )
    if rows[0]["retired_us"]:
        return False
    await writer.update(tables.manifests, {"service": service, "version": version}, retired_us=writer.now_us)
    return True


async def _retire_older(writer: Writer, service: str, newest: int) -> None:
    table = tables.manifests
    older = (table.c.service == service) & (table.c.version < newest) & (table.c.retired_us == 0)
    await writer.execute(update(table).where(older).values(retired_us=writer.now_us))
