"""How does one try an adapter out? In the dict forms of the SDK, without a broker."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from aol.data.v1.document_pb2 import Page
from aol_adapters.conformance.expect import RuleBrokenError
from aol_adapters.conformance.program import Program
from aol_adapters.conformance.workspace import Workspace
from aol_wire import metadata
from aol_wire.adapter import (
    Adapter,
    Capability,
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
    Restore,
    Target,
    Update,
    Write,
)
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Filter, Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState, IndexStatus
from aol_wire.json_text import encode
from aol_wire.paths import parse_projection, parse_sort
from aol_wire.update_parser import parse_update

Document = Mapping[str, Any]
"""A JSON object: a document, a filter, an update or an index."""


# More pages than any rule asks for: an adapter that always names another page is found out.
_PAGES_MAX = 2_000
_BUILT_POLL_S = 0.02


class Trial:
    """One collection of an adapter. The one that a rule gets is ensured, without indexes, and empty.

    :param capabilities: what the adapter declares, for those who need to know.
    :param program: the adapter's program, where the kit started it.
    """

    def __init__(
        self,
        adapter: Adapter,
        target: Target | None = None,
        *,
        capabilities: frozenset[Capability] = frozenset(),
        program: Program | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        self.adapter = adapter
        self.capabilities = capabilities
        self.workspace = workspace or Workspace()
        self.target = self.workspace.note(target or Target("shop", "items"))
        self._program = program

    def at(self, *, service: str | None = None, collection: str | None = None, tenant: str | None = "") -> "Trial":
        """Return a trial of another service, collection or tenant of the same adapter; it is not ensured."""
        target = Target(service or self.target.service, collection or self.target.collection, tenant)
        return Trial(
            self.adapter, target, capabilities=self.capabilities, program=self._program, workspace=self.workspace
        )

    def of(self, adapter: Adapter) -> "Trial":
        """Return a trial of the same collection through another adapter; for rules about programs."""
        return Trial(adapter, self.target, capabilities=self.capabilities, workspace=self.workspace)

    def beside(self) -> "Trial":
        """Return a trial of a collection of the same service that was not used yet; it is not ensured."""
        return self.at(collection=self.workspace.fresh_name())

    async def fresh(self, *indexes: Document) -> "Trial":
        """Return a trial of an empty collection of the same service, with indexes."""
        other = self.beside()
        await other.ensure(*indexes)
        return other

    @property
    def program(self) -> Program:
        """The adapter's program.

        :raises LookupError: the kit did not start it.
        """
        if self._program is None:
            raise LookupError("the kit did not start this adapter's program")
        return self._program

    def now_us(self) -> int:
        """Return the next moment, microseconds since 1970."""
        return self.workspace.now_us()

    async def ensure(self, *indexes: Document, owners: bool = False, acls: bool = False) -> Ensured:
        """Make the collection with indexes in their manifest form, and wait until none of them is building."""
        specs = tuple(parse_index(dict(index), "index") for index in indexes)
        spec = CollectionSpec(self.target, indexes=specs, owners=owners, acls=acls)
        ensured = await self.adapter.ensure_collection(spec)
        while any(status.state is IndexState.BUILDING for status in ensured.indexes):
            await asyncio.sleep(_BUILT_POLL_S)
            now = {status.spec: status for status in await self.inspect()}
            ensured = replace(ensured, indexes=tuple(now[spec] for spec in specs))
        return ensured

    async def inspect(self) -> tuple[IndexStatus, ...]:
        """Return how the indexes stand."""
        return await self.adapter.inspect_collection(self.target)

    def insertion(self, id_: str, document: Document, *, owner: str = "", acl: str = "") -> Insert:
        """Return a mutation that inserts."""
        return Insert(id_, encode(dict(document)), self.now_us(), owner, acl)

    def change(
        self, filter_: Document, update: Document, *, max_affected: int | None = None, if_version: int | None = None
    ) -> Update:
        """Return a mutation that updates."""
        operations = parse_update(encode(dict(update)))
        return Update(parse_filter(encode(dict(filter_))), operations, self.now_us(), max_affected, if_version)

    def handing(
        self, filter_: Document, update: Document | None = None, *, acl: str | None = None, owner: str | None = None
    ) -> Update:
        """Return a mutation that changes whose documents are, and maybe the documents."""
        operations = () if update is None else parse_update(encode(dict(update)))
        return Update(parse_filter(encode(dict(filter_))), operations, self.now_us(), acl=acl, owner=owner)

    def removal(
        self, filter_: Document, *, soft: bool = False, max_affected: int | None = None, if_version: int | None = None
    ) -> Delete:
        """Return a mutation that deletes."""
        return Delete(parse_filter(encode(dict(filter_))), self.now_us(), soft, max_affected, if_version)

    def purging(self, filter_: Document, *, max_affected: int | None = None, if_version: int | None = None) -> Delete:
        """Return a mutation that removes soft-deleted documents for good."""
        removal = self.removal(filter_, max_affected=max_affected, if_version=if_version)
        return replace(removal, purge=True)

    def restoring(self, filter_: Document, *, max_affected: int | None = None) -> Restore:
        """Return a mutation that brings soft-deleted documents back."""
        return Restore(parse_filter(encode(dict(filter_))), max_affected)

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

    async def restore(self, filter_: Document) -> int:
        """Bring soft-deleted documents back and return how many were."""
        return (await self.apply(self.restoring(filter_))).affected

    async def purge(self, filter_: Document) -> int:
        """Remove soft-deleted documents for good and return how many were."""
        return (await self.apply(self.purging(filter_))).affected

    def query(self, filter_: Document | None = None, *sort: str, projection: Iterable[str] = ()) -> Find:
        """Return a query. A sort key is a path, with a leading `-` for largest first."""
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in sort]
        return Find(
            self.target, parse_filter(encode(dict(filter_ or {}))), parse_sort(keys), parse_projection(projection)
        )

    async def pages(self, query: Find) -> list[Found]:
        """Return all pages of a query.

        :raises RuleBrokenError: they do not end.
        """
        pages = [await self.adapter.find(query)]
        while pages[-1].next_position:
            if len(pages) == _PAGES_MAX:
                raise RuleBrokenError(f"after {_PAGES_MAX} pages there is still another")
            pages.append(await self.adapter.find(replace(query, skip=0, position=pages[-1].next_position)))
        return pages

    async def ids(self, filter_: Document | None = None, *sort: str, deleted: Deleted = Deleted.EXCLUDE) -> list[str]:
        """Return the ids of the documents that match, in order."""
        query = replace(self.query(filter_, *sort), deleted=deleted)
        return [id_ for found in await self.pages(query) for id_ in found.page.id]

    async def matching(self, tree: Filter) -> list[str]:
        """Return the ids of the documents that match a filter that no caller could write."""
        return [id_ for found in await self.pages(replace(self.query(), filter=tree)) for id_ in found.page.id]

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
