"""What is stored? `aol query`, in the name of a service."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.connection import CALL_TIMEOUT_S, check_reachable
from aol_cli.options import DEFAULT_ENDPOINT, AsJson, Endpoint
from aol_cli.output import CELL_MAX_CHARACTERS, Column, print_json, print_table, say, shown, terminal_width

if TYPE_CHECKING:
    from aol_client import Document

DEFAULT_LIMIT = 20
# On a terminal, so that several columns fit.
_NARROW_CELL = 40
_EXAMPLE = 'For example: --filter \'{"carrier": "UA"}\''


def parse_filter(text: str | None) -> dict[str, Any] | None:
    """Return a filter that is given as JSON text.

    :raises typer.BadParameter: it is not a JSON object. What it holds is not repeated.
    """
    if text is None:
        return None
    from aol_wire.errors import DataError, Reason
    from aol_wire.json_text import decode
    from aol_wire.limits import FILTER_MAX_BYTES

    try:
        value = decode(text, Reason.BAD_FILTER, "filter", FILTER_MAX_BYTES)
    except DataError as error:
        raise typer.BadParameter(f"{error.message}. {_EXAMPLE}", param_hint="--filter") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"a JSON object is needed. {_EXAMPLE}", param_hint="--filter")
    return value


def parse_sort(keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return `("field", "asc" or "desc")` for `field`, `field:asc`, `field:desc`.

    :raises typer.BadParameter: a key is none of these.
    """
    parsed = []
    for key in keys:
        path, _, direction = key.partition(":")
        if not path or direction not in ("", "asc", "desc"):
            raise typer.BadParameter("it is FIELD, FIELD:asc or FIELD:desc", param_hint="--sort")
        parsed.append((path, direction or "asc"))
    return parsed


def query(
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection, or the service's own.")],
    service: Annotated[str, typer.Option("--as", metavar="SERVICE", help="The service in whose name to ask.")],
    filters: Annotated[str | None, typer.Option("--filter", metavar="JSON", help="Only documents that match.")] = None,
    sort: Annotated[
        list[str] | None, typer.Option("--sort", metavar="FIELD[:desc]", help="Order; may be repeated.")
    ] = None,
    fields: Annotated[str, typer.Option("--fields", metavar="A,B", help="Only these fields, in this order.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many documents.")] = DEFAULT_LIMIT,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    as_json: AsJson = False,
) -> None:
    """Find documents, as a service that may."""
    wanted, order = parse_filter(filters), parse_sort(sort or ())
    projection = [path for path in (part.strip() for part in fields.split(",")) if path]
    found = _documents(
        endpoint, service, collection, filters=wanted, sort=order, projection=projection or None, limit=limit
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
    """Return the fields of the documents as first seen, without the metadata but the id."""
    seen = dict.fromkeys(name for document in documents for name in document)
    return [name for name in seen if name == "_id" or not name.startswith("_")]


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
