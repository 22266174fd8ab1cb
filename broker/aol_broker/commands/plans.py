"""How are plans made? PlanManifests."""

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace

from aol.admin.v1 import plan_pb2 as pb
from aol_broker.backends import Backends
from aol_broker.commands.manifests import (
    SourcedText,
    check_source,
    collections_of,
    parse_all,
    parse_aside,
    refuse_rivals,
)
from aol_broker.commands.own_manifests import as_told, check_count, check_owner, check_rights
from aol_broker.dispatch import Dispatch
from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.plan_settings import PlanSettings
from aol_broker.planning.changes import Change
from aol_broker.planning.messages import SEAL_SECRET, changes_to_proto, recorded_manifests, sealed
from aol_broker.planning.planner import Candidate, plan, stands
from aol_broker.registry.deployments import Deployments, ManifestVersion, abstract_of, digest
from aol_broker.registry.manifest_history import ManifestHistory
from aol_broker.registry.snapshot import CollectionRecord, Snapshot
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Principal, Request
from aol_broker.usage.keeper import UsageKeeper
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.garbage import collecting_nothing
from aol_wire.ids import now_us

_COUNT_TIMEOUT_S = 2.0
_COUNTED_COLLECTIONS = 100
_DAY_US = 86_400 * 1_000_000


class PlanManifests:
    """Says what applying manifests would change. What takes long of many manifests is done in threads: calls go on."""

    def __init__(
        self,
        registry: Registry,
        backends: Backends,
        dispatch: Dispatch,
        usage: UsageKeeper,
        settings: PlanSettings,
    ) -> None:
        """`usage` is where it is known what calls were seen."""
        self._registry = registry
        self._history = ManifestHistory(registry)
        self._backends = backends
        self._dispatch = dispatch
        self._usage = usage
        self._deployed_us = round(settings.deployed_days * _DAY_US)
        self._observed_us = round(settings.observed_days * _DAY_US)

    async def admit(self, request: Request[pb.PlanManifestsRequest], record: CollectionRecord | None) -> None:
        """Whatever is wrong is found on the way: planning changes nothing."""

    async def dispatch(
        self, request: Request[pb.PlanManifestsRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Compare the manifests with the registry of one revision."""
        with collecting_nothing():
            return await self._answer(request.principal, request.arguments)

    async def _answer(self, principal: Principal, arguments: pb.PlanManifestsRequest) -> Answer:
        check_count(principal, len(arguments.manifests))
        # First, as making it is a change of the registry.
        key = await self._registry.secret(SEAL_SECRET)
        texts = await self._texts(principal, arguments)
        deployments = await self._history.deployments(now_us() - self._deployed_us)
        sources, candidates = await self._candidates(principal, texts, deployments)
        for service, item in sources:
            check_owner(principal, service, item.source)
        replaces = {service for service, _ in sources} if arguments.replaces_all else set[str]()
        await asyncio.to_thread(self._check_all, principal, candidates, dict(sources))
        changes = await self._changes(candidates, deployments, replaces)
        if not principal.is_operator:
            changes = list(map(as_told, changes))
        made_for = "" if principal.is_operator else principal.service

        def answer() -> Answer:
            response = pb.PlanManifestsResponse()
            made = response.plan
            made.revision, made.replaces_all, made.created_us = deployments.revision, arguments.replaces_all, now_us()
            # One by one: to copy all of them at once would hold up calls, in this thread too.
            for change in changes_to_proto(changes):
                made.changes.append(change)
            _add_manifests(made, sources, deployments, {item.manifest.service for item in candidates})
            details: dict[str, Json] = {"changes": len(changes), **recorded_manifests(made, {})}
            _let_go(candidates)
            sealed(made, key, made_for)
            return Answer(response, len(changes), details)

        return await asyncio.to_thread(answer)

    async def _texts(self, principal: Principal, arguments: pb.PlanManifestsRequest) -> list[SourcedText]:
        if not arguments.manifests:
            raise DataError.invalid(Reason.BAD_REQUEST, "manifests", "at least one")
        for number, item in enumerate(arguments.manifests):
            if not item.manifest and item.version:
                check_owner(principal, item.service, f"manifests.{number}.service")
        earlier = [(item.service, item.version) for item in arguments.manifests if not item.manifest and item.version]
        found = await self._history.texts(earlier) if earlier else {}
        texts = []
        for number, item in enumerate(arguments.manifests):
            text, source = item.manifest, check_source(item.source, f"manifests.{number}.source")
            if not text and item.version:
                if (item.service, item.version) not in found:
                    raise DataError.invalid(
                        Reason.BAD_REQUEST,
                        f"manifests.{number}",
                        "the registry holds no such version of that service; `aol history SERVICE` lists them",
                    )
                text = found[item.service, item.version]
                source = item.source or f"{item.service} version {item.version}"
            texts.append(SourcedText(text, source))
        return texts

    async def _candidates(
        self, principal: Principal, texts: Sequence[SourcedText], deployments: Deployments
    ) -> tuple[list[tuple[str, SourcedText]], list[Candidate]]:
        """Return every text with its service, and those that change something, parsed.

        A text that the registry has is not parsed again: of a whole platform's, most are.
        """
        services = await asyncio.to_thread(self._standing, texts, deployments)
        others = [item for item, service in zip(texts, services, strict=True) if service is None]
        manifests = await parse_all(others, principal)
        parsed = iter(manifests)
        sources = [(service or next(parsed).service, item) for item, service in zip(texts, services, strict=True)]
        refuse_rivals([(service, item.source) for service, item in sources])
        candidates = await self._with_newest(principal, manifests, deployments)

        def changing() -> list[Candidate]:
            known = zip(candidates, others, strict=True)
            return [candidate for candidate, item in known if not self._unchanged(candidate, item, deployments)]

        return sources, await asyncio.to_thread(changing)

    def _standing(self, texts: Sequence[SourcedText], deployments: Deployments) -> list[str | None]:
        """Return of each text whose newest manifest it is; None where it is nobody's, or does not stand as it is."""
        by_digest = {version.sha256: version for version in deployments.newest.values()}
        snapshot = self._registry.snapshot
        services: list[str | None] = []
        for item in texts:
            sha256 = digest(item.text)
            version = by_digest.get(sha256)
            services.append(version.service if version and stands(version, sha256, snapshot) else None)
        return services

    def _unchanged(self, candidate: Candidate, item: SourcedText, deployments: Deployments) -> bool:
        """Whether a text is the registry's, of a version from before abstracts were written down."""
        version = deployments.newest.get(candidate.manifest.service)
        if version is None:
            return False
        known = replace(version, abstract=abstract_of(candidate.manifest))
        return stands(known, digest(item.text), self._registry.snapshot)

    async def _with_newest(
        self, principal: Principal, manifests: Sequence[Manifest], deployments: Deployments
    ) -> list[Candidate]:
        versions = (deployments.newest.get(manifest.service) for manifest in manifests)
        keys = [(version.service, version.version) for version in versions if version is not None]
        texts = await self._history.texts(keys) if keys else {}
        before = {key: await _if_any(parse_aside(text, _named(key), principal)) for key, text in texts.items()}
        candidates = []
        for manifest in manifests:
            number = deployments.number(manifest.service)
            candidates.append(Candidate(manifest, before.get((manifest.service, number)), number))
        return candidates

    def _check_all(
        self, principal: Principal, candidates: Sequence[Candidate], sources: Mapping[str, SourcedText]
    ) -> None:
        """Return if the registry and the adapters can do what the manifests ask, and the caller may; else the error
        names the file."""
        snapshot = self._registry.snapshot
        for candidate in candidates:
            try:
                records = collections_of(candidate.manifest, snapshot, self._backends)
                check_rights(principal, records, snapshot)
            except DataError as error:
                error.message = f"{sources[candidate.manifest.service].source}: {error.message}"
                raise

    async def _changes(
        self,
        candidates: Sequence[Candidate],
        deployments: Deployments,
        replaces: Collection[str],
    ) -> list[Change]:
        snapshot = self._registry.snapshot
        whole = await self._with_abstracts(deployments)
        at_us = now_us()
        about = await asyncio.to_thread(_about, candidates, snapshot)
        uses = await self._usage.load(at_us - self._observed_us, collection_ids=about)
        documents = await self._documents(candidates)
        return await asyncio.to_thread(
            lambda: plan(candidates, snapshot, whole, uses, at_us=at_us, replaces=replaces, documents=documents)
        )

    async def _with_abstracts(self, deployments: Deployments) -> Deployments:
        """Read what versions of before abstracts were written down declare, as far as they still run."""
        versions = (*deployments.newest.values(), *deployments.older)
        keys = [(item.service, item.version) for item in versions if item.abstract is None]
        if not keys:
            return deployments
        texts = await self._history.texts(keys)
        parsed = {
            key: await _if_any(asyncio.to_thread(parse_manifest, text, _named(key))) for key, text in texts.items()
        }

        def whole(version: ManifestVersion) -> ManifestVersion:
            manifest = parsed.get((version.service, version.version))
            return version if manifest is None else replace(version, abstract=abstract_of(manifest))

        newest = {service: whole(version) for service, version in deployments.newest.items()}
        return replace(deployments, newest=newest, older=tuple(map(whole, deployments.older)))

    async def _documents(self, candidates: Sequence[Candidate]) -> Mapping[str, int]:
        """Count the documents of collections that are no longer declared, as far as adapters answer."""
        counts: dict[str, int] = {}
        left_out = await asyncio.to_thread(self._left_out, candidates)
        for record in left_out[:_COUNTED_COLLECTIONS]:
            try:
                counts[record.collection_id] = await self._dispatch.count_all(record, timeout_s=_COUNT_TIMEOUT_S)
            except DataError:
                # The next one would have to wait for its adapter, too.
                break
        return counts

    def _left_out(self, candidates: Sequence[Candidate]) -> list[CollectionRecord]:
        """Return the collections that manifests no longer name."""
        snapshot, found = self._registry.snapshot, []
        for candidate in candidates:
            kept = {item.name for item in candidate.manifest.collections}
            for id_ in snapshot.owned_by(candidate.manifest.service):
                record = snapshot.collections[id_]
                if record.declared and record.name not in kept:
                    found.append(record)
        return found


def _about(candidates: Sequence[Candidate], snapshot: Snapshot) -> set[str]:
    """Return the collections whose uses matter: the services' own, those that they ask for or did, and those that they
    were granted."""
    services = [item.manifest.service for item in candidates]
    ids = {id_ for name in services for id_ in (*snapshot.owned_by(name), *snapshot.granted_to(name))}
    manifests = [manifest for item in candidates for manifest in (item.manifest, item.before) if manifest is not None]
    return ids | {request.collection_id for manifest in manifests for request in manifest.access_requests}


def _let_go(candidates: list[Candidate]) -> None:
    """Free what manifests take, one by one: a million objects at once, or to look for garbage among them, take long."""
    while candidates:
        candidates.pop()


def _named(key: tuple[str, int]) -> str:
    return f"{key[0]} version {key[1]}"


async def _if_any(reading: Awaitable[Manifest]) -> Manifest | None:
    """Return what a version declares; None when it is no manifest any more, by the rules of now."""
    try:
        return await reading
    except DataError:
        return None


def _add_manifests(
    plan: pb.Plan, sources: Sequence[tuple[str, SourcedText]], deployments: Deployments, changed: Collection[str]
) -> None:
    """Put texts into a plan, each given with its service; those of `changed` services are to be applied."""
    for service, item in sources:
        plan.manifests.add(
            service=service,
            source=item.source,
            manifest=item.text,
            sha256=digest(item.text),
            registered_version=deployments.number(service),
            changed=service in changed,
        )
