"""Does `make test` run every check, and does setting up the environment say clearly what a machine lacks?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment() -> dict[str, str]:
    """Without what an outer `make` hands down, which would change what an inner one does."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}


def _interpreter(folder: Path, script: str) -> Path:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _set_up(environment: dict[str, str], python: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / ".ci/venv"), str(venv)]
    environment = {**environment, "PYTHON": str(python)}
    return subprocess.run(command, check=False, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_an_interpreter_that_is_too_old_is_refused_by_name(environment: dict[str, str], tmp_path: Path) -> None:
    old = _interpreter(tmp_path, '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 1')
    result = _set_up(environment, old, tmp_path / "venv")
    assert result.returncode == 1
    assert f"Python 3.11, 3.12 or 3.13 is needed; {old} says: Python 3.9.2" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_an_interpreter_that_is_not_there_is_refused_by_name(environment: dict[str, str], tmp_path: Path) -> None:
    result = _set_up(environment, tmp_path / "nothing", tmp_path / "venv")
    assert result.returncode == 1
    assert f"{tmp_path / 'nothing'} says: " in result.stderr
    assert "name the one you have" in result.stderr


def test_a_python_without_virtual_environments_is_told_the_package(environment: dict[str, str], tmp_path: Path) -> None:
    bare = _interpreter(tmp_path, f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    result = _set_up(environment, bare, tmp_path / "venv")
    assert result.returncode == 1
    assert "python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_make_test_runs_every_check_and_ends_with_the_tests(environment: dict[str, str]) -> None:
    command = ["make", "--dry-run", "test"]
    planned = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    checks = ["ruff check .", "ruff format --check .", "-m mypy", "buf lint protos", "-m pytest"]
    positions = [planned.find(check) for check in checks]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_ci_runs_exactly_make_test() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["make test"]
    assert "set -euo pipefail" in lines


@pytest.mark.parametrize("script", [".ci/run", ".ci/venv"])
def test_scripts_can_be_executed(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
