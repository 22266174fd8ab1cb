"""What does the whole thing look like, from an empty folder to the audit trail?

    python -m examples.flights.demo [--full]

Starts a broker with its adapter process in a temporary folder, applies the three manifests, loads real flights, answers
three questions, tries what is not allowed, and shows what the audit recorded of it all. Nothing is left running.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from aol_client import AOLDataClient, DataClientError, PermissionDeniedError
from examples.flights.answers import FLIGHTS, SERVICE
from examples.flights.audit_trail import audit_records, audit_table
from examples.flights.broker_process import BrokerFailedError, RunningBroker, running_broker
from examples.flights.dataset import PackageMissingError, Table, count_rows
from examples.flights.load import load_all
from examples.flights.questions import answer_all

MANIFESTS = Path(__file__).parents[2] / "manifests"


async def demo(console: Console, *, full: bool) -> None:
    """Tells the story once."""
    if full:
        # Before anything is started: the whole year may not be here.
        count_rows(Table.AIRLINES, full=True)
    with tempfile.TemporaryDirectory(prefix="aol-demo-") as folder:
        _chapter(console, "A broker, its adapter process, three manifests")
        async with running_broker(Path(folder), MANIFESTS) as broker:
            await _show_access(broker, console)
            _chapter(console, "Two services load what they own")
            await load_all(broker.endpoint, console, full=full)
            _chapter(console, f"{SERVICE} asks three questions of it")
            async with AOLDataClient(broker.endpoint, SERVICE) as client:
                await answer_all(client, console)
            _chapter(console, "weather-station tries to read what nobody shared with it")
            await _show_denial(broker, console)
            _chapter(console, "What the audit recorded of all this")
            console.print(audit_table(await audit_records(broker), console.width))
    console.print("The broker and its adapter are stopped, their folder is gone.")


async def _show_access(broker: RunningBroker, console: Console) -> None:
    async with AOLDataClient(broker.endpoint, SERVICE) as client:
        collections = await client.list_collections()
    console.print(f"Ready at [bold]{broker.endpoint}[/bold]. By the manifests, {SERVICE} may use:")
    for collection in collections:
        console.print(f"  {collection.collection_id:<30} {', '.join(collection.permissions)}")


async def _show_denial(broker: RunningBroker, console: Console) -> None:
    async with AOLDataClient(broker.endpoint, "weather-station") as client:
        try:
            await client.query(FLIGHTS, limit=1)
        except PermissionDeniedError as denied:
            console.print(
                Panel(Text(str(denied)), title=f"{type(denied).__name__}: {denied.reason}", border_style="red")
            )
        else:
            raise AssertionError("weather-station could read flight-ops.flights")


def _chapter(console: Console, title: str) -> None:
    console.print()
    console.rule(f"[bold]{title}", align="left", characters="─")


async def _until_told_to_stop(console: Console, *, full: bool) -> int:
    """The story, or 128 + the number of the signal that ended it (after everything is stopped)."""
    loop = asyncio.get_running_loop()
    story = asyncio.ensure_future(demo(console, full=full))
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        story.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    with suppress(asyncio.CancelledError):
        await story
    return 128 + received[0] if received else 0


def main() -> int:
    """The program. Exit codes: 0 told to the end, 1 something failed, 2 no data for `--full`, 128 + n signal n."""
    parser = argparse.ArgumentParser(description="The New York departures of 2013, shared by three services.")
    parser.add_argument("--full", action="store_true", help="the whole year: 336,776 flights")
    full = parser.parse_args().full
    console = Console(highlight=False)
    try:
        return asyncio.run(_until_told_to_stop(console, full=full))
    except PackageMissingError as missing:
        print(missing, file=sys.stderr)
        return 2
    except (BrokerFailedError, DataClientError) as failed:
        print(failed, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
