"""What is stored? `aol query`, in the name of a service."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.connection import CALL_TIMEOUT_S, check_reachable
from aol_cli.options import DEFAULT_ENDPOINT, AsJson, Endpoint
from aol_cli.output import CELL_MAX_CHARACTERS, Column, print_json, print_table, say, shown, terminal_width
from aol_cli.query_options import (
    ActingService,
    Collection,
    ContextText,
    Deleted,
    DeletedMode,
    FilterText,
    SortTexts,
    parse_context,
    parse_filter,
    parse_sort,
)

if TYPE_CHECKING:
    from aol_client import Document

DEFAULT_LIMIT = 20
# On a terminal, so that several columns fit.
_NARROW_CELL = 40
# Metadata that is shown without being asked for. Only deleted documents have the second.
_TELLING = {"_id", "_deleted_at"}


def query(
    *,
    collection: Collection,
    service: ActingService,
    filters: FilterText = None,
    sort: SortTexts = None,
    fields: Annotated[str, typer.Option("--fields", metavar="A,B", help="Only these fields, in this order.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many documents.")] = DEFAULT_LIMIT,
    deleted: DeletedMode = Deleted.EXCLUDE,
    context: ContextText = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    as_json: AsJson = False,
) -> None:
    """Find documents, as a service that may."""
    wanted, order = parse_filter(filters), parse_sort(sort or ())
    projection = [path for path in (part.strip() for part in fields.split(",")) if path]
    found = _documents(
        endpoint,
        service,
        collection,
        filters=wanted,
        sort=order,
        projection=projection or None,
        limit=limit,
        deleted=deleted.value,
        context=parse_context(context),
    )
    if as_json:
        asyncio.run(_print_each(found))
        return
    documents = asyncio.run(_collect(found))
    _print_documents(documents, projection)
    if len(documents) == limit:
        say(f"These are the first {limit}; there may be more (--limit).")


async def _documents(
    endpoint: str, service: str, collection: str, **arguments: Any
) -> "AsyncGenerator[Document, None]":
    from aol_client import AOLDataClient

    client = AOLDataClient(endpoint, service, timeout=CALL_TIMEOUT_S)
    await check_reachable(endpoint)
    async with client, aclosing(client.stream(collection, **arguments)) as documents:
        async for document in documents:
            yield document


async def _print_each(documents: "AsyncGenerator[Document, None]") -> None:
    async with aclosing(documents):
        async for document in documents:
            print_json(document)


async def _collect(documents: "AsyncGenerator[Document, None]") -> "list[Document]":
    async with aclosing(documents):
        return [document async for document in documents]


def _print_documents(documents: "list[Document]", projection: Sequence[str]) -> None:
    names = [*projection] if projection else _names(documents)
    if "_id" not in names:
        names.insert(0, "_id")
    most = CELL_MAX_CHARACTERS if terminal_width() is None else _NARROW_CELL
    rows = ([shown(_cell(_at(document, name)), most) for name in names] for document in documents)
    columns = [Column(name, shrinks=name != "_id", optional=name != "_id") for name in names]
    print_table(columns, rows, empty="No documents match.")


def _names(documents: "list[Document]") -> list[str]:
    """Return the fields of the documents as first seen; of the metadata, what tells documents apart."""
    seen = dict.fromkeys(name for document in documents for name in document)
    return [name for name in seen if name in _TELLING or not name.startswith("_")]


def _at(document: "Document", path: str) -> Any:
    """Return what is at a dotted path, which may also be reached through objects; empty text when it is missing."""
    value: Any = document
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return ""
        value = value[part]
    return value


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    import orjson

    return orjson.dumps(value).decode()
