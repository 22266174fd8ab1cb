"""Can an operator who knows a sensitive value look for it, without its being written anywhere?"""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aol_cli.app import app
from aol_client import AOLDataClient
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
MANIFEST = """\
metadata: {name: cli-clinic, version: "1"}
spec:
  dataRequirements:
    collections:
      - {name: patients, sensitive: [ssn, born]}
      - {name: visits, audit: shape}
"""
NUMBER = "078-05-1120-canary"
DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def clinic(aol: Aol, broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> RunningBroker:
    file = tmp_path_factory.mktemp("clinic") / "manifest.yaml"
    file.write_text(MANIFEST)
    aol("apply", str(file))

    async def look_up() -> None:
        async with AOLDataClient(broker.endpoint, "cli-clinic") as client:
            await client.query("patients", {"ssn": NUMBER})
            await client.query("patients", {"ssn": {"$in": [NUMBER, 7]}, "born": "1999-12-31"})

    asyncio.run(look_up())
    return broker


def hmac_of(aol: Aol, *arguments: str) -> str:
    [line] = aol("audit", "hmac", *arguments).stdout.splitlines()
    return str(line)


def test_the_hash_of_a_value_finds_the_calls_that_were_made_with_it(aol: Aol, clinic: RunningBroker) -> None:
    found = hmac_of(aol, NUMBER)
    filters = [record["filters"] for record in clinic.audit() if found in json.dumps(record)]
    seven, birthday = hmac_of(aol, "7.0", "--json"), hmac_of(aol, "1999-12-31T00:00:00Z")
    assert filters == [
        {"ssn": {"$hmac": found}},
        {"born": {"$hmac": birthday}, "ssn": {"$in": [{"$hmac": found}, {"$hmac": seven}]}},
    ]
    assert hmac_of(aol, json.dumps(NUMBER), "--json") == found
    assert hmac_of(aol, "7") != seven, "a text is no number"


def test_the_command_of_the_documentation_prints_a_hash(aol: Aol, clinic: RunningBroker) -> None:
    [command] = re.findall(r"^aol (audit hmac .*)$", DOCUMENTATION, re.MULTILINE)
    assert re.fullmatch(r"[0-9a-f]{64}", hmac_of(aol, *command.split()[2:]))


def test_a_value_can_come_from_standard_input(aol: Aol, clinic: RunningBroker, environment: dict[str, str]) -> None:
    for given in (f"{NUMBER}\n", NUMBER, f"{NUMBER}\r\n"):
        read = CliRunner().invoke(app, ["audit", "hmac", "-"], input=given, env=environment)
        assert (read.exit_code, read.stdout) == (0, f"{hmac_of(aol, NUMBER)}\n")
    wrong = CliRunner().invoke(app, ["audit", "hmac", "-"], input=b"\xff", env=environment)
    assert (wrong.exit_code, "UTF-8" in wrong.stderr) == (2, True)


def test_what_is_no_json_is_refused_and_nothing_says_what_was_asked_for(aol: Aol, clinic: RunningBroker) -> None:
    refused = aol("audit", "hmac", NUMBER, "--json", code=2)
    assert NUMBER not in refused.stderr
    hmac_of(aol, NUMBER)
    assert clinic.audit()[-1]["operation"] == "hash_audit_value"
    for file in sorted(Path(clinic.data_dir, "audit").iterdir()):
        assert NUMBER.encode() not in file.read_bytes()


def test_describe_says_what_audit_records_show(aol: Aol, clinic: RunningBroker) -> None:
    assert "\n  audit           values; sensitive: born, ssn\n" in aol("describe", "cli-clinic.patients").stdout
    [line] = aol("describe", "cli-clinic.visits", "--json").stdout.splitlines()
    assert (json.loads(line)["audit"], json.loads(line)["sensitive"]) == ("shape", [])
