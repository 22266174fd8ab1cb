"""Do `aol up` and `aol serve` start, say why they do not, and leave nothing running, however they end?"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aol_cli.app import app
from running_brokers import UNVERIFIED

pytestmark = pytest.mark.integration

READY = re.compile(r"aol ready on (127\.0\.0\.1:\d+) · data (\S+) · adapter sqlite(?: · (\d+) manifests? applied)?")
# What is promised for an end by a signal.
STOP_S = 5
WITHIN_S = 30

OWNER = """\
metadata: {name: owner, version: "1"}
spec: {dataRequirements: {enabled: true, collections: [{name: things}]}}
"""
ASKER = """\
metadata: {name: asker, version: "1"}
spec:
  dataRequirements:
    enabled: true
    accessRequests: [{collection: owner.things, permission: write, reason: To add some}]
"""

Process = subprocess.Popen[str]
Start = Callable[..., Process]
runner = CliRunner()


@pytest.fixture
def up(start: Start, tmp_path: Path) -> Start:
    """`aol up` on a free port, with its data in the test's folder."""

    def start_up(*arguments: str) -> Process:
        return start("up", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), *arguments)

    return start_up


def test_up_tells_the_plan_when_a_manifest_changes(up: Start, tmp_path: Path) -> None:
    file = tmp_path / "manifests" / "owner" / "manifest.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(OWNER)
    process = up("--manifests", str(tmp_path / "manifests"))
    ready(process)
    assert process.stderr is not None
    file.write_text(OWNER.replace("things", "other"))
    told = [process.stderr.readline() for _ in range(2)]
    assert told[0] == f"{tmp_path / 'manifests'} has changed.\n"
    assert told[1].startswith("owner  ")
    while not (line := process.stderr.readline()).startswith("To apply it: "):
        told.append(line)
    assert any(line.startswith("  - needs review  things") for line in told)
    file.write_text("metadata: [\n")
    assert "has changed. 1 problem in the manifests:" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == 0


def test_up_says_where_manifests_would_be_when_a_folder_has_none(up: Start, tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "owner.yaml").write_text(OWNER)
    process = up("--manifests", str(tmp_path / "manifests"))
    ready(process)
    assert process.stderr is not None
    assert process.stderr.readline() == (
        f"Note: there is no manifest in {tmp_path / 'manifests'}: a folder holds manifest.yaml, or "
        "<service>/manifest.yaml.\n"
    )


def ready(process: Process) -> re.Match[str]:
    """Wait for the line that says that a broker can be used."""
    assert process.stdout is not None
    line = process.stdout.readline()
    match = READY.match(line)
    if match is None:
        pytest.fail(f"{line!r}, and on stderr: {process.communicate()[1]}")
    assert line.endswith(" · Ctrl-C stops it\n")
    return match


def failed(process: Process) -> str:
    """Wait for a process that cannot start; return what it says."""
    stdout, stderr = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, stdout) == (1, "")
    assert "Error: " in stderr
    assert "Traceback" not in stderr
    return stderr


def processes_of(folder: Path) -> list[int]:
    """The processes that were given something in this folder; one that indexes audit records comes and goes."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may end while it is read
            line = entry.read_bytes()
            if str(folder).encode() in line and b"aol_broker.audit.indexing" not in line:
                found.append(int(entry.parent.name))
    return found


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name / "manifest.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="tells processes by /proc")


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_broker_and_its_adapter_in_time_with_exit_code_0(
    up: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = up()
    assert ready(process)[3] == "0"
    assert len(processes_of(tmp_path)) == 2
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=STOP_S)
    assert (process.returncode, stdout, stderr) == (0, "", "")
    assert processes_of(tmp_path) == []


@needs_proc
def test_a_signal_while_it_starts_ends_it_too(start: Start, tmp_path: Path) -> None:
    pid_file = tmp_path / "adapter.pid"
    config = tmp_path / "broker.yaml"
    never_ready = ["sh", "-c", f"echo $$ > {pid_file}; exec sleep 60"]
    config.write_text(
        json.dumps(
            {
                "listen": "127.0.0.1:0",
                "data_dir": str(tmp_path / "data"),
                "authentication": UNVERIFIED,
                "adapters": {"slow": {"command": never_ready}},
            }
        )
    )
    process = start("serve", "--config", str(config))
    deadline = time.monotonic() + WITHIN_S
    while not (pid_file.exists() and pid_file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.terminate()
    stdout, _ = process.communicate(timeout=STOP_S)
    assert (process.returncode, stdout) == (0, "")
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()


def test_manifests_are_applied_before_it_is_ready_and_recorded_like_any_other_call(up: Start, tmp_path: Path) -> None:
    put(tmp_path / "manifests", "asker", ASKER)
    put(tmp_path / "manifests", "owner", OWNER)
    process = up("--manifests", str(tmp_path / "manifests"))
    assert ready(process)[3] == "2"
    [audit] = (tmp_path / "data" / "audit").glob("*.jsonl")
    records = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [record["outcome"] for record in records if record["operation"] == "apply_manifest"] == [
        "pending",
        "ok",
        "pending",
        "ok",
    ]
    process.terminate()
    assert "aol grant owner.things asker write" in process.communicate(timeout=STOP_S)[1]
    again = up("--manifests", str(tmp_path / "manifests" / "owner" / "manifest.yaml"))
    assert ready(again)[3] == "1"


def test_the_folder_manifests_is_taken_where_there_is_one(up: Start, tmp_path: Path) -> None:
    put(tmp_path / "cwd" / "manifests", "owner", OWNER)
    assert ready(up())[3] == "1"


def test_a_broken_manifest_is_told_with_all_others_and_nothing_is_started(up: Start, tmp_path: Path) -> None:
    put(tmp_path / "manifests", "a", OWNER.replace("collections", "colections"))
    put(tmp_path / "manifests", "b", "metadata: {name: Not A Name}\n")
    put(tmp_path / "manifests", "c", OWNER)
    error = failed(up("--manifests", str(tmp_path / "manifests")))
    assert error.startswith("Error: 2 problems in the manifests:\n")
    assert "a/manifest.yaml:2 spec.dataRequirements.colections" in error
    assert "b/manifest.yaml:1 metadata.name" in error
    assert not (tmp_path / "data").exists()


@needs_proc
def test_a_manifest_that_the_broker_refuses_ends_it(up: Start, tmp_path: Path) -> None:
    """Indexes only ever come to a collection, so two good manifests can ask for too many; only the broker knows."""

    def ask_for(prefix: str) -> Path:
        indexes = ", ".join(f"{{fields: [{prefix}{number}], type: ascending}}" for number in range(40))
        return put(
            tmp_path / "manifests", "owner", OWNER.replace("name: things", f"name: things, indexes: [{indexes}]")
        )

    ask_for("a")
    first = up("--manifests", str(tmp_path / "manifests"))
    ready(first)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0
    file = ask_for("b")
    error = failed(up("--manifests", str(tmp_path / "manifests")))
    assert str(file) in error
    assert "TOO_LARGE" in error
    assert processes_of(tmp_path) == []


def test_a_second_broker_on_the_same_data_folder_is_refused(up: Start) -> None:
    first = up()
    ready(first)
    error = failed(up())
    assert f"in use by another broker (process {first.pid})" in error
    assert first.poll() is None


def test_a_port_in_use_is_a_message(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        error = failed(start("up", "--listen", endpoint, "--data-dir", str(tmp_path / "data")))
    assert f"Cannot listen on {endpoint}" in error
    assert "--listen" in error


def test_a_data_folder_of_a_newer_version_is_left_alone(up: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "layout-version").write_text("999\n")
    assert "newer version" in failed(up())
    assert (data / "layout-version").read_text() == "999\n"
    assert not (data / "registry.db").exists()


def test_an_operator_s_token_that_cannot_be_read_is_a_message(up: Start, tmp_path: Path) -> None:
    (tmp_path / "data" / "operator.token").mkdir(parents=True)
    assert "operator" in failed(up())


def test_a_data_folder_that_cannot_be_made_is_a_message(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = failed(start("up", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "file" / "data")))
    assert "--data-dir" in error


def test_it_does_not_listen_to_the_world(start: Start, tmp_path: Path) -> None:
    error = failed(start("up", "--listen", "0.0.0.0:0", "--data-dir", str(tmp_path / "data")))
    assert "loopback" in error
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("listen: 127.0.0.1:0\nlisten_on: x\n", "broker.yaml:2 listen_on"),
        ("listen: [", "broker.yaml:1"),
        (None, "cannot be read"),
    ],
)
def test_a_configuration_that_is_wrong_is_a_message_with_its_place(
    start: Start, tmp_path: Path, text: str | None, hint: str
) -> None:
    config = tmp_path / "broker.yaml"
    if text is not None:
        config.write_text(text)
    assert hint in failed(start("serve", "--config", str(config)))


def test_a_configuration_that_does_not_say_by_what_callers_are_believed_is_a_message(
    start: Start, tmp_path: Path
) -> None:
    config = tmp_path / "broker.yaml"
    config.write_text(f"listen: 127.0.0.1:0\ndata_dir: {tmp_path / 'data'}\n")
    error = failed(start("serve", "--config", str(config)))
    assert "verifiers: [{type: token}]" in error
    assert "type: insecure" in error
    assert not (tmp_path / "data").exists()
    doctor = start("doctor", "--config", str(config), "--endpoint", "127.0.0.1:1").communicate(timeout=WITHIN_S)[0]
    assert re.search(r"^configuration +failed +authentication.verifiers is missing", doctor, re.MULTILINE)


def test_a_broker_that_believes_names_of_other_machines_says_so_at_its_start_and_in_its_health(
    start: Start, tmp_path: Path
) -> None:
    # A name of this machine's loopback that does not look like one.
    config = tmp_path / "broker.yaml"
    settings = {"listen": "LOCALHOST:0", "data_dir": str(tmp_path / "data")}
    config.write_text(json.dumps({**settings, "authentication": UNVERIFIED}))
    assert "insecure_remote: true" in failed(start("serve", "--config", str(config)))
    config.write_text(json.dumps({**settings, "authentication": {**UNVERIFIED, "insecure_remote": True}}))
    process = start("serve", "--config", str(config))
    assert process.stdout is not None
    assert process.stderr is not None
    ready_line = process.stdout.readline()
    assert "insecure: callers are believed by name" in ready_line
    endpoint = "127.0.0.1:" + ready_line.split("LOCALHOST:")[1].split()[0]
    doctor = runner.invoke(app, ["doctor", "--config", str(config), "--endpoint", endpoint, "--json"])
    checks = {check["name"]: check["detail"] for check in json.loads(doctor.stdout)["checks"]}
    assert checks["callers"] == "insecure: believed by the names that they give"
    process.terminate()
    warned = [json.loads(line) for line in process.communicate(timeout=STOP_S)[1].splitlines()]
    assert "callers from other machines are believed by name" in {line["event"] for line in warned}


@pytest.mark.parametrize("content", [None, "{}", '{"keys": []}'])
def test_a_file_of_keys_that_holds_none_is_a_message(start: Start, tmp_path: Path, content: str | None) -> None:
    keys = tmp_path / "keys.json"
    if content is not None:
        keys.write_text(content)
    verifier = {"type": "jwt", "issuer": "https://issuer.example", "audience": "aol", "jwks_file": str(keys)}
    config = tmp_path / "broker.yaml"
    settings = {"listen": "127.0.0.1:0", "data_dir": str(tmp_path / "data")}
    config.write_text(json.dumps({**settings, "authentication": {"verifiers": [verifier]}}))
    assert "the keys of https://issuer.example in jwks_file" in failed(start("serve", "--config", str(config)))


def doctor_ends_with(code: int, config: Path, endpoint: str) -> dict[str, str]:
    """Ask the doctor until it comes to this; return the states of its last checks."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        result = runner.invoke(app, ["doctor", "--config", str(config), "--endpoint", endpoint, "--json"])
        if result.exit_code == code:
            return {check["name"]: check["state"] for check in json.loads(result.stdout)["checks"]}
        assert time.monotonic() < deadline, result.stdout


@needs_proc
def test_the_doctor_sees_a_killed_adapter_and_then_its_recovery(start: Start, tmp_path: Path) -> None:
    data, broken, pid_file, config = (tmp_path / name for name in ("data", "broken", "adapter.pid", "broker.yaml"))
    program = f"{sys.executable} -m aol_adapters.sqlite --data-dir {data / 'sqlite'}"
    # A program that can be kept from coming back, so that there is something to see.
    script = f"test ! -e {broken} || exit 1; echo $$ > {pid_file}; exec {program}"
    settings = {
        "listen": "127.0.0.1:0",
        "data_dir": str(data),
        "authentication": UNVERIFIED,
        "adapters": {"sqlite": {"command": ["sh", "-c", script]}},
        "log": {"level": "error"},
    }
    config.write_text(json.dumps(settings))
    process = start("serve", "--config", str(config))
    endpoint = ready(process)[1]
    assert set(doctor_ends_with(0, config, endpoint).values()) == {"ok"}
    broken.touch()
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    states = doctor_ends_with(1, config, endpoint)
    assert (states["endpoint"], states["broker"], states["adapter sqlite"]) == ("ok", "failed", "failed")
    broken.unlink()
    doctor_ends_with(0, config, endpoint)
    process.terminate()
    process.communicate(timeout=STOP_S)
    assert process.returncode == 0
    assert processes_of(tmp_path) == []
