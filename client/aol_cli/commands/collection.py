"""How is a collection ended? `aol collection drop`."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.exits import Failure
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import print_json, say

if TYPE_CHECKING:
    from aol.admin.v1 import admin_pb2

app = typer.Typer(help="Change a collection as a whole.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Keep `drop` a command of its own while it is the only one."""


@app.command()
def drop(
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")],
    yes: Annotated[bool, typer.Option("--yes", help="Drop it; without this, only say what would be dropped.")] = False,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Drop a collection with all its documents."""
    if "." not in collection:
        raise typer.BadParameter("write service.collection", param_hint="COLLECTION")
    answer = asyncio.run(_drop(endpoint, require_token(token_file, data_dir), collection, dry_run=not yes))
    if as_json:
        print_json(_as_json(answer))
    if not answer.dropped:
        raise Failure("\n".join(_would_be_dropped(answer)))
    if not as_json:
        say(f"Dropped {collection}.")
        if answer.collection.declared:
            say(_made_anew(answer.collection.owner))


async def _drop(endpoint: str, token: str, collection: str, *, dry_run: bool) -> "admin_pb2.DropCollectionResponse":
    from aol.admin.v1 import admin_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.DropCollectionRequest(collection=collection, dry_run=dry_run)
        return await calls.admin("DropCollection", request, pb.DropCollectionResponse)


def _would_be_dropped(answer: "admin_pb2.DropCollectionResponse") -> list[str]:
    """Return what `--yes` would do, and how to say it."""
    dropped = answer.collection
    if not answer.HasField("document_count"):
        documents = "all its documents (the adapter does not say how many)"
    else:
        documents = "its 1 document" if answer.document_count == 1 else f"its {answer.document_count:,} documents"
    lines = [
        f"nothing was dropped. With --yes, {dropped.collection_id} goes for good: {documents}, kept by the adapter "
        f"{dropped.adapter}, and what is shared and granted of it."
    ]
    if dropped.declared:
        lines.append(_made_anew(dropped.owner))
    return [*lines, f"To drop it: aol collection drop {dropped.collection_id} --yes"]


def _made_anew(owner: str) -> str:
    return f"The manifest of {owner} declares it: the next time that it is applied, it is made anew, empty."


def _as_json(answer: "admin_pb2.DropCollectionResponse") -> dict[str, Any]:
    return {
        "collection": answer.collection.collection_id,
        "adapter": answer.collection.adapter,
        "declared": answer.collection.declared,
        "documents": answer.document_count if answer.HasField("document_count") else None,
        "dropped": answer.dropped,
    }
