"""Who may use what, who does, and who would notice? `aol lineage`, `aol impact`."""

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import typer

from aol_cli.lineage import ELSEWHERE, WHOLE, Edge, Lineage, edge_as_json, lineage_of, moment
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile, moment_us
from aol_cli.output import Column, print_json, print_table, say, say_aside, shown_time

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Uses since a date-time, or since 15m, 2h, 1d ago.")
]

SHOWN_MAX = 500
"""So many edges are shown to people, unless they say otherwise; programs that draw Mermaid take no more, as a rule."""

DIRECT_ONLY = (
    "These are those who use it directly. What a service writes elsewhere from what it reads here is not known."
)


class Format(StrEnum):
    """How lineage is shown."""

    TABLE = "table"
    JSON = "json"
    MERMAID = "mermaid"
    SVG = "svg"


def lineage(
    *,
    collection: Annotated[str, typer.Option("--collection", metavar="COLLECTION", help="Only of this one.")] = "",
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only what this one owns or uses.")] = "",
    since: Since = None,
    form: Annotated[Format, typer.Option("--format", help="A table, JSON, or a picture.")] = Format.TABLE,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=0,
            help=f"At most N edges, those with the most calls; 0: all. {SHOWN_MAX} when not given, of JSON all.",
            show_default=False,
        ),
    ] = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show services and collections as a graph: what is declared, and what is used."""
    token = require_token(token_file, data_dir)
    is_json = as_json or form is Format.JSON
    most = (0 if is_json else SHOWN_MAX) if limit is None else limit
    request = {"collection": collection, "service": service, "since_us": moment_us("--since", since), "limit": most}
    found = asyncio.run(_ask(endpoint, token, request))
    if is_json:
        for edge in found.edges:
            print_json(edge_as_json(edge, found))
    elif form is Format.MERMAID:
        from aol_cli.lineage_mermaid import mermaid

        say(mermaid(found))
    elif form is Format.SVG:
        from aol_cli.lineage_svg import svg

        say(svg(found))
    else:
        _print_lineage(found)
    if found.left_out:
        say_aside(
            f"Of {len(found.edges) + found.left_out:,} edges, the {len(found.edges):,} with the most calls are shown: "
            "--service or --collection asks for what you look for, --limit 0 for all."
        )


def _print_lineage(found: Lineage) -> None:
    columns = (
        Column("collection"),
        Column("service"),
        Column("declared"),
        Column("observed", shrinks=True),
        Column("rate", right=True),
        Column("last used", optional=True),
    )
    rows = (
        (
            edge.collection if edge.exists else f"{edge.collection} (gone)",
            edge.service,
            edge.declared,
            edge.observed,
            found.rate(edge.calls),
            _time(edge.last_us),
        )
        for edge in found.edges
    )
    print_table(columns, rows, empty="There are no such collections.")
    if found.edges:
        say(found.window)


def impact(
    *,
    target: Annotated[
        str, typer.Argument(metavar="COLLECTION[.FIELD]", help="service.collection, or a path in its documents.")
    ],
    since: Since = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List everyone who would notice a change of a collection, or of a field of it."""
    collection, field = _split(target)
    token = require_token(token_file, data_dir)
    request = {"collection": collection, "path": field, "since_us": moment_us("--since", since)}
    found = asyncio.run(_ask(endpoint, token, request))
    if as_json:
        for edge in found.edges:
            print_json({**edge_as_json(edge, found), "field": field, "touches": touches(edge)})
        return
    columns = (
        Column("service"),
        Column("declared"),
        Column("observed", shrinks=True),
        *((Column("touches"),) if field else ()),
        Column("last used", optional=True),
    )
    rows = (
        (edge.service, edge.declared, edge.observed, *((touches(edge),) if field else ()), _time(edge.last_us))
        for edge in found.edges
    )
    print_table(columns, rows, empty="Nobody.")
    say(f"{found.window} {DIRECT_ONLY}")


def touches(edge: Edge) -> str:
    """Say what an edge's uses of a field show: that it is named, or may be looked at; `nothing` if it is neither."""
    paths = {use.path for use in edge.uses}
    if paths - {WHOLE, ELSEWHERE}:
        return "named"
    if WHOLE in paths:
        return "in whole documents"
    return "perhaps" if ELSEWHERE in paths else "nothing"


def _split(target: str) -> tuple[str, str]:
    service, dot, rest = target.partition(".")
    collection, _, field = rest.partition(".")
    if not dot or not service or not collection:
        raise typer.BadParameter("write service.collection or service.collection.field", param_hint="COLLECTION")
    return f"{service}.{collection}", field


async def _ask(endpoint: str, token: str, request: dict[str, Any]) -> Lineage:
    from aol.admin.v1 import usage_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return lineage_of(await calls.admin("GetLineage", pb.GetLineageRequest(**request), pb.GetLineageResponse))


def _time(us: int) -> str:
    text = moment(us)
    return shown_time(text) if text else "never"
