"""Does `aol adapter` try any adapter out, and tell what came of it, whatever the adapter does?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from aol_adapters.conformance.rules import RULES
from aol_wire.handshake import parse_line

pytestmark = pytest.mark.integration

MEMORY = [sys.executable, "-m", "aol_adapters.memory"]
# Counting ends the process, at once.
CRASHING = """
import os, sys
from aol_adapters.kit import serve
from aol_adapters.memory.adapter import MemoryAdapter

class Crashing(MemoryAdapter):
    async def count(self, request):
        sys.stderr.write("last words\\n")
        sys.stderr.flush()
        os._exit(9)

sys.exit(serve(Crashing(), name="crashing"))
"""
# The first start works, later ones do not.
PASSING = CRASHING.replace("os._exit(9)", "open(sys.argv[1], 'x'); os._exit(9)").replace(
    "sys.exit(serve", "if os.path.exists(sys.argv[1]): sys.exit(3)\nsys.exit(serve"
)


def aol(
    *arguments: str, code: int = 0, timeout_s: float = 90, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command, which should end with `code`."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("AOL_", "COLUMNS"))}
    ran = subprocess.run(
        [sys.executable, "-m", "aol_cli", "adapter", *arguments],
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert "\x1b" not in ran.stdout
    return ran


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a memory adapter that somebody else runs."""
    with subprocess.Popen([*MEMORY, "--insecure-tcp", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield parse_line(process.stdout.readline(), "").address
        process.terminate()


def test_the_adapters_of_the_project_are_listed() -> None:
    table = aol("list").stdout
    assert "python -m aol_adapters.sqlite --data-dir DIR" in table
    listed = {item["name"]: item for item in map(json.loads, aol("list", "--json").stdout.splitlines())}
    assert listed.keys() == {"sqlite", "memory", "postgres", "mongodb"}
    assert listed["sqlite"]["state"] == "installed"
    assert {"regex", "explain"} <= set(listed["sqlite"]["capabilities"])
    assert listed["postgres"]["state"] == "installed"
    assert listed["postgres"]["command"] == ["python", "-m", "aol_adapters.postgres"]
    assert {"atomic_many", "text"} <= set(listed["postgres"]["capabilities"])
    assert listed["mongodb"]["command"] == ["python", "-m", "aol_adapters.mongodb"]
    assert {"regex", "tenancy"} <= set(listed["mongodb"]["capabilities"])


def test_rules_are_chosen_by_name_and_by_topic_and_counted_by_topic() -> None:
    lines = aol("test", "--builtin", "sqlite", "-k", "numbers", "-k", "$eq").stdout.splitlines()
    assert lines[0].split() == ["topic", "pass", "fail", "not", "declared", "does", "not", "apply"]
    assert any(line.split()[0] == "$eq" for line in lines if line)
    assert lines[-1].startswith("sqlite ")
    assert " 0 failed" in lines[-1]


def test_each_rule_is_told_as_it_comes_out() -> None:
    out = aol("test", "-v", "-k", "numbers_read_back", "-k", "an_undeclared_explanation", "--", *MEMORY).stdout
    assert [line.split()[0::3] for line in out.splitlines()[:2]] == [
        ["pass", "numbers_read_back_as_they_were_written"],
        ["pass", "an_undeclared_explanation_is_refused"],
    ]


def test_an_adapter_that_somebody_else_runs_is_tried_without_the_rules_about_programs(address: str) -> None:
    found = json.loads(aol("test", "--address", address, "--json").stdout)
    assert found["ok"]
    assert found["adapter"] == "memory"
    assert len(found["rules"]) == len(RULES)
    about_programs = {rule.name for rule in RULES if rule.program}
    assert {rule["verdict"] for rule in found["rules"] if rule["name"] in about_programs} == {"does not apply"}


def test_the_whole_kit_in_xml(tmp_path: Path) -> None:
    aol("test", "--builtin", "memory", "--junit", str(tmp_path / "report.xml"))
    suites = ET.parse(tmp_path / "report.xml").getroot()
    assert int(suites.attrib["tests"]) == len(RULES) == len(suites.findall("testsuite/testcase"))
    assert suites.attrib["failures"] == "0"
    assert int(suites.attrib["skipped"]) == len(suites.findall("testsuite/testcase/skipped"))
    assert {case.attrib["name"] for case in suites.iter("testcase")} == {rule.name for rule in RULES}


def test_a_crash_is_the_failure_of_its_rule_alone(tmp_path: Path) -> None:
    rules = ["-k", "integers_that_doubles", "-k", "count_is_of_all_that_match", "-k", "numbers_read_back"]
    report = tmp_path / "report.xml"
    out = aol("test", *rules, "--junit", str(report), "--", sys.executable, "-c", CRASHING, code=1).stdout
    assert "FAIL count_is_of_all_that_match (limit, skip)" in out
    assert "exit code 9; it last wrote: " in out
    assert "last words" in out
    failed = [
        case.attrib["name"] for case in ET.parse(report).getroot().iter("testcase") if case.find("failure") is not None
    ]
    assert "numbers_read_back_as_they_were_written" not in failed
    assert "count_is_of_all_that_match" in failed


def test_an_adapter_that_does_not_come_back_fails_the_rules_that_are_left(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    rules = ["-k", "count_is_of_all_that_match", "-k", "an_undeclared_explanation"]
    out = aol("test", *rules, "--", sys.executable, "-c", PASSING, mark, code=1).stdout
    assert "not tried: the adapter did not come back" in out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([sys.executable, "-c", "print('hello')"], "is not the handshake"),
        ([sys.executable, "-c", "import sys; sys.exit('no database here')"], "no database here"),
        (["/nowhere/adapter"], "could not be started"),
    ],
)
def test_a_command_that_is_no_adapter_is_told_so(command: list[str], said: str) -> None:
    assert said in aol("test", "-k", "numbers", "--", *command, code=1).stderr


def test_postgres_is_tried_on_the_database_that_the_environment_names(postgres_database: str) -> None:
    rules = ["-k", "numbers", "-k", "sigterm"]
    out = aol("test", "--builtin", "postgres", *rules, environment={"AOL_POSTGRES_DSN": postgres_database}).stdout
    assert out.splitlines()[-1].startswith("postgres ")
    assert " 0 failed" in out
    assert "postgresql://" not in out


def test_without_a_database_postgres_cannot_be_tried_and_says_what_to_set() -> None:
    said = aol("test", "--builtin", "postgres", code=1).stderr
    assert "set the environment variable AOL_POSTGRES_DSN" in said


def test_mongodb_is_tried_on_the_server_that_the_environment_names(mongodb_uri: str) -> None:
    rules = ["-k", "numbers", "-k", "sigterm"]
    out = aol("test", "--builtin", "mongodb", *rules, environment={"AOL_MONGODB_URI": mongodb_uri}).stdout
    assert out.splitlines()[-1].startswith("mongodb ")
    assert " 0 failed" in out
    assert "mongodb://" not in out


def test_without_a_server_mongodb_cannot_be_tried_and_says_what_to_set() -> None:
    said = aol("test", "--builtin", "mongodb", code=1).stderr
    assert "set the environment variable AOL_MONGODB_URI" in said


def test_what_cannot_be_tried_is_refused() -> None:
    aol("test", code=2)
    aol("test", "--builtin", "memory", "--address", "unix:/a", code=2)
    aol("test", "--builtin", "oracle", code=2)
    aol("test", "--address", "nonsense", code=2)
    aol("test", "--builtin", "memory", "-k", "no such rule", code=2)
    assert (
        "cannot be written"
        in aol("test", "--builtin", "memory", "-k", "numbers_read", "--junit", "/nowhere/a.xml", code=1).stderr
    )
