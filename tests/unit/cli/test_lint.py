"""Does `aol lint` find the manifests meant, and tell all that is wrong with them?"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aol_cli.app import app
from aol_cli.exits import Failure
from aol_cli.manifest_files import find_manifests

GOOD = """\
metadata: {{name: {name}, version: "1"}}
spec:
  dataRequirements:
    enabled: true
    collections:
      - name: events
    accessRequests:
      - {{collection: other.things, permission: read, reason: why}}
"""
BAD = """\
metadata: {name: broken}
spec:
  dataRequirements:
    colections: []
    collections:
      - name: events
        indexes:
          - {fields: [at], type: ascendig}
"""

runner = CliRunner()


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name / "manifest.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_good_manifest_is_one_line(tmp_path: Path) -> None:
    file = put(tmp_path, "desk", GOOD.format(name="desk"))
    result = runner.invoke(app, ["lint", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{file}: ok · desk · 1 collection · 1 access request\n"


def test_all_problems_of_all_files_are_told_with_their_lines_and_the_nearest_names(tmp_path: Path) -> None:
    good, bad = put(tmp_path, "a", GOOD.format(name="a")), put(tmp_path, "b", BAD)
    not_yaml = put(tmp_path, "c", "metadata: [")
    result = runner.invoke(app, ["lint", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [f"{good}: ok · a · 1 collection · 1 access request"]
    problems = result.stderr.splitlines()
    assert any(line.startswith(f"{bad}:4 ") and "'collections'" in line for line in problems)
    assert any(line.startswith(f"{bad}:8 ") and "'ascending'" in line for line in problems)
    assert any(line.startswith(f"{not_yaml}:1") for line in problems)


def test_two_manifests_of_one_service_are_a_problem(tmp_path: Path) -> None:
    first, second = put(tmp_path, "a", GOOD.format(name="desk")), put(tmp_path, "b", GOOD.format(name="desk"))
    result = runner.invoke(app, ["lint", str(tmp_path)])
    assert result.exit_code == 1
    assert str(second) in result.stderr.splitlines()[0]
    assert str(first) in result.stderr.splitlines()[1]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x: 1\n" * 300_000])
def test_a_file_that_is_no_text_or_too_large_is_a_problem(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_bytes(content)
    result = runner.invoke(app, ["lint", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(tmp_path / "manifest.yaml") in result.stderr


def test_json_is_an_object_a_file(tmp_path: Path) -> None:
    put(tmp_path, "a", GOOD.format(name="a"))
    put(tmp_path, "b", BAD)
    result = runner.invoke(app, ["lint", "--json", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (1, "")
    good, bad = [json.loads(line) for line in result.stdout.splitlines()]
    assert (good["ok"], good["service"], good["problems"]) == (True, "a", [])
    assert (bad["ok"], bad["service"], len(bad["problems"])) == (False, None, 2)


def test_a_folder_without_manifests_is_a_mistake(tmp_path: Path) -> None:
    result = runner.invoke(app, ["lint", str(tmp_path)])
    assert result.exit_code == 2
    assert "manifest.yaml" in result.stderr


def test_a_folder_s_own_manifest_comes_first_and_no_file_twice(tmp_path: Path) -> None:
    own, first, second = [put(tmp_path, name, "") for name in (".", "a", "b")]
    put(tmp_path, "a/deeper", "")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "manifest.yml").write_text("")
    assert find_manifests([tmp_path, second, own]) == (own, first, second)


def test_a_path_that_cannot_be_looked_at_is_a_message(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Failure):
        find_manifests([file / "below"])
    with pytest.raises(Failure):
        find_manifests([Path("x" * 5000)])
