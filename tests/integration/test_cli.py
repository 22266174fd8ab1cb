"""Do the commands do what they say against a real broker: for people, for programs, and when they may not?"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from aol_client import AOLDataClient

pytestmark = pytest.mark.integration

MANIFEST = """\
metadata: {{name: {name}, version: "1"}}
spec:
  dataRequirements:
    enabled: true
    collections: {collections}
    accessRequests: {requests}
"""
OWNED = """
      - name: tickets
        description: What people wait for
        schemaHint: {title: string, priority: number}
        indexes: [{fields: [priority], type: ascending}]
        sharing: [{service: cli-reader, permission: read}]
      - name: secrets"""
WANTED = """
      - {collection: cli-owner.tickets, permission: read, reason: To count them}
      - {collection: cli-owner.secrets, permission: read, reason: Curiosity}"""

Completed = subprocess.CompletedProcess[str]


class Broker(Protocol):
    """What these tests need of the fixture `broker`."""

    endpoint: str
    data_dir: Path


Aol = Callable[..., Completed]


@pytest.fixture(scope="module")
def environment(broker: Broker) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AOL_", "COLUMNS"))}
    return {**inherited, "AOL_ENDPOINT": broker.endpoint, "AOL_DATA_DIR": str(broker.data_dir)}


@pytest.fixture(scope="module")
def aol(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Aol:
    """Run the command in an empty folder; `env` goes on top of the environment."""
    folder = tmp_path_factory.mktemp("cwd")

    def run(*arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Completed:
        done = subprocess.run(
            [sys.executable, "-m", "aol_cli", *arguments],
            env={**environment, **(env or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manifests")
    for name, collections, requests in (("cli-owner", OWNED, "[]"), ("cli-reader", "[]", WANTED)):
        (folder / name).mkdir()
        text = MANIFEST.format(name=name, collections=collections, requests=requests)
        (folder / name / "manifest.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module", autouse=True)
def applied(aol: Aol, manifests: Path, broker: Broker) -> Completed:
    """The manifests of both services, the reader's first, and three tickets."""

    async def store() -> None:
        async with AOLDataClient(broker.endpoint, "cli-owner") as client:
            for number in range(3):
                title = f"\x1b[31mticket {number}"
                await client.insert(
                    "tickets", {"_id": f"t{number}", "title": title, "priority": number, "at": {"x": 1}}
                )

    files = [str(manifests / name / "manifest.yaml") for name in ("cli-reader", "cli-owner")]
    done = aol("apply", *files)
    asyncio.run(store())
    return done


def objects(done: Completed) -> list[dict[str, Any]]:
    """What a program reads; there is nothing else on stdout."""
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_apply_tells_what_is_new_granted_and_pending_as_it_stands_at_the_end(applied: Completed) -> None:
    lines = [line.strip() for line in applied.stdout.splitlines()]
    assert lines == [
        "cli-reader: version 1",
        # Shared by the manifest that was applied after the one that asks.
        "active   read on cli-owner.tickets",
        "pending  read on cli-owner.secrets: cli-owner agrees by adding to 'secrets' in its manifest",
        "sharing: [{service: cli-reader, permission: read}]",
        "or an operator runs: aol grant cli-owner.secrets cli-reader read",
        "cli-owner: version 1",
        "created  cli-owner.secrets",
        "created  cli-owner.tickets",
    ] or lines == [
        *lines[:6],
        "created  cli-owner.tickets",
        "created  cli-owner.secrets",
    ]


def test_applying_again_changes_nothing(aol: Aol, manifests: Path) -> None:
    owner, reader = objects(aol("apply", "--json", str(manifests)))
    assert (owner["service"], owner["changed"], owner["created_collections"]) == ("cli-owner", False, [])
    assert [grant["collection"] for grant in reader["active_grants"]] == ["cli-owner.tickets"]
    assert [grant["state"] for grant in reader["pending_grants"]] == ["pending"]


def test_apply_reports_every_bad_manifest_and_applies_the_others(aol: Aol, tmp_path: Path) -> None:
    for name, text in [
        ("a", "metadata: {name: cli-bad}\nspec: {dataRequirements: {colections: []}}\n"),
        ("b", MANIFEST.format(name="cli-good", collections="[]", requests="[]")),
        ("c", "metadata: ["),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(text)
    done = aol("apply", str(tmp_path), code=1)
    assert done.stdout.startswith("cli-good: version 1")
    assert "2 manifests were not applied, 1 was" in done.stderr
    assert "colections" in done.stderr
    assert str(tmp_path / "c" / "manifest.yaml") in done.stderr


def test_services(aol: Aol) -> None:
    assert re.search(r"^cli-owner +version 1 +2 ", aol("services").stdout, re.MULTILINE)
    [owner] = [item for item in objects(aol("services", "--json")) if item["name"] == "cli-owner"]
    assert (owner["manifest_version"], owner["collection_count"]) == (1, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", owner["created_at"])


def test_collections(aol: Aol) -> None:
    shown = aol("collections", "--service", "cli-owner").stdout
    assert re.search(r"^cli-owner\.tickets +sqlite +1 +manifest +What people wait for$", shown, re.MULTILINE)
    found = objects(aol("collections", "--service", "cli-owner", "--json"))
    assert [item["collection_id"] for item in found] == ["cli-owner.secrets", "cli-owner.tickets"]
    assert aol("collections", "--service", "cli-nobody").stdout == "cli-nobody has no collections.\n"


def test_describe_asks_as_the_owner_unless_told_otherwise(aol: Aol) -> None:
    shown = aol("describe", "cli-owner.tickets").stdout
    for pattern in (r"cli-owner may +read, write, admin", r"^priority +number$", r"^ascending\(priority\) +ready$"):
        assert re.search(pattern, shown, re.MULTILINE)
    [info] = objects(aol("describe", "tickets", "--as", "cli-owner", "--json"))
    assert (info["owner"], info["indexes"][0]["state"]) == ("cli-owner", "ready")
    [info] = objects(aol("describe", "cli-owner.tickets", "--as", "cli-reader", "--json"))
    assert info["permissions"] == ["read"]


def test_query_shows_what_the_service_may_see(aol: Aol) -> None:
    done = aol("query", "cli-owner.tickets", "--as", "cli-reader", "--sort", "priority:desc", "--limit", "2")
    header, _, *rows = done.stdout.splitlines()
    assert header.split() == ["_id", "title", "priority", "at"]
    assert [row.split()[0] for row in rows[:2]] == ["t2", "t1"]
    assert '\\x1b[31mticket 2  2         {"x":1}' in rows[0]
    assert rows[2] == "These are the first 2; there may be more (--limit)."


def test_query_takes_filters_fields_and_several_sort_keys(aol: Aol) -> None:
    arguments = ["--filter", '{"priority": {"$gte": 1}}', "--fields", "at.x, priority", "--sort", "at.x"]
    arguments += ["--sort", "priority:desc"]
    found = objects(aol("query", "tickets", "--as", "cli-owner", *arguments, "--json"))
    assert found == [
        {"_id": "t2", "at": {"x": 1}, "priority": 2},
        {"_id": "t1", "at": {"x": 1}, "priority": 1},
    ]
    shown = aol("query", "tickets", "--as", "cli-owner", *arguments).stdout.splitlines()
    assert [line.split() for line in (shown[0], shown[2])] == [["_id", "at.x", "priority"], ["t2", "1", "2"]]


def test_query_without_a_match_says_so_to_people_and_nothing_to_programs(aol: Aol) -> None:
    arguments = ["query", "tickets", "--as", "cli-owner", "--filter", '{"title": "none"}']
    assert aol(*arguments).stdout == "No documents match.\n"
    assert aol(*arguments, "--json").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["query", "cli-owner.tickets", "--as", "cli-stranger"], 3, "GRANT_MISSING"),
        (["query", "cli-owner.secrets", "--as", "cli-reader"], 3, "GRANT_PENDING"),
        (["query", "cli-owner.nothing", "--as", "cli-owner"], 4, "COLLECTION_NOT_FOUND"),
        (["query", "cli-owner.nothing", "--as", "cli-reader"], 3, "GRANT_MISSING"),
        (["query", "cli-owner.tickets", "--as", "cli-owner", "--filter", '{"a": {"$like": 1}}'], 2, "BAD_FILTER"),
        (["query", "cli-owner.tickets", "--as", "cli-owner", "--sort", "a..b"], 2, "BAD_PATH"),
        (["query", "a/../b", "--as", "cli-owner"], 2, "BAD_PATH"),
        (["describe", "cli-owner.nothing"], 4, "COLLECTION_NOT_FOUND"),
        (["describe", "cli-owner.tickets", "--as", "cli-stranger"], 3, "GRANT_MISSING"),
        (["grant", "cli-owner.nothing", "cli-reader", "read"], 4, "COLLECTION_NOT_FOUND"),
        (["grant", "cli-owner.tickets", "Not A Service", "read"], 2, "BAD_PATH"),
        (["revoke", "cli-owner.nothing", "cli-reader"], 4, "COLLECTION_NOT_FOUND"),
    ],
)
def test_what_the_broker_refuses_is_a_message_with_its_reason_and_an_exit_code(
    aol: Aol, arguments: list[str], code: int, reason: str
) -> None:
    for form in ([], [] if arguments[0] == "grant" else ["--json"]):
        done = aol(*arguments, *form, code=code)
        assert done.stdout == ""
        assert done.stderr.startswith("Error: ")
        assert reason in done.stderr


def test_grants_are_given_listed_and_taken_back(aol: Aol) -> None:
    arguments = ["cli-owner.secrets", "cli-guest", "write"]
    assert aol("grant", *arguments, "--reason", "On leave").stdout == "cli-guest now has write on cli-owner.secrets.\n"
    assert objects(aol("grant", *arguments, "--json"))[0]["granted"] is False
    [grant] = objects(aol("grants", "--service", "cli-guest", "--json"))
    assert (grant["state"], grant["origin"], grant["granted_by"], grant["reason"]) == (
        *("active", "grant", "operator"),
        "On leave",
    )
    shown = aol("grants", "--collection", "cli-owner.secrets").stdout
    assert re.search(r"^cli-owner\.secrets +cli-guest +write +active +operator ", shown, re.MULTILINE)
    assert "To agree: aol grant cli-owner.secrets cli-reader read" in shown.splitlines()
    assert aol("revoke", *arguments).stdout == "cli-guest no longer has write on cli-owner.secrets.\n"
    assert objects(aol("revoke", *arguments[:2], "--json")) == [
        {"collection": "cli-owner.secrets", "service": "cli-guest", "permission": None, "revoked": False}
    ]
    assert aol("grants", "--service", "cli-guest").stdout == "There are no such grants and no requests for any.\n"


def test_the_command_that_a_denial_names_lets_the_service_through(aol: Aol) -> None:
    request = ["query", "cli-owner.tickets", "--as", "cli-asker"]
    denied = aol(*request, code=3)
    found = re.search(r"aol (grant cli-owner\.tickets cli-asker read)$", denied.stderr, re.MULTILINE)
    assert found is not None
    aol(*found[1].split())
    aol(*request)


def test_audit_search_finds_calls_by_who_what_and_how(aol: Aol) -> None:
    aol("query", "cli-owner.tickets", "--as", "cli-audited", "--filter", '{"title": "x"}', code=3)
    conditions = ["--service", "cli-audited", "--collection", "cli-owner.tickets", "--operation", "query"]
    conditions += ["--outcome", "denied", "--since", "5m"]
    record = objects(aol("audit", "search", *conditions, "--json"))[-1]
    assert (record["service"], record["outcome"], record["reason"]) == ("cli-audited", "denied", "GRANT_MISSING")
    assert record["filters"] == {"title": "x"}
    shown = aol("audit", "search", *conditions).stdout
    assert re.search(r" denied +cli-audited +query +cli-owner\.tickets +GRANT_MISSING ", shown)
    assert aol("audit", "search", *conditions, "--until", "4m").stdout == "No audit records match.\n"
    limited = aol("audit", "search", "--limit", "2").stdout.splitlines()
    assert limited[-1] == "These are the newest 2; there may be older ones (--limit)."


def test_audit_tail_shows_the_newest_records_a_line_each(aol: Aol) -> None:
    aol("query", "cli-owner.tickets", "--as", "cli-tailed", code=3)
    [line] = aol("audit", "tail", "-n", "1").stdout.splitlines()
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  denied  cli-tailed +query +cli-owner\.tickets +0 ", line)
    assert objects(aol("audit", "tail", "-n", "2", "--json"))[0]["service"] == "cli-tailed"


def test_a_narrow_reader_gets_whole_lines_of_that_width(aol: Aol) -> None:
    shown = aol("audit", "search", "--limit", "5", env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, shown[:7])) <= 80
    tailed = aol("audit", "tail", "-n", "5", env={"COLUMNS": "60"}).stdout.splitlines()
    assert (len(tailed), max(map(len, tailed))) == (5, 60)


@pytest.fixture
def following(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "aol_cli", "audit", "tail", "-n", "1", "-f", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_following_shows_new_records_but_not_its_own_and_ends_by_ctrl_c(
    aol: Aol, following: "subprocess.Popen[str]"
) -> None:
    assert following.stdout is not None
    assert following.stderr is not None
    following.stdout.readline()
    for name in ("cli-first", "cli-second"):
        aol("query", "cli-owner.tickets", "--as", name, code=3)
        assert json.loads(following.stdout.readline())["service"] == name
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    assert (following.stdout.read(), following.stderr.read()) == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [["audit", "tail", "-n", "1000"], ["audit", "search", "--json"], ["services"], ["collections", "--json"]],
)
def test_a_reader_that_goes_away_is_no_error_to_speak_of(arguments: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "aol_cli", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert (process.wait(30), process.stderr.read()) == (141, "")


def test_text_that_the_locale_cannot_print_is_no_error(aol: Aol, broker: Broker) -> None:
    async def store() -> None:
        async with AOLDataClient(broker.endpoint, "cli-owner") as client:
            await client.insert("secrets", {"_id": "s", "city": "Zürich 机场"})

    asyncio.run(store())
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    arguments = ["query", "secrets", "--as", "cli-owner"]
    assert "Z?rich ??" in aol(*arguments, env=ascii_only).stdout
    assert objects(aol(*arguments, "--json", "--fields", "city", env=ascii_only)) == [
        {"_id": "s", "city": "Zürich 机场"}
    ]


def test_doctor_finds_a_healthy_broker_healthy(aol: Aol, broker: Broker) -> None:
    [report] = objects(aol("doctor", "--json"))
    assert (report["healthy"], report["endpoint"]) == (True, broker.endpoint)
    checks = {check["name"]: check["state"] for check in report["checks"]}
    names = ("endpoint", "broker", "adapter sqlite", "operator token", "operator call", "registry")
    assert checks == dict.fromkeys(names, "ok")
    assert re.search(r"^registry +ok +revision \d+, \d+ collections$", aol("doctor").stdout, re.MULTILINE)


def test_doctor_needs_no_token_but_refuses_a_wrong_one(aol: Aol, tmp_path: Path) -> None:
    [report] = objects(aol("doctor", "--json", env={"AOL_DATA_DIR": str(tmp_path)}))
    assert {check["name"]: check["state"] for check in report["checks"]} == {
        "operator token": "skipped",
        "endpoint": "ok",
        "broker": "ok",
        "adapter sqlite": "ok",
    }
    wrong = aol("doctor", env={"AOL_OPERATOR_TOKEN": "a-token-that-is-wrong"}, code=1)
    assert re.search(r"^operator call +failed ", wrong.stdout, re.MULTILINE)
    assert "a-token-that-is-wrong" not in wrong.stdout + wrong.stderr


def test_doctor_reads_the_configuration_and_finds_its_broker(aol: Aol, broker: Broker, tmp_path: Path) -> None:
    config = tmp_path / "broker.yaml"
    config.write_text(f"listen: {broker.endpoint}\ndata_dir: {broker.data_dir}\n")
    # Empty variables count as none.
    nothing = {"AOL_ENDPOINT": "", "AOL_DATA_DIR": ""}
    [report] = objects(aol("doctor", "--config", str(config), "--json", env=nothing))
    assert (report["healthy"], report["endpoint"]) == (True, broker.endpoint)
    config.write_text(f"listen: {broker.endpoint}\ndatadir: /nowhere\n")
    broken = aol("doctor", "--config", str(config), "--endpoint", broker.endpoint, code=1, env=nothing)
    assert re.search(r"^configuration +failed .*datadir", broken.stdout, re.MULTILINE)


OPERATORS_COMMANDS = [
    ["services"],
    ["collections"],
    ["grants"],
    ["grant", "cli-owner.tickets", "cli-reader", "read"],
    ["revoke", "cli-owner.tickets", "cli-reader"],
    ["audit", "tail"],
    ["audit", "search"],
]


@pytest.mark.parametrize("arguments", OPERATORS_COMMANDS)
def test_an_operator_s_command_without_the_token_changes_nothing_and_says_where_it_looks(
    aol: Aol, arguments: list[str], tmp_path: Path
) -> None:
    missing = aol(*arguments, "--data-dir", str(tmp_path), code=3)
    assert "AOL_OPERATOR_TOKEN" in missing.stderr
    wrong = aol(*arguments, code=3, env={"AOL_OPERATOR_TOKEN": "a-token-that-is-wrong"})
    assert "BAD_CREDENTIALS" in wrong.stderr
    assert "a-token-that-is-wrong" not in wrong.stderr
    assert missing.stdout + wrong.stdout == ""


@pytest.mark.parametrize(
    "arguments", [*OPERATORS_COMMANDS, ["query", "a.b", "--as", "a"], ["describe", "a.b"], ["apply", "manifest.yaml"]]
)
def test_a_broker_that_does_not_answer_is_exit_code_5(aol: Aol, arguments: list[str], manifests: Path) -> None:
    arguments = [str(manifests) if part == "manifest.yaml" else part for part in arguments]
    done = aol(*arguments, "--endpoint", "127.0.0.1:1", code=5)
    assert "no broker answers at 127.0.0.1:1" in done.stderr
    assert done.stdout == ""


def test_doctor_says_that_a_broker_does_not_answer(aol: Aol) -> None:
    done = aol("doctor", "--endpoint", "127.0.0.1:1", code=1)
    assert re.search(r"^endpoint +failed +no broker answers", done.stdout, re.MULTILINE)
