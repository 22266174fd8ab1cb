"""Does `aol requests` list what waits for its owner, and do its commands answer, once and for what there is?"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
OWNER = "metadata: {name: req-owner}\nspec: {dataRequirements: {collections: [{name: things}]}}\n"
ASKER = """\
metadata: {name: req-asker}
spec:
  dataRequirements:
    accessRequests: [{collection: req-owner.things, permission: write, reason: To add some}]
"""


def test_a_request_waits_until_the_command_that_it_names_is_run(aol: Aol, tmp_path: Path) -> None:
    for name, text in (("req-owner", OWNER), ("req-asker", ASKER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(text)
    aol("apply", str(tmp_path))
    [item] = [json.loads(line) for line in aol("requests", "--service", "req-owner", "--json").stdout.splitlines()]
    assert (item["collection"], item["service"], item["permission"]) == ("req-owner.things", "req-asker", "write")
    assert (item["reason"], bool(item["created_at"])) == ("To add some", True)
    assert aol("requests", "--service", "req-asker", "--json").stdout == ""
    assert f"To agree: {item['command']}\n" in aol("requests", "--collection", "req-owner.things").stdout
    _, *agreeing = shlex.split(item["command"])
    aol(*agreeing)
    assert aol("requests", "--service", "req-owner").stdout == "No requests wait.\n"


def answered(aol: Aol, *arguments: str) -> dict[str, object]:
    answer: dict[str, object] = json.loads(aol("requests", *arguments, "--json").stdout)
    return answer


def asked_by(service: str, folder: Path, permissions: str = "read, write", reason: str = "sums") -> str:
    """Write a manifest that asks for permissions on req-owner.things; return where it is."""
    requests = (
        f"{{collection: req-owner.things, permission: {item}, reason: {reason}}}" for item in permissions.split(", ")
    )
    listed = f"[{', '.join(requests)}]" if permissions else "[]"
    path = folder / "asks.yaml"
    path.write_text(f"metadata: {{name: {service}}}\nspec: {{dataRequirements: {{accessRequests: {listed}}}}}\n")
    return str(path)


@pytest.fixture
def owner(aol: Aol, tmp_path: Path) -> str:
    (tmp_path / "owner.yaml").write_text(OWNER)
    aol("apply", str(tmp_path / "owner.yaml"))
    return "req-owner.things"


def test_a_refusal_is_told_where_the_request_is_applied_listed_and_checked_until_it_is_asked_anew(
    aol: Aol, owner: str, tmp_path: Path
) -> None:
    name = "req-refused"
    aol("apply", asked_by(name, tmp_path))
    refuse = ("refuse", name, owner, "--reason", "Ask req-totals.")
    assert answered(aol, *refuse, "--permission", "read") == {
        "collection": owner,
        "service": name,
        "refused": ["read"],
        "already": [],
    }
    assert answered(aol, *refuse)["already"] == ["read"]
    assert "had been refused read" in aol("requests", *refuse).stdout
    applied = aol("apply", asked_by(name, tmp_path)).stdout
    assert f"  refused  read on {owner}, by operator at 20" in applied
    assert "Z: Ask req-totals.\n           To ask anew, change the request's reason.\n" in applied
    [again] = [json.loads(line) for line in aol("apply", "--json", asked_by(name, tmp_path)).stdout.splitlines()]
    assert [item["refusal"]["reason"] for item in again["refused_grants"]] == ["Ask req-totals."] * 2
    for shown in (aol("grants", "--service", name), aol("access", name)):
        assert f"Refused: read for {name} on {owner}, by operator at 20" in shown.stdout
    check = aol("access", "check", name, "query", owner, code=3).stdout
    assert "read was asked for, and refused by operator at 20" in check
    assert "denied, GRANT_PENDING" in check
    assert "refused" in aol("query", owner, "--as", name, code=3).stderr
    plan = aol("plan", asked_by(name, tmp_path, reason="sums and more"), code=2).stdout
    assert "it was refused, and is asked anew" in plan
    aol("apply", asked_by(name, tmp_path, reason="sums and more"))
    listed = [json.loads(line) for line in aol("requests", "--collection", owner, "--json").stdout.splitlines()]
    assert {item["state"] for item in listed if item["service"] == name} == {"pending"}
    assert answered(aol, "approve", name, owner, "--expires", "1h")["approved"] == ["read", "write"]
    assert "had read on req-owner.things already" in aol("requests", "approve", name, owner).stdout


def test_an_owner_answers_in_its_own_name_and_nobody_in_anothers(aol: Aol, owner: str, tmp_path: Path) -> None:
    name = "req-own-name"
    aol("apply", asked_by(name, tmp_path))
    waiting = aol("requests", "--collection", owner, "--as", "req-owner", "--json").stdout
    assert waiting == aol("requests", "--collection", owner, "--json").stdout
    made = [json.loads(line) for line in aol("requests", "--as", name, "--json").stdout.splitlines()]
    assert [(item["service"], item["permission"]) for item in made] == [(name, "read"), (name, "write")]
    assert "and req-own-name is neither" in aol("requests", "approve", name, owner, "--as", name, code=3).stderr
    aol("requests", "refuse", name, owner, "--permission", "write", "--reason", "No.", "--as", "req-owner")
    assert answered(aol, "approve", name, owner, "--permission", "read", "--as", "req-owner")["approved"] == ["read"]
    shown = [json.loads(line) for line in aol("grants", "--service", name, "--json").stdout.splitlines()]
    assert [item["granted_by"] for item in shown if item["state"] == "active"] == ["service:req-owner"]
    assert [item["refusal"]["refused_by"] for item in shown if item["refusal"]] == ["service:req-owner"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["approve", "req-nobody", "req-owner.things"], 2, "req-nobody asks for nothing on req-owner.things"),
        (["approve", "req-one", "req-owner.thing"], 4, "There is no collection 'req-owner.thing'"),
        (["refuse", "req-one", "req-owner.thing", "--reason", "x"], 2, "It asks for access to req-owner.things"),
        (["approve", "req-one", "req-owner.things", "--permission", "admin"], 2, "It asks for read there"),
        (["approve", "req-one", "things"], 2, "write service.collection"),
        (["approve", "Req One", "req-owner.things"], 2, "BAD_PATH"),
        (["refuse", "req-one", "req-owner.things"], 2, "--reason"),
        (["refuse", "req-one", "req-owner.things", "--reason", "a\x1b[2Jb"], 2, "without control characters"),
        (["refuse", "req-one", "req-owner.things", "--reason", "x" * 501], 2, "at most 500 characters"),
        (["approve", "req-one", "req-owner.things", "--expires", "soon"], 2, "--expires"),
    ],
    ids=[
        "no request",
        "no collection",
        "elsewhere",
        "other permission",
        "bare",
        "name",
        "no reason",
        "control",
        "long",
        "end",
    ],
)
def test_what_cannot_be_answered_is_told_with_what_to_do(
    aol: Aol, owner: str, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    aol("apply", asked_by("req-one", tmp_path, "read"))
    assert told in aol("requests", *arguments, code=code).stderr
    [item] = [json.loads(line) for line in aol("requests", "--json").stdout.splitlines() if '"req-one"' in line]
    assert item["state"] == "pending"


def test_what_is_granted_is_refused_by_no_command_and_ends_with_its_request(
    aol: Aol, owner: str, tmp_path: Path
) -> None:
    name = "req-granted"
    aol("apply", asked_by(name, tmp_path, "read"))
    aol("requests", "approve", name, owner, "--reason", "Fine")
    told = aol("requests", "refuse", name, owner, "--reason", "No.", code=2).stderr
    assert f"aol revoke {owner} {name} read" in told
    nothing = asked_by(name, tmp_path, "")
    plan = aol("plan", nothing, code=3).stdout
    assert f"  - breaking      grants.{owner}.read: read on {owner} by operator" in plan.splitlines()
    aol("apply", nothing, code=1)
    assert "active" in aol("grants", "--service", name).stdout
    aol("apply", nothing, "--allow", "breaking")
    assert aol("grants", "--service", name).stdout == "There are no such grants and no requests for any.\n"
