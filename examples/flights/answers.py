"""How does delay-analytics answer three questions from data that two other services own?"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from aol_client import AOLDataClient

SERVICE = "delay-analytics"
FLIGHTS = "flight-ops.flights"
AIRLINES = "flight-ops.airlines"
PLANES = "flight-ops.planes"
OBSERVATIONS = "weather-station.observations"
REPORTS = "reports"

LOW_VISIBILITY_MILES = 3
# A carrier's mean says little below this.
CARRIER_FLIGHTS_MIN = 10
# The station at Newark once reported 1,048 mph.
PLAUSIBLE_WIND_MPH = 100
WIND_BANDS_MPH = (0, 5, 10, 15, 20, 25, PLAUSIBLE_WIND_MPH)


@dataclass(frozen=True, slots=True)
class Delays:
    """Departures of one kind: how many were scheduled, how many cancelled, and the mean delay of those that left."""

    flights: int
    cancelled: int
    mean_minutes: float | None

    @classmethod
    def of(cls, minutes: Iterable[int | None]) -> "Delays":
        """From the delay of each flight in minutes, None for a cancelled one."""
        every = list(minutes)
        left = [delay for delay in every if delay is not None]
        return cls(len(every), len(every) - len(left), sum(left) / len(left) if left else None)


@dataclass(frozen=True, slots=True)
class CarrierDelays:
    """A carrier's departures."""

    carrier: str
    name: str
    delays: Delays


@dataclass(frozen=True, slots=True)
class LongDelay:
    """A flight that left late, and the plane that flew it (None: the register does not know it)."""

    flight: Mapping[str, Any]
    plane: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class WindBand:
    """Departures in hours with a wind speed of at least `from_mph` and below `below_mph`."""

    from_mph: int
    below_mph: int
    delays: Delays


@dataclass(frozen=True, slots=True)
class WindReport:
    """Departures by wind speed over a period of local days, and how many flights had no plausible reading."""

    first_date: str
    last_date: str
    bands: tuple[WindBand, ...]
    without_reading: int


async def carriers_in_low_visibility(client: AOLDataClient, origin: str = "JFK") -> tuple[CarrierDelays, ...]:
    """Which carriers had the worst departures out of this airport in hours with little visibility? Worst first."""
    hours = await client.query(
        OBSERVATIONS,
        filters={"origin": origin, "visib": {"$lt": LOW_VISIBILITY_MILES}},
        projection=["time_hour"],
    )
    flights = await client.query(
        FLIGHTS,
        filters={"origin": origin, "time_hour": {"$in": [hour["time_hour"] for hour in hours]}},
        projection=["carrier", "dep_delay"],
    )
    by_carrier: dict[str, list[int | None]] = {}
    for flight in flights:
        by_carrier.setdefault(flight["carrier"], []).append(flight["dep_delay"])
    airlines = await client.query(AIRLINES, filters={"carrier": {"$in": sorted(by_carrier)}})
    answer = (CarrierDelays(a["carrier"], a["name"], Delays.of(by_carrier[a["carrier"]])) for a in airlines)
    kept = (carrier for carrier in answer if carrier.delays.flights >= CARRIER_FLIGHTS_MIN)
    return tuple(sorted(kept, key=lambda carrier: -(carrier.delays.mean_minutes or 0.0)))


async def longest_delays(client: AOLDataClient, count: int = 10) -> tuple[LongDelay, ...]:
    """Which flights left latest, and which planes flew them? Longest delay first."""
    flights = await client.query(FLIGHTS, sort={"dep_delay": "desc"}, limit=count)
    tails = sorted({flight["tailnum"] for flight in flights})
    planes = await client.query(PLANES, filters={"tailnum": {"$in": tails}})
    by_tail = {plane["tailnum"]: plane for plane in planes}
    return tuple(LongDelay(flight, by_tail.get(flight["tailnum"])) for flight in flights)


async def delays_by_wind(client: AOLDataClient) -> WindReport:
    """How did delays follow the wind? Every flight meets the reading of its airport and hour."""
    wind = {
        (reading["origin"], reading["time_hour"]): reading["wind_speed"]
        async for reading in client.stream(
            OBSERVATIONS,
            filters={"wind_speed": {"$gte": 0, "$lt": PLAUSIBLE_WIND_MPH}},
            projection=["origin", "time_hour", "wind_speed"],
        )
    }
    bands: dict[tuple[int, int], list[int | None]] = {edges: [] for edges in pairwise(WIND_BANDS_MPH)}
    dates: set[str] = set()
    without_reading = 0
    async for flight in client.stream(FLIGHTS, projection=["date", "origin", "time_hour", "dep_delay"]):
        dates.add(flight["date"])
        speed = wind.get((flight["origin"], flight["time_hour"]))
        if speed is None:
            without_reading += 1
            continue
        bands[next(edges for edges in bands if speed < edges[1])].append(flight["dep_delay"])
    return WindReport(
        first_date=min(dates, default=""),
        last_date=max(dates, default=""),
        bands=tuple(WindBand(*edges, Delays.of(minutes)) for edges, minutes in bands.items()),
        without_reading=without_reading,
    )


async def save_report(client: AOLDataClient, report: WindReport) -> str:
    """Keeps the report in delay-analytics.reports, in place of an earlier one of the same period; its id."""
    report_id = f"delays-by-wind/{report.first_date}/{report.last_date}"
    content = {
        "question": "delays-by-wind",
        "first_date": report.first_date,
        "last_date": report.last_date,
        "bands": [asdict(band) for band in report.bands],
        "without_reading": report.without_reading,
    }
    if await client.update(REPORTS, {"_id": report_id}, content) == 0:
        await client.insert(REPORTS, {"_id": report_id, **content})
    return report_id
