"""How is a query answered, and would an index help? `aol explain`, in the name of a service."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.connection import CALL_TIMEOUT_S, check_reachable
from aol_cli.options import DEFAULT_ENDPOINT, AsJson, Endpoint
from aol_cli.output import print_json, say
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
    from aol_client import QueryPlan

_KEY_INDEX = "key"
_ACCESS_INDEX = "access"


def explain(
    *,
    collection: Collection,
    service: ActingService,
    filters: FilterText = None,
    sort: SortTexts = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many documents.")] = None,
    deleted: DeletedMode = Deleted.EXCLUDE,
    context: ContextText = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    as_json: AsJson = False,
) -> None:
    """Tell how a query is answered, and which index would serve it better."""
    wanted, order = parse_filter(filters), parse_sort(sort or ())
    options = {"limit": limit, "deleted": deleted.value, "context": parse_context(context)}
    plan = asyncio.run(_explain(endpoint, service, collection, filters=wanted, sort=order, **options))
    if as_json:
        from dataclasses import asdict

        print_json(asdict(plan))
        return
    for line in report(plan, filtered=bool(wanted), sorts=bool(order)):
        say(line)


async def _explain(endpoint: str, service: str, collection: str, **arguments: Any) -> "QueryPlan":
    from aol_client import AOLDataClient

    client = AOLDataClient(endpoint, service, timeout=CALL_TIMEOUT_S)
    await check_reachable(endpoint)
    async with client:
        return await client.explain(collection, **arguments)


def report(plan: "QueryPlan", *, filtered: bool, sorts: bool) -> list[str]:
    """Return a plan in lines for people; `filtered` and `sorts` say what the query asked for."""
    served = {
        "": "none: all documents are looked at",
        _KEY_INDEX: "the documents' ids",
        _ACCESS_INDEX: "the documents' owners and access lists",
    }
    # Where record-level security lets a caller reach some documents only, it is not told how many others there are.
    counted = (
        "" if plan.returned_documents and not plan.examined_documents else f"{plan.examined_documents:,} examined, "
    )
    lines = [
        f"index      {served.get(plan.index, plan.index)}",
        f"filter     {_filter_line(plan) if filtered else 'none'}",
        f"order      {_order_line(plan)}{'' if sorts else ' (by id)'}",
        f"documents  {counted}{plan.returned_documents:,} returned"
        + (f", of about {plan.estimated_documents:,}" if counted else ""),
    ]
    if plan.proposed_index:
        lines += [
            "",
            "An index would help. In the owner's manifest, under the collection's indexes:",
            f"  {plan.proposed_index}",
        ]
    return lines


def _filter_line(plan: "QueryPlan") -> str:
    if plan.filter_pushed_down:
        return "pushed down to the database"
    return "not pushed down: the adapter evaluates it, or a part of it, on what the database returns"


def _order_line(plan: "QueryPlan") -> str:
    if plan.sort_pushed_down:
        return "pushed down: documents are read in order"
    return "not pushed down: what was found is sorted"
