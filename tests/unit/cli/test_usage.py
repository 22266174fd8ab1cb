"""Does every command say what it takes, refuse what it does not, and stay quick to start?"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from aol_cli.app import app
from aol_cli.exits import MEANINGS
from aol_cli.options import check_endpoint

DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
# Those of typer itself.
GENERAL = {"--help", "--install-completion", "--show-completion", "--version"}

runner = CliRunner()


def commands(group: Any = None, prefix: str = "aol") -> Iterator[tuple[str, Any]]:
    """Every command with its full name, the groups left out."""
    group = typer.main.get_command(app) if group is None else group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


NAMES = [name for name, _ in commands()]


def test_the_commands_are_those_of_the_documentation() -> None:
    assert sorted(re.findall(r"^### `(aol [a-z ]+)`$", DOCUMENTATION, re.MULTILINE)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented(name: str) -> None:
    section = DOCUMENTATION.split(f"### `{name}`")[1].split("\n### ")[0]
    general = DOCUMENTATION.split("## For all commands")[1].split("\n## ")[0]
    command = dict(commands())[name]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert {option for option in options - GENERAL if option not in section and option not in general} <= {
        "--follow",  # -f is
        "-h",
    }


def test_every_exit_code_is_documented_and_in_the_help() -> None:
    shown = runner.invoke(app, ["--help"]).stdout
    for code, meaning in MEANINGS.items():
        assert re.search(rf"^ +{code.value} +{re.escape(meaning)}$", shown, re.MULTILINE)
        assert f"| {code.value} | {meaning}" in DOCUMENTATION.replace("`", "")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_without_colour_codes(name: str) -> None:
    result = runner.invoke(app, [*name.split()[1:], "--help"])
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "--help" in result.stdout


def test_the_help_loads_neither_the_broker_nor_the_client_nor_rich() -> None:
    heavy = ("aol_broker", "aol_client", "aol_adapters", "aol_wire", "grpc", "pydantic", "sqlalchemy", "rich", "google")
    program = (
        "import sys\nfrom aol_cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print(sorted(set({heavy!r}) & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert process.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_package() -> None:
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"aol \d+\.\d+\.\S+\n", result.stdout)


USAGE_ERRORS = [
    (["no-such-command"], "no-such-command"),
    (["services", "--endpoint", "nowhere"], "HOST:PORT"),
    (["services", "--endpoint", "127.0.0.1:99999"], "HOST:PORT"),
    (["services", "--endpoint", "a:1:2"], "HOST:PORT"),
    (["up", "--listen", "50051"], "HOST:PORT"),
    (["up", "--manifests", "no/such/folder"], "does not exist"),
    (["up", "--log-level", "loud"], "loud"),
    (["serve"], "--config"),
    (["lint"], "PATH"),
    (["lint", "no/such/file.yaml"], "does not exist"),
    (["apply", "no/such/file.yaml"], "does not exist"),
    (["describe", "events"], "service.collection"),
    (["grant", "events", "other", "read"], "service.collection"),
    (["grant", "a.b", "other", "own"], "own"),
    (["revoke", "events", "other"], "service.collection"),
    (["query", "a.b"], "--as"),
    (["query", "a.b", "--as", "a", "--limit", "0"], "--limit"),
    (["query", "a.b", "--as", "a", "--sort", "x:down"], "FIELD:desc"),
    (["query", "a.b", "--as", "a", "--sort", ":desc"], "FIELD:desc"),
    (["query", "a.b", "--as", "a", "--filter", "{"], "--filter"),
    (["query", "a.b", "--as", "a", "--filter", "[1]"], "JSON object"),
    (["query", "a.b", "--as", "a", "--filter", '{"x": NaN}'], "--filter"),
    (["query", "a.b", "--as", "a", "--filter", '{"x": 1, "x": 2}'], "--filter"),
    (["query", "a.b", "--as", "Not A Service"], "service name"),
    (["audit", "tail", "-n", "0"], "-n"),
    (["audit", "search", "--since", "yesterday"], "--since"),
    (["audit", "search", "--until", "5 minutes"], "--until"),
    (["audit", "search", "--outcome", "good"], "good"),
    (["audit", "search", "--limit", "10001"], "--limit"),
    (["audit", "search", "--json", "--csv"], "--csv"),
    (["audit", "search", "--stage", "begun"], "begun"),
    (["audit", "who", "events"], "service.collection"),
    (["audit", "show", ""], "REQUEST_ID"),
]


@pytest.mark.parametrize(("arguments", "hint"), USAGE_ERRORS)
def test_bad_usage_is_exit_code_2_with_a_hint_on_stderr(
    arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AOL_OPERATOR_TOKEN", "a-token-of-an-operator")
    result = runner.invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("endpoint", ["localhost:1", "broker.internal:50051", "[::1]:50051", "10.0.0.1:65535"])
def test_an_endpoint_is_a_host_and_a_port(endpoint: str) -> None:
    assert check_endpoint(endpoint) == endpoint


def test_a_filter_that_is_refused_is_not_repeated() -> None:
    result = runner.invoke(app, ["query", "a.b", "--as", "a", "--filter", '{"name": "a secret word'])
    assert "secret" not in result.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_own_parts_the_command_says_what_to_install(missing: str, tmp_path: Path) -> None:
    program = f"import sys\nsys.modules[{missing!r}] = None\nfrom aol_cli.main import main\nmain()"
    process = subprocess.run(
        [sys.executable, "-c", program, "collections"],
        env={**os.environ, "AOL_OPERATOR_TOKEN": "a-token-of-an-operator", "AOL_ENDPOINT": "127.0.0.1:1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if missing == "rich":  # typer does without it, and so do commands that print no table
        assert process.returncode == 5
    else:
        assert process.returncode == 1
        assert process.stderr == (
            "Error: the `aol` command is not installed with this package: pip install 'aol-data-broker[cli]'\n"
        )


@pytest.mark.parametrize("arguments", [["up"], ["serve", "--config", "broker.yaml"]])
def test_without_the_broker_s_parts_a_command_says_what_to_install(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "broker.yaml").write_text("{}\n")
    missing = ("pydantic_settings", "uvloop", "sqlalchemy", "structlog", "grpc_health")
    program = f"import sys\nsys.modules.update(dict.fromkeys({missing!r}))\nfrom aol_cli.main import main\nmain()"
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == "Error: this command needs the broker's parts: pip install 'aol-data-broker[broker]'\n"
