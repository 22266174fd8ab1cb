"""How does a collection move to another database? `aol copy`, step by step, and on from where it was interrupted."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.exits import Failure
from aol_cli.operator_calls import OperatorCalls, operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import print_json, say

if TYPE_CHECKING:
    from aol.admin.v1 import admin_pb2

# Of a phase that takes long, a line is printed each time that so much more of it is done.
_TELL_EVERY_PERCENT = 10
_ASKED_AGAIN_S = 30.0


def copy(
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")],
    to_adapter: Annotated[
        str, typer.Option("--to", metavar="ADAPTER", help="The adapter that shall keep it, as the broker calls it.")
    ] = "",
    abort: Annotated[
        bool, typer.Option("--abort", help="Give a copy up: let writes through again, and drop what was copied.")
    ] = False,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Move a collection to another adapter of the broker."""
    if "." not in collection:
        raise typer.BadParameter("write service.collection", param_hint="COLLECTION")
    if bool(to_adapter) is abort:
        raise typer.BadParameter("give either --to ADAPTER or --abort", param_hint="--to")
    token = require_token(token_file, data_dir)
    if abort:
        _report_abort(asyncio.run(_abort(endpoint, token, collection)), collection, as_json=as_json)
        return
    answer = asyncio.run(_copy(endpoint, token, collection, to_adapter, quiet=as_json))
    _report(answer, collection, as_json=as_json)


async def _copy(
    endpoint: str, token: str, collection: str, to_adapter: str, *, quiet: bool
) -> "admin_pb2.CopyCollectionResponse":
    """Take steps until the copy is over."""
    async with operator_calls(endpoint, token) as calls:
        telling = _Telling(collection)
        while True:
            answer = await _step(calls, collection, to_adapter)
            if _phase(answer) in ("done", "different"):
                return answer
            if not quiet:
                telling.tell(answer)


async def _step(calls: OperatorCalls, collection: str, to_adapter: str) -> "admin_pb2.CopyCollectionResponse":
    """Take the next step, also when somebody else took it first: a command that was killed leaves one under way."""
    from aol.admin.v1 import admin_pb2 as pb
    from aol_client import OverloadedError

    until = time.monotonic() + _ASKED_AGAIN_S
    while True:
        request = pb.CopyCollectionRequest(collection=collection, to_adapter=to_adapter)
        try:
            return await calls.admin("CopyCollection", request, pb.CopyCollectionResponse)
        except OverloadedError as error:
            if error.retry_after_s is None or time.monotonic() + error.retry_after_s > until:
                raise
            await asyncio.sleep(error.retry_after_s)


async def _abort(endpoint: str, token: str, collection: str) -> "admin_pb2.AbortCopyResponse":
    from aol.admin.v1 import admin_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return await calls.admin("AbortCopy", pb.AbortCopyRequest(collection=collection), pb.AbortCopyResponse)


class _Telling:
    """Tells how a copy goes on: a line when a phase begins, and now and then while it lasts."""

    def __init__(self, collection: str) -> None:
        self._collection = collection
        self._told = ("", -1)

    def tell(self, answer: "admin_pb2.CopyCollectionResponse") -> None:
        phase, total = _phase(answer), answer.total
        if not self._told[0]:
            say(
                f"{self._collection}: from {answer.from_adapter} to {answer.to_adapter}, {_documents(total)}. Writes "
                "are refused until it is done."
            )
        done = answer.copied if phase == "copying" else answer.compared if phase == "verifying" else 0
        tenth = done * 100 // max(1, total) // _TELL_EVERY_PERCENT
        if (phase, tenth) == self._told:
            return
        self._told = (phase, tenth)
        say(
            {
                "marked": "  waiting until every broker knows",
                "copying": f"  copied {done:,} of {total:,}",
                "indexing": f"  copied {answer.copied:,}; building the indexes",
                "settling": "  waiting for the last writes from before the copy",
                "verifying": f"  compared {done:,} of {total:,}",
            }[phase]
        )


def _report(answer: "admin_pb2.CopyCollectionResponse", collection: str, *, as_json: bool) -> None:
    is_done = _phase(answer) == "done"
    if as_json:
        print_json(_as_json(answer, collection))
    elif answer.already_there:
        say(f"{collection} is kept by {answer.to_adapter} already; nothing was done.")
    elif is_done:
        say(
            f"{collection} is kept by {answer.to_adapter} now: {_documents(answer.compared)}, equal on both sides "
            f"(SHA-256 {answer.checksum or 'of nothing'}).\n"
            f"The documents in {answer.from_adapter} were left where they are; nothing reads them any more."
        )
    if not is_done:
        raise Failure(
            f"{collection} is still kept by {answer.from_adapter}: the copy in {answer.to_adapter} is not equal to it "
            f"({_found(answer)}). Writes stay refused. Run the same command again to compare again, or give the copy "
            f"up: aol copy {collection} --abort"
        )


def _report_abort(answer: "admin_pb2.AbortCopyResponse", collection: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"collection": collection, "aborted": answer.aborted, "adapter": answer.adapter})
    elif answer.aborted:
        say(
            f"The copy of {collection} to {answer.to_adapter} is given up: {answer.adapter} keeps it, writes are let "
            "through again, and what was copied is dropped."
        )
    else:
        say(f"Nothing to give up: {collection} is not being copied.")


def _phase(answer: "admin_pb2.CopyCollectionResponse") -> str:
    from aol.admin.v1 import admin_pb2 as pb

    return pb.CopyPhase.Name(answer.phase).removeprefix("COPY_PHASE_").lower()


def _found(answer: "admin_pb2.CopyCollectionResponse") -> str:
    seen = answer.differences
    counts = {
        "missing there": seen.missing,
        "only there": seen.unexpected,
        "not the same": seen.different,
    }
    found = [f"{_documents(count)} {what}" for what, count in counts.items() if count]
    return "; ".join([*found, *(f"the index {name} cannot be built there" for name in seen.failed_indexes)])


def _documents(count: int) -> str:
    return "1 document" if count == 1 else f"{count:,} documents"


def _as_json(answer: "admin_pb2.CopyCollectionResponse", collection: str) -> dict[str, Any]:
    seen = answer.differences
    return {
        "collection": collection,
        "from_adapter": answer.from_adapter,
        "to_adapter": answer.to_adapter,
        "phase": _phase(answer),
        "already_there": answer.already_there,
        "total": answer.total,
        "copied": answer.copied,
        "compared": answer.compared,
        "checksum": answer.checksum,
        "missing": seen.missing,
        "unexpected": seen.unexpected,
        "different": seen.different,
        "failed_indexes": list(seen.failed_indexes),
    }
