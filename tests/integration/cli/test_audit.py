"""Does the command show the audit trail, and get along with whatever reads its output?"""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from aol_client import AOLDataClient

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("applied")]

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
