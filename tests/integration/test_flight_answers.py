"""Are the answers about the flights those that plain Python finds in the published rows?"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from rich.console import Console

from aol_client import AOLDataClient
from examples.flights import answers
from examples.flights.broker_process import RunningBroker, running_broker
from examples.flights.dataset import Table, rows
from examples.flights.load import LOADS, Load, load_all

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

FLIGHTS = list(rows(Table.FLIGHTS))
WEATHER = list(rows(Table.WEATHER))
Row = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBroker]:
    """A broker that the slice has been loaded into."""
    manifests = Path(__file__).parents[2] / "manifests"
    async with running_broker(tmp_path_factory.mktemp("data"), manifests) as running:
        await load_all(running.endpoint, Console(quiet=True))
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def analytics(broker: RunningBroker) -> AsyncIterator[AOLDataClient]:
    async with AOLDataClient(broker.endpoint, answers.SERVICE) as client:
        yield client


def figures(flights: Iterable[Row]) -> tuple[int, int, float | None]:
    """Scheduled, cancelled, and the mean delay of the rest."""
    every = [flight["dep_delay"] for flight in flights]
    left = [int(delay) for delay in every if delay != "NA"]
    return len(every), every.count("NA"), sum(left) / len(left) if left else None


def found(delays: answers.Delays) -> tuple[int, int, float | None]:
    return delays.flights, delays.cancelled, delays.mean_minutes


async def test_carriers_in_low_visibility(analytics: AOLDataClient) -> None:
    hours = {row["time_hour"] for row in WEATHER if row["origin"] == "JFK" and float(row["visib"]) < 3}
    by_carrier: dict[str, list[Row]] = defaultdict(list)
    for flight in FLIGHTS:
        if flight["origin"] == "JFK" and flight["time_hour"] in hours:
            by_carrier[flight["carrier"]].append(flight)
    names = {row["carrier"]: row["name"] for row in rows(Table.AIRLINES)}
    expected = {(code, names[code], *figures(flights)) for code, flights in by_carrier.items() if len(flights) >= 10}

    answer = await answers.carriers_in_low_visibility(analytics)

    assert {(item.carrier, item.name, *found(item.delays)) for item in answer} == expected
    means = [item.delays.mean_minutes or 0.0 for item in answer]
    assert means == sorted(means, reverse=True)
    assert [item.carrier for item in answer] == ["9E", "MQ", "B6", "AA", "DL", "UA"]


async def test_longest_delays_and_their_planes(analytics: AOLDataClient) -> None:
    late = sorted((row for row in FLIGHTS if row["dep_delay"] != "NA"), key=lambda row: -int(row["dep_delay"]))[:10]
    models = {row["tailnum"]: row["model"] for row in rows(Table.PLANES)}
    expected = [(int(row["dep_delay"]), row["tailnum"], models.get(row["tailnum"])) for row in late]

    answer = await answers.longest_delays(analytics)

    assert [
        (item.flight["dep_delay"], item.flight["tailnum"], item.plane["model"] if item.plane else None)
        for item in answer
    ] == expected
    assert expected[0] == (853, "N203FR", "A320-214")


async def test_delays_by_wind(analytics: AOLDataClient) -> None:
    wind = {(row["origin"], row["time_hour"]): float(row["wind_speed"]) for row in WEATHER}
    edges = list(pairwise((0, 5, 10, 15, 20, 25, 100)))
    by_band: dict[tuple[int, int], list[Row]] = defaultdict(list)
    without_reading = 0
    for flight in FLIGHTS:
        speed = wind[flight["origin"], flight["time_hour"]]
        band = next((band for band in edges if band[0] <= speed < band[1]), None)
        if band is None:
            without_reading += 1
        else:
            by_band[band].append(flight)

    report = await answers.delays_by_wind(analytics)

    assert [(band.from_mph, band.below_mph, *found(band.delays)) for band in report.bands] == [
        (*band, *figures(by_band[band])) for band in edges
    ]
    assert (report.first_date, report.last_date) == ("2013-02-06", "2013-02-13")
    assert report.without_reading == without_reading
    assert sum(band.delays.flights for band in report.bands) + without_reading == len(FLIGHTS)


async def test_a_report_is_kept_once_however_often_it_is_made(analytics: AOLDataClient) -> None:
    report = await answers.delays_by_wind(analytics)
    report_id = await answers.save_report(analytics, report)
    assert await answers.save_report(analytics, report) == report_id
    kept = await analytics.query(answers.REPORTS)
    assert [item["_id"] for item in kept] == [report_id]
    assert kept[0]["bands"][0]["delays"]["flights"] == report.bands[0].delays.flights


async def test_loading_twice_changes_nothing(broker: RunningBroker) -> None:
    before = [await everything(broker, load) for load in LOADS]
    await load_all(broker.endpoint, Console(quiet=True))
    assert [await everything(broker, load) for load in LOADS] == before
    assert [len(documents) for documents in before] == [sum(1 for _ in rows(load.table)) for load in LOADS]
    assert {document["_version"] for documents in before for document in documents} == {1}


async def everything(broker: RunningBroker, load: Load) -> list[dict[str, Any]]:
    async with AOLDataClient(broker.endpoint, load.service) as client:
        return await client.query(load.collection)
