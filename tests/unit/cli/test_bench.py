"""Does `aol bench` say what to do where there are no benchmarks to run?"""

from pathlib import Path

import pytest

from aol_cli.commands.bench import require_checkout
from aol_cli.exits import Failure

ROOT = Path(__file__).parents[3]


def test_the_benchmarks_of_a_checkout_are_found() -> None:
    assert require_checkout(ROOT) == ROOT


def test_an_installed_package_has_none_and_says_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="clone the repository and run `make bench`"):
        require_checkout(tmp_path)


def test_a_folder_that_just_has_that_name_is_not_taken_for_them(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__main__.py").write_text("raise SystemExit('not ours')")
    with pytest.raises(Failure):
        require_checkout(tmp_path)
