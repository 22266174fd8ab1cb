"""Does the doctor tell a healthy broker from a sick one?"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("applied")]

Aol = Callable[..., Result]


def objects(done: Result) -> list[dict[str, Any]]:
    """What a program reads; there is nothing else on stdout."""
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_doctor_finds_a_healthy_broker_healthy(aol: Aol, environment: dict[str, str]) -> None:
    [report] = objects(aol("doctor", "--json"))
    assert (report["healthy"], report["endpoint"]) == (True, environment["AOL_ENDPOINT"])
    checks = {check["name"]: check["state"] for check in report["checks"]}
    names = ("endpoint", "broker", "callers", "adapter sqlite", "operator token", "operator call", "registry")
    assert checks == dict.fromkeys(names, "ok")
    assert re.search(r"^registry +ok +revision \d+, \d+ collections$", aol("doctor").stdout, re.MULTILINE)


def test_doctor_needs_no_token_but_refuses_a_wrong_one(aol: Aol, tmp_path: Path) -> None:
    [report] = objects(aol("doctor", "--json", env={"AOL_DATA_DIR": str(tmp_path)}))
    assert {check["name"]: check["state"] for check in report["checks"]} == {
        "operator token": "skipped",
        "endpoint": "ok",
        "broker": "ok",
        "callers": "ok",
        "adapter sqlite": "ok",
    }
    wrong = aol("doctor", env={"AOL_OPERATOR_TOKEN": "a-token-that-is-wrong"}, code=1)
    assert re.search(r"^operator call +failed ", wrong.stdout, re.MULTILINE)
    assert "a-token-that-is-wrong" not in wrong.stdout + wrong.stderr


def test_doctor_reads_the_configuration_and_finds_its_broker(
    aol: Aol, environment: dict[str, str], tmp_path: Path
) -> None:
    endpoint, data_dir = environment["AOL_ENDPOINT"], environment["AOL_DATA_DIR"]
    config = tmp_path / "broker.yaml"
    believed = "authentication: {verifiers: [{type: insecure}]}\n"
    config.write_text(f"listen: {endpoint}\ndata_dir: {data_dir}\n{believed}")
    # Empty variables count as none.
    nothing = {"AOL_ENDPOINT": "", "AOL_DATA_DIR": ""}
    [report] = objects(aol("doctor", "--config", str(config), "--json", env=nothing))
    assert (report["healthy"], report["endpoint"]) == (True, endpoint)
    config.write_text(f"listen: {endpoint}\ndatadir: {data_dir}\n")
    broken = aol("doctor", "--config", str(config), "--endpoint", endpoint, code=1, env=nothing)
    assert re.search(r"^configuration +failed .*datadir", broken.stdout, re.MULTILINE)


def test_an_adapter_of_the_configuration_that_the_broker_does_not_have_is_a_fault(
    aol: Aol, environment: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "broker.yaml"
    config.write_text(
        "adapters: {sqlite: {command: [x]}, other: {command: [y]}}\ndefault_adapter: sqlite\n"
        "authentication: {verifiers: [{type: insecure}]}\n"
    )
    arguments = ["doctor", "--config", str(config), "--endpoint", environment["AOL_ENDPOINT"]]
    shown = aol(*arguments, code=1).stdout
    assert re.search(r"^adapter sqlite +ok ", shown, re.MULTILINE)
    assert re.search(r"^adapter other +failed +this broker has no such adapter$", shown, re.MULTILINE)


def test_doctor_says_that_a_broker_does_not_answer(aol: Aol) -> None:
    done = aol("doctor", "--endpoint", "127.0.0.1:1", code=1)
    assert re.search(r"^endpoint +failed +no broker answers", done.stdout, re.MULTILINE)
