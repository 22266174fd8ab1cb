"""How can an adapter read wrongly? The memory adapter with one lie each."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from aol.data.v1.document_pb2 import Page
from aol_adapters.memory.adapter import MemoryAdapter
from aol_wire.adapter import (
    CollectionSpec,
    Count,
    Deleted,
    Find,
    Found,
    Outcome,
    SortKey,
    Write,
)
from aol_wire.errors import DataError, Reason
from aol_wire.filters import And, Compare, Contains, ContainsAny, Exists, Filter, Member, Not, Operator, Or, Regex

Rewrite = Callable[[Filter], Filter]


class LeaksTenants(MemoryAdapter):
    """Reads without looking at the tenant."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, target=replace(request.target, tenant=None)))


class CountsAllTenants(MemoryAdapter):
    """Counts without looking at the tenant."""

    async def count(self, request: Count) -> int:
        return await super().count(replace(request, target=replace(request.target, tenant=None)))


class _RewritesFilters(MemoryAdapter):
    """Answers another filter than it was asked."""

    @abstractmethod
    def rewrite(self, leaf: Filter) -> Filter:
        """Return what it makes of it."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, filter=rewritten(request.filter, self.rewrite)))

    async def count(self, request: Count) -> int:
        return await super().count(replace(request, filter=rewritten(request.filter, self.rewrite)))


class TakesNullForAValueOnly(_RewritesFilters):
    """Does not find what is missing by null, as SQL does not."""

    def rewrite(self, leaf: Filter) -> Filter:
        if isinstance(leaf, Compare) and leaf.operator is Operator.EQ and leaf.operand is None:
            return And((leaf, Exists(leaf.path, True)))
        return leaf


class LosesWhatIsMissing(_RewritesFilters):
    """Leaves out of $ne and $nin where the path is missing, as SQL does."""

    def rewrite(self, leaf: Filter) -> Filter:
        negated = (isinstance(leaf, Compare) and leaf.operator is Operator.NE) or (
            isinstance(leaf, Member) and leaf.negated
        )
        return And((leaf, Exists(leaf.path, True))) if negated and isinstance(leaf, Compare | Member) else leaf


class LooksIntoArrays(_RewritesFilters):
    """Finds an array by an element of it, as MongoDB does."""

    def rewrite(self, leaf: Filter) -> Filter:
        if isinstance(leaf, Compare) and leaf.operator is Operator.EQ:
            return Or((leaf, Contains(leaf.path, leaf.operand)))
        return leaf


class ComparesAsDoubles(_RewritesFilters):
    """Compares integers as doubles."""

    def rewrite(self, leaf: Filter) -> Filter:
        if isinstance(leaf, Compare) and type(leaf.operand) is int:
            return replace(leaf, operand=float(leaf.operand))
        return leaf


class MatchesFromTheStart(_RewritesFilters):
    """Anchors every pattern."""

    def rewrite(self, leaf: Filter) -> Filter:
        return replace(leaf, pattern=f"^(?:{leaf.pattern})") if isinstance(leaf, Regex) else leaf


class LooksForAnyInAll(_RewritesFilters):
    """Finds an array by all of the strings that any of would do."""

    def rewrite(self, leaf: Filter) -> Filter:
        if isinstance(leaf, ContainsAny) and leaf.elements:
            return And(tuple(Contains(leaf.path, element) for element in leaf.elements))
        return leaf


class TakesAFewNames(_RewritesFilters):
    """Looks for the first hundred strings only."""

    def rewrite(self, leaf: Filter) -> Filter:
        return replace(leaf, elements=leaf.elements[:100]) if isinstance(leaf, ContainsAny) else leaf


class TakesTheOppositeForTheComplement(_RewritesFilters):
    """Answers $not with the opposite operator."""

    def rewrite(self, leaf: Filter) -> Filter:
        opposite = {Operator.GT: Operator.LTE, Operator.LT: Operator.GTE}
        if isinstance(leaf, Not) and isinstance(leaf.filter, Compare) and leaf.filter.operator in opposite:
            return replace(leaf.filter, operator=opposite[leaf.filter.operator])
        return leaf


class _ChangesPages(MemoryAdapter):
    """Returns other documents than it found."""

    @abstractmethod
    def change(self, request: Find, found: Found) -> Found:
        """Return what it makes of it."""

    async def find(self, request: Find) -> Found:
        return self.change(request, await super().find(request))


class CutsWithoutSaying(_ChangesPages):
    """Says after the first page that it was the last."""

    def change(self, request: Find, found: Found) -> Found:
        return Found(found.page)


class BreaksTiesOneWay(MemoryAdapter):
    """Returns ties by their ids from the smallest, whichever way the last key goes."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, sort=(*request.sort, SortKey(("_id",)))))


class RepeatsAtPageEnds(MemoryAdapter):
    """Begins each page with the last document of the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._last = Page()

    async def find(self, request: Find) -> Found:
        found = await super().find(request)
        if request.position:
            found.page.id.insert(0, self._last.id[-1])
            found.page.json.insert(0, self._last.json[-1])
            for name in ("created_us", "updated_us", "version"):
                getattr(found.page, name).insert(0, getattr(self._last, name)[-1])
        self._last = found.page
        return found


class IgnoresProjections(MemoryAdapter):
    """Returns whole documents always."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, projection=()))


class IgnoresByteLimits(MemoryAdapter):
    """Fills pages beyond their size."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, max_bytes=1 << 40))


class ReadsNumbersAsDoubles(_ChangesPages):
    """Returns integers that a double holds only nearly."""

    def change(self, request: Find, found: Found) -> Found:
        texts = [orjson.dumps(_doubled(orjson.loads(text))).decode() for text in found.page.json]
        del found.page.json[:]
        found.page.json.extend(texts)
        return found


class ShowsTheDeleted(MemoryAdapter):
    """Shows what is marked as deleted."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, deleted=Deleted.INCLUDE))


class MakesWhatItIsAskedFor(MemoryAdapter):
    """Makes a collection that nobody ensured."""

    async def find(self, request: Find) -> Found:
        await self.ensure_collection(CollectionSpec(request.target))
        return await super().find(request)

    async def count(self, request: Count) -> int:
        await self.ensure_collection(CollectionSpec(request.target))
        return await super().count(request)


class IgnoresTime(MemoryAdapter):
    """Works on although the caller's time is over."""

    async def find(self, request: Find) -> Found:
        return await super().find(replace(request, timeout_s=None))

    async def write(self, request: Write) -> list[Outcome]:
        return await super().write(replace(request, timeout_s=None))


class RaisesItsOwnErrors(MemoryAdapter):
    """Lets errors of its own through."""

    async def count(self, request: Count) -> int:
        try:
            return await super().count(request)
        except DataError as error:
            if error.reason is Reason.COLLECTION_NOT_FOUND:
                raise KeyError(request.target.collection) from None
            raise


class NeverAnswers(MemoryAdapter):
    """Hangs in every count."""

    async def count(self, request: Count) -> int:
        await asyncio.Event().wait()
        return 0


def rewritten(condition: Filter | None, rewrite: Rewrite) -> Filter | None:
    """Return a filter with every node of it rewritten, the inner ones first."""
    return None if condition is None else _rewritten(condition, rewrite)


def _rewritten(condition: Filter, rewrite: Rewrite) -> Filter:
    match condition:
        case And(filters):
            return rewrite(And(tuple(_rewritten(it, rewrite) for it in filters)))
        case Or(filters):
            return rewrite(Or(tuple(_rewritten(it, rewrite) for it in filters)))
        case Not(inner):
            return rewrite(Not(_rewritten(inner, rewrite)))
    return rewrite(condition)


def _doubled(value: Any) -> Any:
    match value:
        case dict():
            return {key: _doubled(inner) for key, inner in value.items()}
        case list():
            return [_doubled(inner) for inner in value]
        case bool():
            return value
        case int():
            return int(float(value)) if abs(value) < 2**62 else value
    return value
