"""Does the command show the audit trail, and get along with whatever reads its output?"""

import asyncio
import csv
import io
import json
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aol_broker.audit.record import Outcome
from aol_cli.app import app
from aol_client import AOLDataClient
from audit_samples import folder_of, intended, record
from running_brokers import StartBroker

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("applied")]

DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")

Aol = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


def objects(done: Result) -> list[dict[str, Any]]:
    """What a program reads; there is nothing else on stdout."""
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


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


def test_the_documented_ways_to_read_work_as_they_stand(aol: Aol) -> None:
    section = DOCUMENTATION.split("\n## Reading\n")[1].split("\n## ")[0]
    commands = re.findall(r"^(aol audit .*)$", section, re.MULTILINE)
    assert {command.split()[2] for command in commands} == {"tail", "search", "who", "unresolved"}
    for command in commands:
        assert aol(*shlex.split(command)[1:]).stdout != ""


def test_audit_status_shows_how_the_log_is_doing(aol: Aol) -> None:
    [value] = objects(aol("audit", "status", "--json"))
    assert (value["failure"], value["oldest_seq"], value["sinks"], value["anchors"]) == ("", 1, [], [])
    assert value["durable_seq"] >= 1
    shown = aol("audit", "status").stdout
    assert re.search(r"^records +[\d,]+ are durable; new ones can be written$", shown, re.MULTILINE)
    assert re.search(rf"^files +1, [\d,.]+ (bytes|MB), {value['open_segment']} is open$", shown, re.MULTILINE)
    assert shown.endswith("sinks     none\n")


def test_audit_tail_shows_the_newest_records_a_line_each(aol: Aol) -> None:
    aol("query", "cli-owner.tickets", "--as", "cli-tailed", code=3)
    [line] = aol("audit", "tail", "-n", "1").stdout.splitlines()
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  denied  cli-tailed +query +cli-owner\.tickets +0 ", line)
    assert objects(aol("audit", "tail", "-n", "2", "--json"))[0]["service"] == "cli-tailed"


def insert(environment: dict[str, str], document_id: str, **document: Any) -> None:
    async def store() -> None:
        async with AOLDataClient(environment["AOL_ENDPOINT"], "cli-owner") as client:
            await client.insert("tickets", {"_id": document_id, **document})

    asyncio.run(store())


def test_audit_search_finds_calls_by_principal_document_field_and_ids(aol: Aol) -> None:
    name = "cli-sought"
    aol("query", "cli-owner.tickets", "--as", name, "--filter", '{"_id": "d-sought", "at.x": 1}', code=3)
    [record] = objects(aol("audit", "search", "--service", name, "--json"))
    for condition in (
        ["--document", "d-sought"],
        ["--principal", f"service:{name}"],
        ["--service", name, "--field", "at"],
        ["--request", record["request_id"]],
        [record["request_id"][4:]],
        ["d-sough", "--service", name],
        ["--stage", "completed", "--service", name],
    ):
        assert objects(aol("audit", "search", *condition, "--operation", "query", "--json")) == [record]
    for condition in (
        ["--document", "d-sough"],
        ["--field", "y"],
        ["--request", record["request_id"][4:]],
        ["d-sought-not"],
        ["--trace", "0af7651916cd43dd8448eb211c80319c"],
        ["--stage", "intended"],
    ):
        found = aol("audit", "search", *condition, "--service", name, "--operation", "query")
        assert found.stdout == "No audit records match.\n"


def test_a_search_is_recorded_with_what_it_looked_for(aol: Aol) -> None:
    aol("audit", "search", "--document", "d-watched", "--since", "1h", "--stage", "all")
    # Whoever looks for a value may have mistyped a secret one: it is shown as those are.
    known = aol("audit", "hmac", "d-watched").stdout.strip()
    [searched] = objects(aol("audit", "search", known, "--operation", "search_audit", "--json"))
    assert (searched["principal"], searched["outcome"]) == ("operator", "ok")
    assert searched["filters"]["document_id"] == {"$hmac": known}
    assert searched["filters"]["stages"] == ["intended", "completed", "resolved"]
    assert searched["filters"].keys() == {"document_id", "since", "stages"}


def test_csv_is_for_spreadsheets_and_holds_no_formula_and_no_control_character(aol: Aol) -> None:
    text = '=1+1,"\x1b[31m\n'
    aol("query", "cli-owner.tickets", "--as", "cli-csv", "--filter", json.dumps({"title": text}), code=3)
    [record] = objects(aol("audit", "search", "--service", "cli-csv", "--json"))
    done = aol("audit", "search", "--service", "cli-csv", "--csv").stdout_bytes
    assert done.count(b"\r\n") == 2
    assert b"\x1b" not in done
    [row] = csv.DictReader(io.StringIO(done.decode(), newline=""), strict=True)
    assert json.loads(row["filters"]) == {"title": text}
    assert (row["seq"], row["service"], row["hash"]) == (str(record["seq"]), "cli-csv", record["hash"])
    assert set(row) == {*record, "security", "tenant", "user"}, "which only calls on secured collections have"


def test_audit_who_tells_who_used_a_collection_and_who_tried(aol: Aol, environment: dict[str, str]) -> None:
    insert(environment, "d-who")
    for name in ("cli-reader", "cli-prying"):
        for _ in range(2):
            aol("query", "cli-owner.tickets", "--as", name, code=3 if name == "cli-prying" else 0)
    rows = objects(aol("audit", "who", "cli-owner.tickets", "--since", "10m", "--json"))
    counts = {(row["service"], row["operation"], row["outcome"]): row["count"] for row in rows}
    assert counts["cli-prying", "query", "denied"] == 2
    assert counts["cli-reader", "query", "ok"] >= 2
    assert counts["cli-owner", "insert", "ok"] >= 4
    lasts = [row["last"] for row in rows]
    assert lasts == sorted(lasts, reverse=True)
    assert all(row["first"] <= row["last"] for row in rows)
    shown = aol("audit", "who", "cli-owner.tickets").stdout
    assert re.search(r"^ *cli-prying +query +denied +2 +\S+ \S+Z +\S+ \S+Z$", shown, re.MULTILINE)
    nobody = aol("audit", "who", "cli-owner.tickets", "--until", "2020-01-01").stdout
    assert nobody.startswith("No call on cli-owner.tickets is in the audit log of ")


def test_audit_show_tells_all_of_one_request(aol: Aol, environment: dict[str, str]) -> None:
    insert(environment, "d-shown")
    record = objects(aol("audit", "search", "--operation", "insert", "--service", "cli-owner", "--json"))[-1]
    records = objects(aol("audit", "show", record["request_id"], "--json"))
    assert [it["stage"] for it in records] in (["completed"], ["intended", "completed"])
    assert records[-1] == record
    shown = aol("audit", "show", record["request_id"]).stdout
    assert f"{len(records)} of {len(records)}: insert completed, ok\n" in shown
    for key, value in record.items():
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value, separators=(",", ":"))
        assert re.search(rf"^  {key} +{re.escape(text)}$" if text else rf"^  {key}$", shown, re.MULTILINE)
    refused = aol("audit", "show", "no-such-request", code=1)
    assert re.search(r"^Error: the audit log of the broker \S+ holds no record of that request\.$", refused.stderr)


async def test_audit_unresolved_tells_of_writes_without_an_end(start_broker: StartBroker, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "audit"
    lost = record(1, request_id="r-lost", operation="insert")
    unknown = record(2, request_id="r-unknown", operation="update", outcome=Outcome.UNKNOWN, intent=2)
    known = record(3, request_id="r-known", operation="insert", intent=4)
    folder_of(folder, [[intended(lost), intended(unknown), unknown, intended(known), known], []])
    broker = await start_broker()
    environment = {"AOL_ENDPOINT": broker.endpoint, "AOL_DATA_DIR": str(tmp_path / "data")}

    def aol(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)

    found = objects(await asyncio.to_thread(aol, "audit", "unresolved", "--json"))
    assert {it["request_id"] for it in found} == {"r-lost", "r-unknown"}
    assert {it["outcome"] for it in found} <= {"pending", "unknown"}
    shown = (await asyncio.to_thread(aol, "audit", "unresolved")).stdout
    assert re.search(r" unknown +s +update +s\.c ", shown)
    whole = objects(await asyncio.to_thread(aol, "audit", "show", "r-known", "--json"))
    assert [(it["stage"], it["outcome"]) for it in whole] == [("intended", "pending"), ("completed", "ok")]
    searched = objects(await asyncio.to_thread(aol, "audit", "search", "--request", "r-known", "--json"))
    assert searched == whole[1:]


@pytest.mark.parametrize(
    "arguments",
    [["search"], ["tail"], ["who", "cli-owner.tickets"], ["show", "r"], ["unresolved"]],
    ids=lambda it: it[0],
)
def test_who_is_no_operator_reads_no_audit_record_and_that_is_recorded(aol: Aol, arguments: list[str]) -> None:
    refused = aol("audit", *arguments, code=3, env={"AOL_OPERATOR_TOKEN": "the token of nobody"})
    assert refused.stdout == ""
    operation = "summarize_audit" if arguments[0] == "who" else "search_audit"
    record = objects(aol("audit", "search", "--operation", operation, "--outcome", "denied", "--json"))[-1]
    assert (record["principal"], record["reason"], record["result_count"]) == ("", "BAD_CREDENTIALS", 0)


def test_a_narrow_reader_gets_whole_lines_of_that_width(aol: Aol) -> None:
    shown = aol("audit", "search", "--limit", "5", env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, shown[:7])) <= 80
    tailed = aol("audit", "tail", "-n", "5", env={"COLUMNS": "60"}).stdout.splitlines()
    assert (len(tailed), max(map(len, tailed))) == (5, 60)


def test_following_shows_new_records_but_not_its_own_and_ends_by_ctrl_c(
    aol: Aol, start: Start, environment: dict[str, str]
) -> None:
    following = start("audit", "tail", "-n", "1", "-f", "--json", env=environment)
    assert following.stdout is not None
    assert following.stderr is not None
    following.stdout.readline()
    for name in ("cli-first", "cli-second"):
        aol("query", "cli-owner.tickets", "--as", name, code=3)
        assert json.loads(following.stdout.readline())["service"] == name
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    assert (following.stdout.read(), following.stderr.read()) == ("", "")


@pytest.mark.parametrize("arguments", [["audit", "tail", "-n", "1000"], ["collections", "--json"]])
def test_a_reader_that_goes_away_is_no_error_to_speak_of(
    arguments: list[str], start: Start, environment: dict[str, str]
) -> None:
    process = start(*arguments, env=environment)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert (process.wait(30), process.stderr.read()) == (141, "")


def test_text_that_the_locale_cannot_print_is_no_error(start: Start, environment: dict[str, str]) -> None:
    city = "Z\u00fcrich \u673a\u573a"

    async def store() -> None:
        async with AOLDataClient(environment["AOL_ENDPOINT"], "cli-owner") as client:
            await client.insert("secrets", {"_id": "s", "city": city})

    asyncio.run(store())
    ascii_only = {**environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    arguments = ("query", "secrets", "--as", "cli-owner", "--fields", "city")
    shown, errors = start(*arguments, env=ascii_only).communicate(timeout=30)
    assert ("Z?rich ??" in shown, errors) == (True, "")
    printed, _ = start(*arguments, "--json", env=ascii_only).communicate(timeout=30)
    assert json.loads(printed) == {"_id": "s", "city": city}
