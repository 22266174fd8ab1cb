"""What do the answers to the three questions look like?

python -m examples.flights.questions --endpoint 127.0.0.1:50051
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from aol_client import AOLDataClient, DataClientError
from examples.flights.answers import (
    CARRIER_FLIGHTS_MIN,
    LOW_VISIBILITY_MILES,
    REPORTS,
    SERVICE,
    CarrierDelays,
    Delays,
    LongDelay,
    WindReport,
    carriers_in_low_visibility,
    delays_by_wind,
    longest_delays,
    save_report,
)

BAR_CELLS = 14


async def answer_all(client: AOLDataClient, console: Console) -> None:
    """Asks the three questions and prints the answers."""
    console.print(carriers_table(await carriers_in_low_visibility(client)))
    console.print(long_delays_table(await longest_delays(client)))
    report = await delays_by_wind(client)
    console.print(wind_table(report))
    report_id = await save_report(client, report)
    console.print(f"Kept in [bold]{SERVICE}.{REPORTS}[/bold] as {report_id}.")


def carriers_table(carriers: Iterable[CarrierDelays]) -> Table:
    """The answer to the first question."""
    table = _table(
        "1. Which carriers left JFK worst when one could hardly see?",
        f"Visibility below {LOW_VISIBILITY_MILES} miles; carriers with at least {CARRIER_FLIGHTS_MIN} flights.",
    )
    table.add_column("carrier", no_wrap=True)
    _add_delays(table, [(f"{item.name} ({item.carrier})", item.delays) for item in carriers])
    return table


def long_delays_table(delays: Iterable[LongDelay]) -> Table:
    """The answer to the second question."""
    table = _table(
        "2. Which ten flights left latest, and which planes flew them?",
        "Delays are in flight-ops.flights, planes in flight-ops.planes.",
    )
    table.add_column("delay", justify="right", no_wrap=True, style="yellow")
    for name in ("day", "flight", "route", "tail"):
        table.add_column(name, no_wrap=True)
    table.add_column("plane")
    for late in delays:
        flight = late.flight
        table.add_row(
            _hours(flight["dep_delay"]),
            f"{date.fromisoformat(flight['date']):%d %b}",
            f"{flight['carrier']} {flight['flight']}",
            f"{flight['origin']} → {flight['dest']}",
            flight["tailnum"],
            _plane(late.plane),
        )
    return table


def wind_table(report: WindReport) -> Table:
    """The answer to the third question."""
    missing = f" {report.without_reading:,} flights had no plausible reading." if report.without_reading else ""
    table = _table(
        "3. How did delays follow the wind?",
        f"Departures from {report.first_date} to {report.last_date}.{missing}",
    )
    table.add_column("wind, mph", justify="right", no_wrap=True)
    _add_delays(table, [(f"{band.from_mph} to {band.below_mph}", band.delays) for band in report.bands])
    return table


def _table(title: str, caption: str) -> Table:
    return Table(
        title=f"\n{title}",
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _add_delays(table: Table, lines: Iterable[tuple[str, Delays]]) -> None:
    lines = list(lines)
    table.add_column("flights", justify="right", no_wrap=True)
    table.add_column("cancelled", justify="right", no_wrap=True)
    table.add_column("mean delay", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, style="yellow")
    longest = max((delays.mean_minutes or 0.0 for _, delays in lines), default=0.0)
    for label, delays in lines:
        share = f"{delays.cancelled / delays.flights:.0%}" if delays.flights else ""
        mean = "" if delays.mean_minutes is None else f"{delays.mean_minutes:.1f} min"
        table.add_row(label, f"{delays.flights:,}", share, mean, _bar(delays.mean_minutes, longest))


def _bar(minutes: float | None, longest: float) -> str:
    if minutes is None or minutes <= 0:
        return ""
    return "█" * max(1, round(BAR_CELLS * minutes / longest))


def _hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02} min"


def _plane(plane: Mapping[str, Any] | None) -> str:
    if plane is None:
        return "not in the register"
    year = f", {plane['year']}" if plane["year"] else ""
    return f"{plane['manufacturer'].title()} {plane['model']}{year}"


async def _ask(endpoint: str) -> None:
    async with AOLDataClient(endpoint, SERVICE) as client:
        await answer_all(client, Console(highlight=False))


def main() -> int:
    """The program: 0 when all is answered, 1 when the broker refuses."""
    parser = argparse.ArgumentParser(description="Answers three questions about the flights that load.py loaded.")
    parser.add_argument("--endpoint", default="127.0.0.1:50051", help="where the broker listens")
    try:
        asyncio.run(_ask(parser.parse_args().endpoint))
    except DataClientError as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
