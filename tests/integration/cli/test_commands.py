"""Do the commands show and change what a real broker knows, for people and for programs?"""

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


def test_apply_tells_what_is_new_granted_and_pending_as_it_stands_at_the_end(applied: Result) -> None:
    plan, _, done = applied.stdout.partition(" to 2 services: 5 safe.\n")
    assert "  + safe          tickets.sharing.cli-reader.read: read for cli-reader" in plan.splitlines()
    assert done.splitlines() == [
        "cli-reader: version 1",
        # Shared by the manifest that was applied after the one that asks.
        "  active   read on cli-owner.tickets",
        "  pending  read on cli-owner.secrets: cli-owner agrees by adding to 'secrets' in its manifest",
        "             sharing: [{service: cli-reader, permission: read}]",
        "           or an operator runs: aol grant cli-owner.secrets cli-reader read",
        "cli-owner: version 1",
        "  created  cli-owner.tickets",
        "  created  cli-owner.secrets",
    ]


def test_applying_again_changes_nothing(aol: Aol, manifests: Path) -> None:
    owner, reader = objects(aol("apply", "--json", str(manifests)))
    assert (owner["service"], owner["changed"], owner["created_collections"]) == ("cli-owner", False, [])
    assert [grant["collection"] for grant in reader["active_grants"]] == ["cli-owner.tickets"]
    assert [grant["state"] for grant in reader["pending_grants"]] == ["pending"]


def test_apply_reports_every_bad_manifest_and_applies_none(aol: Aol, tmp_path: Path) -> None:
    for name, text in [
        ("a", "metadata: {name: cli-bad}\nspec: {dataRequirements: {colections: []}}\n"),
        ("b", "metadata: {name: cli-good}\nspec: {}\n"),
        ("c", "metadata: ["),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(text)
    done = aol("apply", str(tmp_path), code=1)
    assert done.stdout == ""
    assert aol("history", "cli-good").stdout == "No manifest of cli-good was ever applied.\n"
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
    for pattern in (
        r"cli-owner may +read, write, admin",
        r"^  secrets +refuse$",
        r"^priority +number$",
        r"^ascending\(priority\) +ready$",
    ):
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
        {
            "collection": "cli-owner.secrets",
            "service": "cli-guest",
            "permission": None,
            "revoked": False,
            "still_by": [],
        }
    ]
    assert aol("grants", "--service", "cli-guest").stdout == "There are no such grants and no requests for any.\n"


def test_the_command_that_a_denial_names_lets_the_service_through(aol: Aol) -> None:
    request = ["query", "cli-owner.tickets", "--as", "cli-asker"]
    denied = aol(*request, code=3)
    found = re.search(r"aol (grant cli-owner\.tickets cli-asker read)$", denied.stderr, re.MULTILINE)
    assert found is not None
    aol(*found[1].split())
    aol(*request)
