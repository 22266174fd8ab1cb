"""Who may use what, and who does? GetLineage."""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aol.admin.v1 import usage_pb2 as pb
from aol.data.v1 import collection_pb2
from aol_broker.presentation import permission_to_proto, within_one_answer
from aol_broker.registry.declarations import AccessAsked, access_asked
from aol_broker.registry.snapshot import CollectionRecord, GrantState, Permission, Snapshot
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.resolve import resolve
from aol_broker.usage.keeper import UsageKeeper
from aol_broker.usage.uses import Use, Uses
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.garbage import collecting_nothing
from aol_wire.ids import now_us
from aol_wire.names import check_service
from aol_wire.paths import format_path, parse_path

EdgeKey = tuple[str, str]
"""(collection id, service)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which edges, and which uses on them. Empty texts are all, as is a `limit` of 0; `path` None is only the calls
    themselves."""

    collection_id: str
    service: str
    path: str | None
    since_us: int
    limit: int = 0


@dataclass(slots=True)
class Edge:
    """What a service has to do with a collection."""

    granted: list[Permission] = field(default_factory=list)
    pending: list[Permission] = field(default_factory=list)
    requested: list[Permission] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)


class GetLineage:
    """Puts what is declared beside what was counted."""

    def __init__(self, registry: Registry, usage: UsageKeeper) -> None:
        self._registry = registry
        self._usage = usage

    async def admit(self, request: Request[pb.GetLineageRequest], record: CollectionRecord | None) -> Wanted:
        """Check the names."""
        arguments = request.arguments
        if arguments.since_us < 0:
            raise DataError.invalid(Reason.BAD_REQUEST, "since_us", "it is 0 or more")
        if arguments.path and not arguments.collection:
            raise DataError.invalid(Reason.BAD_REQUEST, "path", "a path is of a collection: give that too")
        if arguments.limit < 0:
            raise DataError.invalid(Reason.BAD_REQUEST, "limit", "it is 1 or more, or 0 for no limit")
        return Wanted(
            resolve(arguments.collection, "").id if arguments.collection else "",
            check_service(arguments.service) if arguments.service else "",
            format_path(parse_path(arguments.path)) if arguments.path else None,
            arguments.since_us,
            arguments.limit,
        )

    async def dispatch(
        self, request: Request[pb.GetLineageRequest], record: CollectionRecord | None, work: Wanted
    ) -> Answer:
        """Read the counters and the registry."""
        with collecting_nothing():
            return await self._answer(work)

    async def _answer(self, work: Wanted) -> Answer:
        answered_us = now_us()
        uses = await self._uses(work)
        asked = await access_asked(
            self._registry.database, collection_id=work.collection_id, around="" if work.collection_id else work.service
        )
        snapshot = self._registry.snapshot

        def answer() -> Answer:
            nonlocal asked, uses
            edges = edges_of(snapshot, asked, uses, work)
            if work.collection_id and work.collection_id not in snapshot.collections and not edges:
                raise DataError(Reason.COLLECTION_NOT_FOUND, f"There is no collection '{work.collection_id}'.")
            told = _most_used(edges, work.limit) if work.limit else edges
            response = pb.GetLineageResponse(
                since_us=uses.since_us, until_us=answered_us, left_out=len(edges) - len(told)
            )
            # One by one: to copy all of them at once holds up calls.
            for edge in _listed(told, snapshot):
                response.edges.append(edge)
            # Let go of here, not by the loop, nor left to be looked at for garbage: there may be many.
            del asked, uses
            names: dict[str, Json] = {"collection": work.collection_id, "service": work.service}
            return Answer(response, len(told), {name: text for name, text in names.items() if text})

        # In a thread, as there may be many: calls go on meanwhile.
        return await asyncio.to_thread(answer)

    async def _uses(self, work: Wanted) -> Uses:
        if work.collection_id:
            return await self._usage.load(
                work.since_us, collection_ids=(work.collection_id,), paths=work.path is not None, shapes=False
            )
        if work.service:
            return await self._usage.load_around(work.service, work.since_us)
        return await self._usage.load(work.since_us, paths=False, shapes=False)


def edges_of(snapshot: Snapshot, asked: Iterable[AccessAsked], uses: Uses, wanted: Wanted) -> dict[EdgeKey, Edge]:
    """Return what services have to do with collections, as far as it is wanted."""
    owned = ((id_, id_.partition(".")[0]) for id_ in snapshot.collections)
    edges: defaultdict[EdgeKey, Edge] = defaultdict(Edge, {key: Edge() for key in owned if _is_wanted(key, wanted)})
    # Grants are made when they are read: those that are not wanted are not.
    for key in [key for key in snapshot.grants if _is_wanted(key, wanted)]:
        for grant in snapshot.grants[key]:
            # What was refused is among what is requested.
            if grant.state is GrantState.ACTIVE:
                edges[key].granted.append(grant.permission)
            elif grant.state is GrantState.PENDING:
                edges[key].pending.append(grant.permission)
    for request in asked:
        key = (request.collection_id, request.service)
        if _is_wanted(key, wanted):
            edges[key].requested.append(request.permission)
    for id_ in uses.by_collection:
        for use in uses.uses(id_, wanted.path):
            if _is_wanted((id_, use.service), wanted):
                edges[id_, use.service].uses.append(use)
    return edges


def _most_used(edges: Mapping[EdgeKey, Edge], limit: int) -> dict[EdgeKey, Edge]:
    """Return so many edges: those with the most calls, and of those with as many the first by name."""
    calls = {key: sum(use.calls for use in edge.uses) for key, edge in edges.items()}
    told = heapq.nsmallest(limit, edges, key=lambda key: (-calls[key], key))
    return {key: edges[key] for key in told}


def _listed(edges: Mapping[EdgeKey, Edge], snapshot: Snapshot) -> list[pb.LineageEdge]:
    """Return edges as they are answered.

    :raises DataError: TOO_LARGE.
    """
    return within_one_answer(
        (_edge_to_proto(key, edges[key], snapshot) for key in sorted(edges)),
        "Ask for one collection, for one service, or for fewer edges (`limit`) at a time.",
    )


def _is_wanted(key: EdgeKey, wanted: Wanted) -> bool:
    id_, service = key
    if wanted.collection_id and id_ != wanted.collection_id:
        return False
    return not wanted.service or wanted.service in (service, id_.partition(".")[0])


def _edge_to_proto(key: EdgeKey, edge: Edge, snapshot: Snapshot) -> pb.LineageEdge:
    id_, service = key
    return pb.LineageEdge(
        collection=id_,
        service=service,
        owner=id_.partition(".")[0] == service,
        exists=id_ in snapshot.collections,
        granted=_numbers(edge.granted),
        pending=_numbers(edge.pending),
        requested=_numbers(edge.requested),
        uses=[pb.Use(verb=use.verb, path=use.path, calls=use.calls, last_us=use.last_us) for use in sorted(edge.uses)],
    )


def _numbers(permissions: Iterable[Permission]) -> Iterator[collection_pb2.Permission]:
    return (permission_to_proto(permission) for permission in sorted(set(permissions)))
