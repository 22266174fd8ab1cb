"""Where do declarations differ from what is used and stored? GetDrift."""

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from aol.admin.v1 import drift_pb2 as pb
from aol_broker.dispatch import Dispatch
from aol_broker.drift.access import undeclared_uses, unused_grants
from aol_broker.drift.declared import not_declared, not_registered, unread_collections
from aol_broker.drift.fields import SAMPLE_MAX_DOCUMENTS, field_findings, sample
from aol_broker.drift.finding import Edit, Finding, Kind, Known
from aol_broker.drift.indexes import unserved_queries, unused_indexes
from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.presentation import within_one_answer
from aol_broker.registry.declarations import AppliedManifest, access_asked, applied_manifests, made_us
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.usage.keeper import UsageKeeper
from aol_wire.errors import DataError, Reason
from aol_wire.garbage import collecting_nothing
from aol_wire.ids import now_us
from aol_wire.limits import MANIFEST_SOURCE_MAX_CHARACTERS
from aol_wire.names import check_service

UNUSED_AFTER_US = 30 * 86_400_000_000
# What is left of a call's time for everything besides looking at documents.
_RESERVED_S = 3.0
_MANIFESTS_AT_A_TIME = 20
_MANY = 100

ManifestKey = tuple[str, int]
"""(service, version)."""

_CHECKS = (
    unused_grants,
    undeclared_uses,
    not_registered,
    not_declared,
    unread_collections,
    unused_indexes,
    unserved_queries,
)


@dataclass(frozen=True, slots=True)
class DriftWanted:
    """What is to be compared. `given`: manifests in the place of those that were applied, with their files. So many
    differences are told as `limit` says; 0 is all of them."""

    service: str
    since_us: int
    documents: int
    limit: int
    given: Mapping[str, tuple[Manifest, str]]


class GetDrift:
    """Compares what is declared, registered, granted, used and stored."""

    def __init__(self, registry: Registry, dispatch: Dispatch, usage: UsageKeeper) -> None:
        self._registry = registry
        self._dispatch = dispatch
        self._usage = usage
        # What was read before: it takes seconds for a thousand manifests.
        self._read: dict[ManifestKey, Manifest] = {}
        self._reading = asyncio.Lock()

    async def admit(self, request: Request[pb.GetDriftRequest], record: CollectionRecord | None) -> DriftWanted:
        """Check all of it, and read the manifests that are given."""
        arguments = request.arguments
        if arguments.since_us < 0:
            raise DataError.invalid(Reason.BAD_REQUEST, "since_us", "it is 0 or more")
        if not 0 <= arguments.sample_documents <= SAMPLE_MAX_DOCUMENTS:
            raise DataError.invalid(Reason.BAD_REQUEST, "sample_documents", f"it is 0 to {SAMPLE_MAX_DOCUMENTS:,}")
        if arguments.limit < 0:
            raise DataError.invalid(Reason.BAD_REQUEST, "limit", "it is 1 or more, or 0 for no limit")
        for item in arguments.manifests:
            if len(item.source) > MANIFEST_SOURCE_MAX_CHARACTERS or not item.source.isprintable():
                raise DataError.invalid(
                    Reason.BAD_REQUEST, "source", f"at most {MANIFEST_SOURCE_MAX_CHARACTERS} printable characters"
                )
        service = check_service(arguments.service) if arguments.service else ""
        given = await asyncio.to_thread(_given, list(arguments.manifests))
        since_us = arguments.since_us or now_us() - UNUSED_AFTER_US
        return DriftWanted(service, since_us, arguments.sample_documents, arguments.limit, given)

    async def dispatch(
        self, request: Request[pb.GetDriftRequest], record: CollectionRecord | None, work: DriftWanted
    ) -> Answer:
        """Compare."""
        with collecting_nothing():
            return await self._answer(request, work)

    async def _answer(self, request: Request[pb.GetDriftRequest], work: DriftWanted) -> Answer:
        known, unreadable = await self._known(work)
        # In threads, as it takes seconds where there are thousands of services: calls go on meanwhile.
        found = await asyncio.to_thread(lambda: [finding for check in _CHECKS for finding in check(known)])
        not_sampled = await self._look_at_documents(request, work, known, found) if work.documents else []

        def answer() -> Answer:
            nonlocal found, known
            wanted = [item for item in found if item.service not in unreadable and _is_about(item, work.service)]
            told = sorted(_some_of_each_kind(wanted, work.limit), key=_place)
            response = pb.GetDriftResponse(since_us=known.uses.since_us, not_sampled=not_sampled)
            # One by one: to copy all of them at once holds up calls.
            for finding in within_one_answer(map(_finding_to_proto, told), "Ask for one service, or give a limit."):
                response.findings.append(finding)
            # Let go of here, not by the loop, nor left to be looked at for garbage: there may be many.
            del found, known
            counts = Counter(item.kind for item in wanted)
            for kind in filter(counts.__contains__, Kind):
                response.counts.add(kind=f"DRIFT_KIND_{kind.name}", findings=counts[kind])
            return Answer(response, len(told), {"service": work.service} if work.service else None)

        return await asyncio.to_thread(answer)

    async def _known(self, work: DriftWanted) -> tuple[Known, frozenset[str]]:
        """Return what is compared, and the services whose newest manifest this program cannot read."""
        database = self._registry.database
        uses = await self._usage.load(work.since_us, paths=False)
        asked = tuple(await access_asked(database))
        newest = await applied_manifests(database)
        older = await applied_manifests(database, before_us=uses.since_us)
        made = await made_us(database)
        snapshot = self._registry.snapshot
        # All are looked at below. They stay, so they are made before what stays is set apart from garbage.
        await asyncio.to_thread(lambda: (dict(snapshot.collections), dict(snapshot.grants)))
        read = await self._manifests({*newest, *older})
        manifests, before = _by_service(newest, read), _by_service(older, read)
        unreadable = frozenset(item.service for item in newest) - manifests.keys()
        sources = {item.service: item.source for item in newest}
        for service, (manifest, source) in work.given.items():
            manifests[service], sources[service] = manifest, source
        known = Known(snapshot, uses, asked, manifests, sources, before, made)
        return known, unreadable - work.given.keys()

    async def _manifests(self, applied: Collection[AppliedManifest]) -> Mapping[ManifestKey, Manifest]:
        """Read manifests that were applied, but for those that were read before; leave out those that are none today.

        Where the call's time is over before all are read, the next one goes on from there.
        """
        async with self._reading:
            keys = {(item.service, item.version) for item in applied}
            self._read = {key: manifest for key, manifest in self._read.items() if key in keys}
            unread = [item for item in applied if (item.service, item.version) not in self._read]
            for start in range(0, len(unread), _MANIFESTS_AT_A_TIME):
                self._read |= await asyncio.to_thread(_parsed, unread[start : start + _MANIFESTS_AT_A_TIME])
            if len(unread) > _MANY:
                # They are a million objects that stay: to look for garbage among them would hold up calls.
                gc.freeze()
            return self._read

    async def _look_at_documents(
        self, request: Request[pb.GetDriftRequest], work: DriftWanted, known: Known, found: list[Finding]
    ) -> list[str]:
        """Add what documents show to what was found; return the collections that could not be looked at."""
        not_sampled: list[str] = []
        records = await asyncio.to_thread(lambda: list(_hinted(known, work.service)))
        for number, record in enumerate(records):
            left_s = request.remaining_s - _RESERVED_S
            if left_s <= 0:
                return not_sampled + [record.collection_id for record in records[number:]]
            try:
                async with asyncio.timeout(left_s):
                    seen = await sample(self._dispatch, record, work.documents, left_s)
            except (DataError, TimeoutError):
                not_sampled.append(record.collection_id)
            else:
                found += field_findings(record, seen)
            # An adapter in this process may answer without a pause in which calls could go on.
            await asyncio.sleep(0)
        return not_sampled


def _hinted(known: Known, service: str) -> Iterator[CollectionRecord]:
    """Yield the collections whose hint a manifest of the service, or of any, declares."""
    for _, record in sorted(known.snapshot.collections.items()):
        manifest = known.manifests.get(record.service)
        is_declared = manifest is not None and any(item.name == record.name for item in manifest.collections)
        if is_declared and record.schema_hint and service in ("", record.service):
            yield record


def _given(texts: Iterable[pb.ManifestText]) -> dict[str, tuple[Manifest, str]]:
    """Read the manifests of a request.

    :raises DataError: BAD_MANIFEST; BAD_REQUEST, a service has two.
    """
    given: dict[str, tuple[Manifest, str]] = {}
    for item in texts:
        source = item.source or "manifest.yaml"
        manifest = parse_manifest(item.text, source)
        if manifest.service in given:
            raise DataError.invalid(
                Reason.BAD_REQUEST, "manifests", f"two manifests of {manifest.service} are given; a service has one"
            )
        given[manifest.service] = manifest, source
    return given


def _parsed(applied: Iterable[AppliedManifest]) -> dict[ManifestKey, Manifest]:
    manifests = {}
    for item in applied:
        with contextlib.suppress(DataError):
            manifests[item.service, item.version] = parse_manifest(item.text, item.source)
    return manifests


def _by_service(applied: Iterable[AppliedManifest], read: Mapping[ManifestKey, Manifest]) -> dict[str, Manifest]:
    keys = ((item.service, item.version) for item in applied)
    return {key[0]: read[key] for key in keys if key in read}


def _is_about(finding: Finding, service: str) -> bool:
    return service in ("", finding.service, finding.collection_id.partition(".")[0])


def _place(finding: Finding) -> tuple[str, int, str]:
    return finding.collection_id, list(Kind).index(finding.kind), finding.service


def _some_of_each_kind(found: Sequence[Finding], limit: int) -> Sequence[Finding]:
    """Return so many findings, the first of each kind before the second of any; all of them where there is no limit."""
    if not limit or len(found) <= limit:
        return found
    number_of, numbered = Counter[Kind](), []
    for item in sorted(found, key=_place):
        number_of[item.kind] += 1
        numbered.append((number_of[item.kind], item))
    return [item for _, item in sorted(numbered, key=lambda pair: pair[0])[:limit]]


def _finding_to_proto(finding: Finding) -> pb.DriftFinding:
    return pb.DriftFinding(
        kind=f"DRIFT_KIND_{finding.kind.name}",
        collection=finding.collection_id,
        service=finding.service,
        subject=finding.subject,
        detail=finding.detail,
        edit=_edit_to_proto(finding.edit) if finding.edit is not None else None,
        command=finding.command,
    )


def _edit_to_proto(edit: Edit) -> pb.ManifestEdit:
    return pb.ManifestEdit(
        service=edit.service,
        section=f"MANIFEST_SECTION_{edit.section.name}",
        collection=edit.collection,
        remove=edit.remove,
        entry=orjson.dumps(edit.entry).decode(),
    )
