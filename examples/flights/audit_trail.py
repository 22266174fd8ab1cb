"""What did the audit record, as a table for people?"""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from examples.flights.broker_process import BrokerFailedError, RunningBroker

RECORDS_MAX = 10_000
FILTER_SHOWN_CHARACTERS = 28
TIME_FROM_WIDTH = 90
_STYLES = {"ok": "green", "denied": "red", "failed": "yellow"}


async def audit_records(broker: RunningBroker) -> list[dict[str, Any]]:
    """The newest records, oldest first, as `aol audit search` gives them to the operator.

    :raises BrokerFailedError: the command failed.
    """
    command = ("audit", "search", "--json", "--limit", str(RECORDS_MAX))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aol_cli", *command),
        *("--endpoint", broker.endpoint, "--data-dir", str(broker.data_dir)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise BrokerFailedError("aol audit search failed; its reason is above.")
    return [json.loads(line) for line in output.splitlines()]


def audit_table(records: Iterable[Mapping[str, Any]], width: int) -> Table:
    """One line a call; calls that follow each other and differ only in their figures share one.

    `width` is what the terminal has, in columns. Filters stand below the collection.
    """
    with_time = width >= TIME_FROM_WIDTH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for name in ("time", "service", "operation", "collection") if with_time else ("service", "operation", "collection"):
        table.add_column(name, no_wrap=True)
    table.add_column("docs", justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for (service, operation, collection, filters, outcome), run in groupby(records, _what):
        calls = list(run)
        documents = sum(call["result_count"] or 0 for call in calls)
        target = Text(collection)
        if filters:
            target.append("\n" + _shortened(filters, FILTER_SHOWN_CHARACTERS), style="dim")
        repeated = f" ×{len(calls):,}" if len(calls) > 1 else ""  # noqa: RUF001 - the sign of multiplication is meant
        cells = (service, operation + repeated, target, f"{documents:,}", Text(outcome, _STYLES[outcome]))
        table.add_row(calls[0]["timestamp"][11:19], *cells) if with_time else table.add_row(*cells)
    return table


def _what(record: Mapping[str, Any]) -> tuple[str, ...]:
    filters = json.dumps(record["filters"]) if record["filters"] else ""
    # An operator acts for no service and is known as the principal only.
    return (
        record["service"] or record["principal"],
        record["operation"],
        record["collection"],
        filters,
        record["outcome"],
    )


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
