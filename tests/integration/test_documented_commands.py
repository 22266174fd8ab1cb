"""The documentation: what README and quickstart tell people to do works as it stands."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import server_program
from running_brokers import READY

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text()
ENDPOINT = "127.0.0.1:50051"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """All code blocks of a language, in order."""
    return [body for name, body in BLOCK.findall(text) if name == language]


def commands(text: str) -> list[str]:
    """All commands of the console blocks, without prompts."""
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


FROM_SQLITE_TO_POSTGRESQL = commands(section(README, "From SQLite to PostgreSQL"))


class Workplace:
    """A folder in which the steps of a document are followed, with a broker that `aol up` started in it."""

    def __init__(self, folder: Path, up: str, **environment: str) -> None:
        self.folder = folder
        # The broker finds `python` where a service does that has activated the environment of the package.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "AOL_LISTEN": "127.0.0.1:0", **environment}
        command = [sys.executable, "-m", "aol_cli", *shlex.split(up)[1:]]
        self._errors = (folder / "stderr").open("w")
        self.broker = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        assert self.broker.stdout is not None
        ready = READY.search(self.broker.stdout.readline())
        assert ready is not None, (folder / "stderr").read_text()
        self.endpoint = ready[1]

    def run(self, command: str) -> str:
        """Run a documented command against this broker; return what it printed."""
        program, *arguments = shlex.split(command)
        start = {"aol": [sys.executable, "-m", "aol_cli"], "python": [sys.executable]}[program]
        environment = {**os.environ, "AOL_ENDPOINT": self.endpoint}
        ran = subprocess.run(
            [*start, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def program(self, name: str, text: str) -> None:
        """Write a documented program, for this broker's endpoint."""
        assert ENDPOINT in text
        (self.folder / name).write_text(text.replace(ENDPOINT, self.endpoint))

    def stop(self) -> None:
        self.broker.send_signal(signal.SIGTERM)
        assert self.broker.wait(timeout=20) == 0
        assert self.broker.stdout is not None
        self.broker.stdout.close()
        self._errors.close()


def manifest_in(folder: Path, text: str, service: str) -> None:
    path = folder / "manifests" / service / "manifest.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.fixture
def greeter(tmp_path: Path) -> Iterator[Workplace]:
    manifest_in(tmp_path, blocks(README, "yaml")[0], "greeter")
    workplace = Workplace(tmp_path, "aol up")
    yield workplace
    workplace.stop()


def test_the_readmes_first_service_works_as_it_stands(greeter: Workplace) -> None:
    greeter.program("greeter.py", blocks(README, "python")[0])
    assert greeter.run("python greeter.py") == "[5, 4]\n"
    documented = [command for command in commands(README) if command.startswith(("aol query", "aol audit"))]
    assert len(documented) == 2
    query, audit = (greeter.run(command) for command in documented)
    assert "hello" in query
    assert "insert" in audit


def test_the_readmes_way_from_sqlite_to_postgresql_works_as_it_stands(
    greeter: Workplace, postgres_database: str, tmp_path: Path
) -> None:
    install, export, serve, copy, psql = FROM_SQLITE_TO_POSTGRESQL
    assert install == "pip install 'aol-data-broker[broker,postgres]'"
    assert export.startswith("export AOL_POSTGRES_DSN=postgresql://")
    greeter.program("greeter.py", blocks(README, "python")[0])
    greeter.run("python greeter.py")
    greeter.stop()
    (tmp_path / "broker.yaml").write_text(blocks(section(README, "From SQLite to PostgreSQL"), "yaml")[0])
    # A copy waits for the longest call that a broker lets there be.
    short = {"AOL_LIMITS__MAX_DEADLINE_S": "2", "AOL_LIMITS__DEFAULT_DEADLINE_S": "2"}
    workplace = Workplace(tmp_path, serve, AOL_POSTGRES_DSN=postgres_database, **short)
    try:
        assert "greeter.greetings is kept by postgres now: 5 documents, equal on both sides" in workplace.run(copy)
        workplace.program("greeter.py", blocks(README, "python")[0])
        assert workplace.run("python greeter.py") == "[5, 5, 4, 4]\n"
    finally:
        workplace.stop()
    program, dsn, *arguments = shlex.split(psql)
    assert (program, dsn) == ("psql", "$AOL_POSTGRES_DSN")
    command = [str(server_program("psql")), postgres_database, *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("| hello |") == 10


def test_the_quickstart_works_as_it_stands(tmp_path: Path) -> None:
    manifest_in(tmp_path, blocks(QUICKSTART, "yaml")[0], "ticket-desk")
    workplace = Workplace(tmp_path, "aol up")
    try:
        workplace.program("ticket_desk.py", blocks(QUICKSTART, "python")[0])
        said = workplace.run("python ticket_desk.py")
        assert "1 Bag left in New York version 2" in said
        assert "Permission denied for collection 'flight-ops.flights'" in said
        audit = [command for command in commands(QUICKSTART) if command.startswith("aol audit")]
        assert audit
        assert "GRANT_PENDING" in workplace.run(audit[0]) or "denied" in workplace.run(audit[0])
    finally:
        workplace.stop()


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_readmes_make_commands_exist(target: str) -> None:
    assert f"make {target}" in commands(README)
    dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr


def test_every_command_of_the_readme_is_one_that_a_test_knows() -> None:
    known = ("make demo", "make test", "aol ", "python greeter.py", "pip install", *FROM_SQLITE_TO_POSTGRESQL)
    assert [command for command in commands(README) if not command.startswith(known)] == []


def test_the_readmes_audit_record_has_the_keys_of_a_real_one(greeter: Workplace) -> None:
    import json

    greeter.program("greeter.py", blocks(README, "python")[0])
    greeter.run("python greeter.py")
    file = next((greeter.folder / ".aol" / "audit").glob("*.jsonl"))
    documented = json.loads(blocks(README, "json")[0])
    assert list(documented) == list(json.loads(file.read_text().splitlines()[-1]))


def test_the_readmes_permission_lines_are_what_manifests_accept() -> None:
    from aol_broker.manifest.parse import parse_manifest

    columns = blocks(section(README, "Who may do what"), "yaml")[0].splitlines()[1:]
    asking = "\n".join(f"    {line[:46].rstrip()}" for line in columns)
    sharing = "\n".join(f"    {line[46:].rstrip()}" for line in columns)
    for name, lines in (("delay-analytics", asking), ("flight-ops", sharing)):
        head = f"kind: AOLAgent\napiVersion: v1\nmetadata:\n  name: {name}\n  version: 1.0.0\nspec:\n"
        parse_manifest(f"{head}  dataRequirements:\n    enabled: true\n{lines}\n", "README.md")


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_link_between_documents_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    broken = [link for link in links if "://" not in link and not (ROOT / document).parent.joinpath(link).exists()]
    assert broken == []
