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


@pytest.mark.parametrize("text", ["\0\0", "9" * 5000, "-1", "1 2", "\u0663", "\u00b2", "one"])
def test_a_damaged_layout_file_is_named_and_the_folder_let_go(tmp_path: Path, text: str) -> None:
    DataFolder(tmp_path).release()
    (tmp_path / "layout-version").write_text(text)
    with pytest.raises(DataFolderError, match="layout-version is damaged"):
        DataFolder(tmp_path)
    (tmp_path / "layout-version").unlink()
    DataFolder(tmp_path).release()


def test_a_folder_in_the_place_of_the_layout_file_is_named_and_the_lock_let_go(tmp_path: Path) -> None:
    (tmp_path / "layout-version").mkdir()
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(DataFolderError, match=r"cannot be used: Is a directory \(layout-version\)"):
        DataFolder(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files
    (tmp_path / "layout-version").rmdir()
    DataFolder(tmp_path).release()


def test_a_layout_file_that_a_crash_left_empty_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "layout-version").touch()
    DataFolder(tmp_path).release()
    assert (tmp_path / "layout-version").read_text() == "1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broker.lock", "layout-version"]


def test_a_folder_in_the_place_of_the_lock_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "broker.lock").mkdir()
    with pytest.raises(DataFolderError, match=r"Is a directory \(broker.lock\)"):
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


def keep_token(folder: Path, content: bytes, mode: int = 0o600) -> None:
    (folder / FILE_NAME).write_bytes(content)
    (folder / FILE_NAME).chmod(mode)


@pytest.mark.parametrize("content", [b"\n", b"short", b"\xff" * 40, b"\x00" * 40])
def test_a_file_without_a_token_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    keep_token(tmp_path, content)
    with pytest.raises(ValueError, match="holds no token") as caught:
        read_or_make(tmp_path)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_token_that_others_may_use_is_refused_with_the_cure(tmp_path: Path, mode: int) -> None:
    keep_token(tmp_path, b"t" * 40, mode)
    with pytest.raises(ValueError, match=f"mode {mode:04o}.*'chmod 600 ") as caught:
        read_or_make(tmp_path)
    assert "t" * 40 not in str(caught.value)
    (tmp_path / FILE_NAME).chmod(0o600)
    assert read_or_make(tmp_path) == "t" * 40
