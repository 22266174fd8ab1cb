"""Does what docs/deploying.md tells people to do work as it stands?"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aol_broker.settings import load_settings
from aol_cli.app import app
from aol_cli.commands.plan import Allow
from aol_cli.exits import PlanCode
from aol_cli.plan_text import grade_word
from manifest_samples import text
from running_brokers import RunningBroker, running_broker

pytestmark = pytest.mark.integration

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "deploying.md").read_text()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def test_the_documented_commands_plan_apply_and_tell_what_was_applied(
    started: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "manifests" / "shop" / "manifest.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text("shop", "1", [{"name": "items"}]))
    [block] = re.findall(r"^```console\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    environment = {"AOL_ENDPOINT": started.endpoint, "AOL_DATA_DIR": str(started.data_dir)}
    commands = [shlex.split(line.removeprefix("$ "))[1:] for line in block.splitlines()]
    done = [CliRunner().invoke(app, command, env=environment) for command in commands]
    assert [(command[0], item.exit_code) for command, item in zip(commands, done, strict=True)] == [
        ("plan", PlanCode.CHANGES),
        ("apply", 0),
        ("history", 0),
    ]
    assert "created  shop.items" in done[1].stdout
    assert "operator  yes" in done[2].stdout


def test_the_documented_commands_of_a_service_deploy_its_own_manifest(
    started: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    operator = {"AOL_ENDPOINT": started.endpoint, "AOL_DATA_DIR": str(started.data_dir)}

    def run(arguments: list[str], environment: dict[str, str]) -> Result:
        return CliRunner().invoke(app, arguments, env=environment)

    path = tmp_path / "shop" / "manifest.yaml"
    path.parent.mkdir()
    for version in ("before 1", "before 2", "before 3"):
        path.write_text(text("shop", version, [{"name": "items"}]))
        assert run(["apply", "shop"], operator).exit_code == 0
    path.write_text(text("shop", "now", [{"name": "items"}]))
    (tmp_path / "shop.token").write_text(run(["token", "create", "shop"], operator).stdout)
    [section] = re.findall(r"^## With a service's own credentials\n(.*?)^## ", DOCUMENT, re.MULTILINE | re.DOTALL)
    export, *commands = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    name, _, file = export.removeprefix("export ").partition("=")
    own = {"AOL_ENDPOINT": started.endpoint, "AOL_DATA_DIR": str(tmp_path / "nowhere"), name: file}
    done = {command.split()[1]: run(shlex.split(command)[1:], own) for command in commands}
    assert {command: item.exit_code for command, item in done.items()} == {
        "plan": PlanCode.CHANGES,
        "apply": 0,
        "history": 0,
        "rollback": 0,
    }
    assert "service:shop  yes" in done["history"].stdout


def test_the_documented_grades_are_those_that_there_are() -> None:
    assert re.findall(r"^\| `([a-z ]+)` \|", DOCUMENT, re.MULTILINE) == [grade_word(grade) for grade in range(1, 5)]
    assert re.findall(r"`--allow (\w+)`", DOCUMENT) == [allow.value for allow in Allow]


def test_the_documented_number_of_days_is_the_default() -> None:
    days = re.search(r"for (\d+) days after another took its place", DOCUMENT)
    assert days is not None
    assert load_settings(None, {}).plan.deployed_days == int(days[1])
