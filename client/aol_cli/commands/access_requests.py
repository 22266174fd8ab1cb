"""Which requests for access wait for their owner, and what is the answer? `aol requests`."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.acting import ANSWERS, ActingService, Actor, actor
from aol_cli.command_groups import ListByDefault
from aol_cli.commands.access import Permission, end_us, full_name
from aol_cli.grants import answering_command, permission_word, refusal_line, request_as_json
from aol_cli.operator_calls import operator_calls
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STATE_STYLES = {"pending": "yellow", "refused": "red"}

app = typer.Typer(cls=ListByDefault, help="List requests for access, and approve or refuse them.")

Asking = Annotated[str, typer.Argument(metavar="SERVICE", help="The service that asks.")]
Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")]
Asked = Annotated[
    Permission | None, typer.Option("--permission", help="What it asks for; all that it waits for when not given.")
]


@app.command("list")
def list_requests(
    *,
    owner: Annotated[
        str, typer.Option("--service", metavar="OWNER", help="Only on collections of this service, which agrees.")
    ] = "",
    collection: Annotated[str, typer.Option("--collection", metavar="COLLECTION", help="Only for this one.")] = "",
    acting: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List requests for access that wait for the owner or were refused, and what answers them."""
    found = asyncio.run(_list(endpoint, actor(acting, token_file, data_dir, own=ANSWERS), owner, collection))
    if as_json:
        for item in found:
            print_json({**item, "command": answering_command("approve", item)})
        return
    columns = (
        Column("collection"),
        Column("service"),
        Column("permission"),
        Column("state", styles=_STATE_STYLES),
        Column("since", optional=True),
        Column("reason", optional=True, shrinks=True),
    )
    rows = (
        (
            item["collection"],
            item["service"],
            item["permission"],
            item["state"],
            shown_time(item["created_at"]),
            item["reason"],
        )
        for item in found
    )
    print_table(columns, rows, empty="No requests wait.")
    for item in found:
        say(f"To agree: {answering_command('approve', item)}" if item["refusal"] is None else refusal_line(item))


@app.command("approve")
def approve(
    *,
    service: Asking,
    collection: Collection,
    permission: Asked = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the grant.")] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="Until a date-time, or for so long: 90d, 12h.")
    ] = None,
    acting: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Grant what a service's manifest asks for."""
    from aol.data.v1 import access_request_pb2 as pb

    request = pb.ApproveAccessRequest(
        collection=full_name(collection),
        target_service=service,
        permission=_number(permission),
        reason=reason,
        expires_us=end_us(expires),
    )
    who = actor(acting, token_file, data_dir, own=ANSWERS)
    answer = asyncio.run(_answer(endpoint, who, "ApproveAccess", request, pb.ApproveAccessResponse))
    answered = {"approved": answer.approved, "already": answer.already}
    said = {"approved": "{service} now has {word} on {id}.", "already": "{service} had {word} on {id} already."}
    _tell(service, collection, answered, said, as_json=as_json)


@app.command("refuse")
def refuse(
    *,
    service: Asking,
    collection: Collection,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the service that asks is told.")],
    permission: Asked = None,
    acting: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Refuse what a service's manifest asks for. It stays so until it is approved, shared, or asked for anew."""
    from aol.data.v1 import access_request_pb2 as pb

    request = pb.RefuseAccessRequest(
        collection=full_name(collection), target_service=service, permission=_number(permission), reason=reason
    )
    who = actor(acting, token_file, data_dir, own=ANSWERS)
    answer = asyncio.run(_answer(endpoint, who, "RefuseAccess", request, pb.RefuseAccessResponse))
    answered = {"refused": answer.refused, "already": answer.already}
    said = {
        "refused": "{service} is refused {word} on {id}.",
        "already": "{service} had been refused {word} on {id} already, for the same reason.",
    }
    _tell(service, collection, answered, said, as_json=as_json)


def _tell(
    service: str,
    collection: str,
    answered: "Mapping[str, Iterable[int]]",
    said: "Mapping[str, str]",
    *,
    as_json: bool,
) -> None:
    """Tell what became of each permission, in words that `said` has for it."""
    words = {what: _words(numbers) for what, numbers in answered.items()}
    if as_json:
        print_json({"collection": collection, "service": service, **words})
        return
    for what, permissions in words.items():
        for word in permissions:
            say(said[what].format(service=service, word=word, id=collection))


async def _list(endpoint: str, who: Actor, owner: str, collection: str) -> list[dict[str, Any]]:
    from aol.data.v1 import access_request_pb2 as pb

    request = pb.ListAccessRequestsRequest(owner=owner, collection=collection, include_refused=True)
    answer = await _answer(endpoint, who, "ListAccessRequests", request, pb.ListAccessRequestsResponse)
    return [request_as_json(item) for item in answer.requests]


async def _answer(endpoint: str, who: Actor, rpc: str, request: Any, answer: type[Any]) -> Any:
    async with operator_calls(endpoint, who.token, who.service) as calls:
        return await calls.data(rpc, request, answer)


def _words(numbers: "Iterable[int]") -> list[str]:
    from aol.data.v1 import collection_pb2

    return [permission_word(collection_pb2.Permission, number) for number in numbers]


def _number(permission: Permission | None) -> Any:
    from aol_client.arguments import permission_value

    return None if permission is None else permission_value(permission.value)
