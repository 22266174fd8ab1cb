"""How does a row of the published tables become a document?

Columns keep their published names and units (see data/README.md). `NA` becomes null. Ids are the tables' own natural
keys, so that loading the same rows twice changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping

from examples.flights.dataset import Table, rows

Scalar = str | int | float | None
Document = dict[str, Scalar]
Row = Mapping[str, str]

_COLUMNS: dict[Table, dict[str, Callable[[str], Scalar]]] = {
    Table.AIRLINES: {"carrier": str, "name": str},
    Table.PLANES: {
        "tailnum": str,
        "year": int,
        "type": str,
        "manufacturer": str,
        "model": str,
        "engines": int,
        "seats": int,
        "speed": int,
        "engine": str,
    },
    Table.WEATHER: {
        "origin": str,
        "time_hour": str,
        "temp": float,
        "dewp": float,
        "humid": float,
        "wind_dir": int,
        "wind_speed": float,
        "wind_gust": float,
        "precip": float,
        "pressure": float,
        "visib": float,
    },
    Table.FLIGHTS: {
        "carrier": str,
        "flight": int,
        "tailnum": str,
        "origin": str,
        "dest": str,
        "time_hour": str,
        "sched_dep_time": int,
        "dep_time": int,
        "dep_delay": int,
        "sched_arr_time": int,
        "arr_time": int,
        "arr_delay": int,
        "air_time": int,
        "distance": int,
    },
}


def documents(table: Table, *, full: bool = False) -> Iterator[Document]:
    """The documents of a table, in the table's order.

    :raises PackageMissingError: `full`, and the package that holds the whole tables is not installed.
    """
    for row in rows(table, full=full):
        yield document(table, row)


def document(table: Table, row: Row) -> Document:
    """One row as a document, with its `_id`; a flight also gets `date`, its local day."""
    result: Document = {"_id": _natural_key(table, row)}
    if table is Table.FLIGHTS:
        result["date"] = _local_date(row)
    for column, convert in _COLUMNS[table].items():
        result[column] = None if row[column] == "NA" else convert(row[column])
    return result


def _natural_key(table: Table, row: Row) -> str:
    match table:
        case Table.AIRLINES:
            return row["carrier"]
        case Table.PLANES:
            return row["tailnum"]
        case Table.WEATHER:
            return f"{row['origin']}-{row['time_hour']}"
        case Table.FLIGHTS:
            # A flight number may leave from two airports on one day, but never twice from one.
            return f"{_local_date(row)}-{row['carrier']}-{row['flight']}-{row['origin']}"


def _local_date(row: Row) -> str:
    return f"{int(row['year']):04}-{int(row['month']):02}-{int(row['day']):02}"
