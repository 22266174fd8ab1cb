"""How do single inserts and reads by id share a call to their adapter? As one Write, or one Find, of several."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aol.data.v1.document_pb2 import Page
from aol_broker.adapters.joining import Joining
from aol_wire.adapter import Deleted, Find, Found, Insert, Outcome, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Member, Path
from aol_wire.gets import wanted_id
from aol_wire.metadata import ID

_INSERTS_MAX = 1000
_INSERTS_MAX_CHARACTERS = 1 << 20
# Documents may have a megabyte each, and adapters hold what they read of a short page at once.
_READS_MAX = 32

# What a whole call fails with for a reason that is not one of its documents.
_OF_ALL = frozenset({Reason.ADAPTER_DOWN, Reason.OVERLOADED, Reason.DEADLINE, Reason.COLLECTION_NOT_FOUND})


_COLUMNS = [column.name for column in Page.DESCRIPTOR.fields]


class _Reads(NamedTuple):
    """What reads must have in common to be one."""

    target: Target
    deleted: Deleted
    projection: tuple[Path, ...]
    max_bytes: int


class JoinedCalls:
    """`write` and `find` of an adapter, in fewer calls of the same two; each answer is what it would be alone."""

    def __init__(
        self, write: Callable[[Write], Awaitable[list[Outcome]]], find: Callable[[Find], Awaitable[Found]]
    ) -> None:
        self._write = write
        self._find = find
        self._inserts = Joining[Target, Insert, Outcome](
            self._insert, max_items=_INSERTS_MAX, max_weight=_INSERTS_MAX_CHARACTERS
        )
        self._reads = Joining[_Reads, Find, Found](self._read, max_items=_READS_MAX, max_weight=_READS_MAX)

    async def write(self, request: Write) -> list[Outcome]:
        """See `Adapter.write`."""
        insert = request.mutations[0] if len(request.mutations) == 1 else None
        if not isinstance(insert, Insert) or request.atomic or request.return_ids:
            return await self._write(request)
        weight = len(insert.json)
        return [await self._inserts.submit(request.target, insert, weight=weight, timeout_s=request.timeout_s)]

    async def find(self, request: Find) -> Found:
        """See `Adapter.find`."""
        if wanted_id(request) is None:
            return await self._find(request)
        kind = _Reads(request.target, request.deleted, request.projection, request.max_bytes)
        return await self._reads.submit(kind, request, weight=1, timeout_s=request.timeout_s)

    async def _insert(
        self, target: Target, inserts: list[Insert], timeout_s: float | None
    ) -> Sequence[Outcome | DataError]:
        try:
            return await self._write(Write(target, inserts, timeout_s=timeout_s))
        except DataError as error:
            if len(inserts) == 1 or error.applied is not Applied.NO or error.reason in _OF_ALL:
                raise
        # One of them is to blame, and must fail alone.
        outcomes = []
        for insert in inserts:
            try:
                outcomes += await self._write(Write(target, [insert], timeout_s=timeout_s))
            except DataError as error:
                outcomes.append(Outcome(error=error))
        return outcomes

    async def _read(self, kind: _Reads, requests: list[Find], timeout_s: float | None) -> Sequence[Found]:
        if len(requests) == 1:
            return [await self._find(requests[0])]
        wanted = [wanted_id(request) or "" for request in requests]
        ids = tuple(dict.fromkeys(wanted))
        together = Find(
            kind.target,
            Member((ID,), ids),
            projection=kind.projection,
            limit=len(ids),
            deleted=kind.deleted,
            max_bytes=kind.max_bytes,
            timeout_s=timeout_s,
        )
        pages: dict[str, Page] = {}
        try:
            pages = _pages(await self._find(together), ids)
        except DataError as error:
            if error.reason in _OF_ALL:
                raise
        alone = [request for request in requests if wanted_id(request) not in pages]
        others = iter(await asyncio.gather(*map(self._find, alone)) if alone else ())
        return [Found(page) if (page := pages.get(id_)) is not None else next(others) for id_ in wanted]


def _pages(found: Found, ids: Sequence[str]) -> dict[str, Page]:
    """Return the page of each id, without those of which this page does not tell all."""
    page = found.page
    numbers: dict[str, int] = {}
    unsure = set[str]()
    for number, id_ in enumerate(page.id):
        # A collection whose partitions each have ids of their own may have several of one id.
        if numbers.setdefault(id_, number) != number:
            unsure.add(id_)
    if found.next_position:
        unsure.update(page.id[-1:], (id_ for id_ in ids if id_ not in numbers))
    columns = {name: column for name in _COLUMNS if (column := getattr(page, name)[:])}
    return {id_: _page(columns, numbers.get(id_)) for id_ in ids if id_ not in unsure}


def _page(columns: Mapping[str, Sequence[Any]], number: int | None) -> Page:
    page = Page()
    if number is not None:
        # Columns that are handed to the constructor cost half as much again.
        for name, column in columns.items():
            getattr(page, name).append(column[number])
    return page
