"""Does `python -m aol_adapters.sqlite` start, serve and end as an adapter program does?"""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.handshake import COOKIE_VARIABLE, LISTEN_VARIABLE

PROGRAM = [sys.executable, "-m", "aol_adapters.sqlite"]


def test_the_program_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    data, address = tmp_path / "data", f"unix:{tmp_path}/socket"
    command = [*PROGRAM, "--data-dir", str(data), "--listen", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        assert program.stdout is not None
        line = json.loads(program.stdout.readline())
        assert line["address"] == address
        assert data.is_dir()
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0


@pytest.mark.parametrize(
    "arguments", [[], ["--data-dir"], ["--data-dir", "data", "--readers", "0"], ["--data-dir", "data"]]
)
def test_wrong_arguments_and_no_broker_are_refused_with_a_word_on_usage(tmp_path: Path, arguments: list[str]) -> None:
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path)}
    assert COOKIE_VARIABLE not in environment
    assert LISTEN_VARIABLE not in environment
    ended = subprocess.run(
        [*PROGRAM, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "sqlite" in ended.stderr
    assert ended.stdout == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("files", "readers"), [(0, 1), (1, 0)])
def test_an_adapter_without_files_or_readers_cannot_be_made(tmp_path: Path, files: int, readers: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SqliteAdapter(tmp_path, max_open_files=files, readers=readers)
