"""Is the slice of real data whole, and does it become the documents it should?"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from examples.flights.dataset import SLICE, Table, count_rows, rows
from examples.flights.documents import document, documents

EASTERN_STANDARD_TIME = timezone(timedelta(hours=-5))
ROWS = {Table.FLIGHTS: 7_016, Table.WEATHER: 576, Table.PLANES: 1_748, Table.AIRLINES: 16}


@pytest.mark.parametrize("table", Table)
def test_every_row_has_every_column_and_no_more(table: Table) -> None:
    every = list(rows(table))
    assert len(every) == ROWS[table] == count_rows(table)
    assert all(None not in row and None not in row.values() for row in every)


@pytest.mark.parametrize("table", Table)
def test_ids_are_unique_and_fit_an_id(table: Table) -> None:
    ids = [str(item["_id"]) for item in documents(table)]
    assert len(set(ids)) == len(ids)
    assert all(1 <= len(item.encode()) <= 256 for item in ids)


def test_the_files_are_small_and_carry_no_time_stamp() -> None:
    files = sorted(SLICE.glob("*.csv.gz"))
    assert [file.name for file in files] == sorted(f"{table}.csv.gz" for table in Table)
    assert sum(file.stat().st_size for file in files) < 400_000
    assert all(file.read_bytes()[4:8] == bytes(4) for file in files)


def test_every_flight_has_its_carrier_and_its_weather() -> None:
    carriers = {row["carrier"] for row in rows(Table.AIRLINES)}
    readings = {(row["origin"], row["time_hour"]) for row in rows(Table.WEATHER)}
    for flight in rows(Table.FLIGHTS):
        assert flight["carrier"] in carriers
        assert (flight["origin"], flight["time_hour"]) in readings


def test_the_planes_are_those_that_flew() -> None:
    flown = {row["tailnum"] for row in rows(Table.FLIGHTS)}
    known = {row["tailnum"] for row in rows(Table.PLANES)}
    assert known < flown
    # The rest: fleet numbers instead of tail numbers, and cancelled flights without a plane.
    assert all(row["dep_time"] == "NA" for row in rows(Table.FLIGHTS) if row["tailnum"] == "NA")


def test_the_hour_of_a_flight_is_its_scheduled_local_hour_in_utc() -> None:
    for row in rows(Table.FLIGHTS):
        local = datetime(
            int(row["year"]), int(row["month"]), int(row["day"]), int(row["hour"]), tzinfo=EASTERN_STANDARD_TIME
        )
        assert row["time_hour"] == f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_what_is_not_known_is_null() -> None:
    cancelled = [item for item in documents(Table.FLIGHTS) if item["dep_time"] is None]
    assert len(cancelled) == 995
    assert all(item["dep_delay"] is None and item["air_time"] is None for item in cancelled)


def test_a_flight_reads_as_published() -> None:
    row: Mapping[str, str] = next(
        row for row in rows(Table.FLIGHTS) if (row["carrier"], row["flight"], row["day"]) == ("F9", "835", "10")
    )
    assert document(Table.FLIGHTS, row) == {
        "_id": "2013-02-10-F9-835-LGA",
        "date": "2013-02-10",
        "carrier": "F9",
        "flight": 835,
        "tailnum": "N203FR",
        "origin": "LGA",
        "dest": "DEN",
        "time_hour": "2013-02-10T13:00:00Z",
        "sched_dep_time": 830,
        "dep_time": 2243,
        "dep_delay": 853,
        "sched_arr_time": 1106,
        "arr_time": 100,
        "arr_delay": 834,
        "air_time": 233,
        "distance": 1620,
    }


def test_measures_are_numbers_and_names_are_text() -> None:
    reading = next(documents(Table.WEATHER))
    assert reading["_id"] == f"{reading['origin']}-{reading['time_hour']}"
    assert {column for column, value in reading.items() if isinstance(value, str)} == {"_id", "origin", "time_hour"}
    assert isinstance(reading["visib"], float)
    assert isinstance(reading["wind_dir"], int)
