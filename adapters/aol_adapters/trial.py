"""How does one try an adapter out? In the dict forms of the SDK, without a broker: for tests of any adapter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import orjson

from aol.data.v1.document_pb2 import Page
from aol_wire import metadata
from aol_wire.adapter import (
    Adapter,
    CollectionSpec,
    Count,
    Delete,
    Deleted,
    Ensured,
    Find,
    Found,
    Insert,
    Mutation,
    Outcome,
    Target,
    Update,
    Write,
)
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.json_text import encode
from aol_wire.paths import parse_projection, parse_sort
from aol_wire.update_parser import parse_update

Document = Mapping[str, Any]
"""A JSON object: a document, a filter, an update or an index."""


class Trial:
    """One collection of an adapter. Its clock is a counter: each mutation happens one microsecond after the last."""

    def __init__(self, adapter: Adapter, target: Target | None = None) -> None:
        self.adapter = adapter
        self.target = target or Target("shop", "items")
        self._clock = count(1_700_000_000_000_000)

    def at(self, *, service: str | None = None, collection: str | None = None, tenant: str | None = "") -> "Trial":
        """Return a trial of another collection or tenant of the same adapter."""
        target = Target(service or self.target.service, collection or self.target.collection, tenant)
        other = Trial(self.adapter, target)
        other._clock = self._clock
        return other

    def now_us(self) -> int:
        """Return the next moment."""
        return next(self._clock)

    async def ensure(self, *indexes: Document) -> Ensured:
        """Make the collection with indexes in their manifest form."""
        specs = tuple(parse_index(dict(index), "index") for index in indexes)
        return await self.adapter.ensure_collection(CollectionSpec(self.target, indexes=specs))

    def insertion(self, id_: str, document: Document, *, owner: str = "", acl: str = "") -> Insert:
        """Return a mutation that inserts."""
        return Insert(id_, encode(dict(document)), self.now_us(), owner, acl)

    def change(
        self, filter_: Document, update: Document, *, max_affected: int | None = None, if_version: int | None = None
    ) -> Update:
        """Return a mutation that updates."""
        operations = parse_update(encode(dict(update)))
        return Update(parse_filter(encode(dict(filter_))), operations, self.now_us(), max_affected, if_version)

    def removal(
        self, filter_: Document, *, soft: bool = False, max_affected: int | None = None, if_version: int | None = None
    ) -> Delete:
        """Return a mutation that deletes."""
        return Delete(parse_filter(encode(dict(filter_))), self.now_us(), soft, max_affected, if_version)

    async def write(self, *mutations: Mutation, atomic: bool = False) -> list[Outcome]:
        """Apply mutations and return their outcomes, ids too."""
        return await self.adapter.write(Write(self.target, mutations, atomic, return_ids=True))

    async def apply(self, mutation: Mutation) -> Outcome:
        """Apply one mutation.

        :raises DataError: the error of its outcome.
        """
        (outcome,) = await self.write(mutation)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def insert(self, id_: str, document: Document) -> Outcome:
        """Insert one document."""
        return await self.apply(self.insertion(id_, document))

    async def fill(self, documents: Mapping[str, Document]) -> None:
        """Insert documents by their ids."""
        for outcome in await self.write(*(self.insertion(id_, document) for id_, document in documents.items())):
            if outcome.error is not None:
                raise outcome.error

    async def update(self, filter_: Document, update: Document) -> int:
        """Update and return how many documents were."""
        return (await self.apply(self.change(filter_, update))).affected

    async def delete(self, filter_: Document, *, soft: bool = False) -> int:
        """Delete and return how many documents were."""
        return (await self.apply(self.removal(filter_, soft=soft))).affected

    def query(self, filter_: Document | None = None, *sort: str, projection: Iterable[str] = ()) -> Find:
        """Return a query. A sort key is a path, with a leading `-` for largest first."""
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in sort]
        return Find(
            self.target, parse_filter(encode(dict(filter_ or {}))), parse_sort(keys), parse_projection(projection)
        )

    async def pages(self, query: Find) -> list[Found]:
        """Return all pages of a query."""
        pages = [await self.adapter.find(query)]
        while pages[-1].next_position:
            pages.append(await self.adapter.find(replace(query, skip=0, position=pages[-1].next_position)))
        return pages

    async def ids(self, filter_: Document | None = None, *sort: str, deleted: Deleted = Deleted.EXCLUDE) -> list[str]:
        """Return the ids of the documents that match, in order."""
        query = replace(self.query(filter_, *sort), deleted=deleted)
        return [id_ for found in await self.pages(query) for id_ in found.page.id]

    async def documents(self, query: Find) -> list[dict[str, Json]]:
        """Return the documents of all pages of a query, with `_id` and what else metadata there is."""
        return [document for found in await self.pages(query) for document in documents_of(found.page)]

    async def get(self, id_: str, deleted: Deleted = Deleted.INCLUDE) -> dict[str, Json]:
        """Return one document, with its metadata.

        :raises LookupError: there is none.
        """
        found = await self.documents(replace(self.query({metadata.ID: id_}), deleted=deleted))
        if len(found) != 1:
            raise LookupError(f"{len(found)} documents have this id")
        return found[0]

    async def count(self, filter_: Document | None = None, deleted: Deleted = Deleted.EXCLUDE) -> int:
        """Return how many documents match."""
        return await self.adapter.count(Count(self.target, parse_filter(encode(dict(filter_ or {}))), deleted))

    async def refusal(self, mutation: Mutation) -> Reason:
        """Return why a mutation fails.

        :raises LookupError: it does not.
        """
        try:
            await self.apply(mutation)
        except DataError as error:
            return error.reason
        raise LookupError("the mutation did not fail")


def documents_of(page: Page) -> list[dict[str, Json]]:
    """Return a page's documents with their metadata under the reserved keys, as far as there is any."""
    documents: list[dict[str, Json]] = [orjson.loads(text) for text in page.json]
    for name, values in _columns(page).items():
        for document, value in zip(documents, values, strict=True):
            if value not in ("", 0):
                document[name] = value
    return documents


def _columns(page: Page) -> dict[str, Sequence[str | int]]:
    columns: dict[str, Sequence[str | int]] = {
        metadata.ID: list(page.id),
        metadata.CREATED_AT: list(page.created_us),
        metadata.UPDATED_AT: list(page.updated_us),
        metadata.VERSION: list(page.version),
        metadata.OWNER: list(page.owner),
        metadata.TENANT: list(page.tenant),
        metadata.ACL: list(page.acl),
        metadata.DELETED_AT: list(page.deleted_us),
    }
    return {name: values for name, values in columns.items() if values}
