"""The data folder: one broker at a time, and only layouts that this program knows."""

import subprocess
import sys
from pathlib import Path

import pytest

from aol_broker.data_folder import DataFolder, DataFolderError
from aol_broker.operator_token import FILE_NAME, read_or_make


def test_a_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    DataFolder(tmp_path / "data").release()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_second_broker_on_the_folder_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    first = DataFolder(tmp_path)
    with pytest.raises(DataFolderError, match=r"in use by another broker \(process \d+\)"):
        DataFolder(tmp_path)
    first.release()
    DataFolder(tmp_path).release()


def test_the_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from aol_broker.data_folder import DataFolder\n"
        "folder = DataFolder(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    DataFolder(tmp_path).release()


def test_a_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    DataFolder(tmp_path).release()
    (tmp_path / "layout-version").write_text("99\n")
    with pytest.raises(DataFolderError, match="layout 99, made by a newer version"):
        DataFolder(tmp_path)
    assert (tmp_path / "layout-version").read_text() == "99\n"


def test_a_damaged_layout_file_is_named(tmp_path: Path) -> None:
    DataFolder(tmp_path).release()
    (tmp_path / "layout-version").write_text("\0\0")
    with pytest.raises(DataFolderError, match="layout-version is damaged"):
        DataFolder(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderError, match="cannot be used"):
        DataFolder(tmp_path / "data")


def test_the_operator_token_is_random_kept_and_private(tmp_path: Path) -> None:
    token = read_or_make(tmp_path)
    assert len(token) >= 32
    assert read_or_make(tmp_path) == token
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_an_empty_operator_token_is_no_token(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("\n")
    with pytest.raises(ValueError, match="holds no token"):
        read_or_make(tmp_path)
