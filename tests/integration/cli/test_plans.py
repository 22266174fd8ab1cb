"""Does the command show what manifests would change, apply exactly that, and tell machines by its exit codes?"""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from aol_cli.output import escaped
from aol_client import AOLDataClient
from manifest_samples import text
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
ITEMS: dict[str, Any] = {
    "name": "items",
    "schemaHint": {"title": "string", "price": "number"},
    "indexes": [{"fields": ["title"], "type": "ascending"}],
    "sharing": [{"service": "plan-reader", "permission": "read"}],
}
CHANGED = {**ITEMS, "schemaHint": {"title": "string", "price": "string"}, "description": "Wares | and <more>"}
ASKS = [{"collection": "plan-shop.items", "permission": "read", "reason": "sums"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("plan-shop", "plan-reader"):
        (tmp_path / name).mkdir()
    return tmp_path


def write(folder: Path, service: str, manifest: str) -> Path:
    path = folder / service / "manifest.yaml"
    path.write_text(manifest)
    return path


@pytest.fixture
def deployed(aol: Aol, folder: Path) -> Path:
    """Both services as they begin, whatever the tests before have made of them."""
    write(folder, "plan-shop", text("plan-shop", "1", [ITEMS]))
    write(folder, "plan-reader", text("plan-reader", "1", [], ASKS))
    aol("apply", str(folder), "--allow", "destructive", "--replaces-all")
    return folder


def test_nothing_to_do_is_exit_code_0(aol: Aol, deployed: Path) -> None:
    assert aol("plan", str(deployed)).stdout == "Nothing to do: the registry says what the manifests say.\n"
    assert "### Data manifests" in aol("plan", str(deployed), "--markdown").stdout
    [plan] = [json.loads(line) for line in aol("plan", str(deployed), "--json").stdout.splitlines()]
    assert (plan["changes"], plan["grade"]) == ([], None)


def test_changes_are_shown_like_a_diff_and_exit_code_2(aol: Aol, deployed: Path) -> None:
    path = write(deployed, "plan-shop", text("plan-shop", "1", [{**ITEMS, "description": "Wares"}]))
    shown = aol("plan", str(path), code=2).stdout.splitlines()
    assert re.fullmatch(rf"plan-shop  {re.escape(str(path))}  version (\d+) -> \d+", shown[0])
    assert shown[1:] == [
        "  ~ safe          items.description: Wares",
        "                  it is for people",
        "",
        "1 change to 1 service: 1 safe.",
    ]


def test_breaking_changes_are_exit_code_3_and_name_whom_they_break(aol: Aol, deployed: Path) -> None:
    write(deployed, "plan-shop", text("plan-shop", "1", [CHANGED]))
    shown = aol("plan", str(deployed), code=3).stdout
    assert "  ~ breaking      items.schemaHint.price: number -> string\n" in shown
    assert re.search(r"^ +breaks plan-reader \(declared: version \d+ of its manifest asks for read\)$", shown, re.M)
    [plan] = [json.loads(line) for line in aol("plan", str(deployed), "--json", code=3).stdout.splitlines()]
    assert plan["grade"] == "breaking"
    [change] = [item for item in plan["changes"] if item["grade"] == "breaking"]
    assert [(item["service"], item["known"]) for item in change["consumers"]] == [("plan-reader", "declared")]
    assert (change["action"], change["before"], change["after"]) == ("changed", "number", "string")


def test_calls_that_were_seen_are_told_with_what_they_name_and_when_the_last_was(
    aol: Aol, deployed: Path, broker: RunningBroker
) -> None:
    """A service queries by a field, and its owner is told what that breaks before the field goes."""

    async def query() -> None:
        async with AOLDataClient(broker.endpoint, "plan-reader") as client:
            assert await client.query("plan-shop.items", {"price": {"$gt": 1}}, projection=["title"]) == []

    asyncio.run(query())
    write(deployed, "plan-shop", text("plan-shop", "1", [{**ITEMS, "schemaHint": {"title": "string"}}]))
    arguments = ("plan", str(deployed / "plan-shop"))
    observed = r"^ +breaks plan-reader \(observed: query naming price, (once|\d+ times), last 2.{18}Z\)$"
    shown = aol(*arguments, code=3).stdout
    assert "  - breaking      items.schemaHint.price: number\n" in shown
    assert re.search(observed, shown, re.M), shown
    [plan] = [json.loads(line) for line in aol(*arguments, "--json", code=3).stdout.splitlines()]
    [change] = plan["changes"]
    [seen] = [item for item in change["consumers"] if item["known"] == "observed"]
    assert seen["detail"].startswith("query naming price, ")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(seen["last_used_at"])) < timedelta(hours=1)


def test_markdown_puts_the_worst_first_and_lets_nothing_of_a_manifest_be_markup(aol: Aol, deployed: Path) -> None:
    write(deployed, "plan-shop", text("plan-shop", "1", [CHANGED]))
    lines = aol("plan", str(deployed), "--markdown", code=3).stdout.splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows[0].startswith("| `~` | **breaking** | `items.schemaHint.price: number -> string` |")
    assert "`items.description: Wares \\| and <more>`" in rows[1]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["plan"], "PATH"),
        (["plan", "no/such/file.yaml"], "does not exist"),
        (["plan", "{good}", "--bogus"], "--bogus"),
        (["plan", "{good}", "--json", "--markdown"], "choose one"),
        (["plan", "{good}", "--endpoint", "127.0.0.1:1"], "no broker answers"),
        (["plan", "{good}", "--token-file", "{good}"], "token"),
        (["plan", "{bad}"], "bad.yaml:1"),
    ],
    ids=["no path", "no file", "no option", "two forms", "no broker", "no token", "bad manifest"],
)
def test_whatever_goes_wrong_with_a_plan_is_exit_code_1(
    aol: Aol, tmp_path: Path, arguments: list[str], hint: str
) -> None:
    (tmp_path / "good.yaml").write_text(text("plan-good"))
    (tmp_path / "bad.yaml").write_text("metadata: {}\n")
    places = {name: str(tmp_path / f"{name}.yaml") for name in ("good", "bad")}
    done = aol(*(argument.format(**places) for argument in arguments), code=1)
    assert hint in done.stderr
    assert done.stdout == ""


def test_apply_applies_the_plan_of_a_file_once_and_nothing_else(aol: Aol, deployed: Path, tmp_path: Path) -> None:
    path = write(deployed, "plan-shop", text("plan-shop", "1", [{**ITEMS, "description": "As planned"}]))
    plan = tmp_path / "plan.json"
    aol("plan", str(deployed), "--out", str(plan), code=2)
    path.write_text(text("plan-shop", "1", [{**ITEMS, "description": "Edited afterwards"}]))
    done = aol("apply", "--plan", str(plan))
    assert "items.description: As planned" in done.stdout
    assert "As planned" in aol("describe", "plan-shop.items").stdout
    again = aol("apply", "--plan", str(plan))
    assert "this plan had been applied before" in again.stderr


def test_a_plan_that_is_not_of_now_or_was_edited_is_refused(aol: Aol, deployed: Path, tmp_path: Path) -> None:
    write(deployed, "plan-shop", text("plan-shop", "1", [{**ITEMS, "description": "Late"}]))
    plan = tmp_path / "plan.json"
    aol("plan", str(deployed), "--out", str(plan), code=2)
    edited = tmp_path / "edited.json"
    edited.write_text(plan.read_text().replace("Late", "Other"))
    assert "edited" in aol("apply", "--plan", str(edited), code=1).stderr
    aol("grant", "plan-shop.items", "plan-guest", "read")
    assert "Plan again" in aol("apply", "--plan", str(plan), code=1).stderr
    assert "Late" not in aol("describe", "plan-shop.items").stdout
    edited.write_text("{}x")
    assert "is no plan" in aol("apply", "--plan", str(edited), code=1).stderr
    aol("apply", "--plan", str(plan), str(deployed), code=2)
    aol("revoke", "plan-shop.items", "plan-guest")


def test_more_than_safe_is_applied_only_when_that_is_said(aol: Aol, deployed: Path) -> None:
    write(deployed, "plan-shop", text("plan-shop", "1", [CHANGED]))
    for allow in ([], ["--allow", "review"]):
        done = aol("apply", str(deployed), *allow, code=1)
        assert "--allow breaking applies them" in done.stderr
        assert "breaking      items.schemaHint.price" in done.stdout
    assert json.loads(aol("describe", "plan-shop.items", "--json").stdout)["schema_hint"]["price"] == "number"
    aol("apply", str(deployed), "--allow", "breaking")
    assert json.loads(aol("describe", "plan-shop.items", "--json").stdout)["schema_hint"]["price"] == "string"


def test_history_rollback_and_retire(aol: Aol, deployed: Path) -> None:
    newest = json.loads(aol("history", "plan-shop", "--json").stdout.splitlines()[0])
    assert newest["source"] == escaped(str(deployed / "plan-shop" / "manifest.yaml"))
    before = newest["version"]
    write(deployed, "plan-shop", text("plan-shop", "2", [{**ITEMS, "description": "Regretted"}]))
    aol("apply", str(deployed))
    shown = aol("history", "plan-shop").stdout
    assert re.search(rf"^ +{before + 1}  \S+ \S+  operator  yes ", shown, re.M)
    back = aol("rollback", "plan-shop", str(before))
    assert "~ safe          items.description: Regretted" in back.stdout
    assert back.stdout.splitlines()[-1].startswith("  active") or f"version {before + 2}" in back.stdout
    assert "Regretted" not in aol("describe", "plan-shop.items").stdout
    assert aol("retire", "plan-shop", str(before)).stdout == f"Version {before} of plan-shop is retired.\n"
    [again] = [json.loads(line) for line in aol("retire", "plan-shop", str(before), "--json").stdout.splitlines()]
    assert again["retired"] is False
    assert "newest" in aol("retire", "plan-shop", str(before + 2), code=2).stderr
    assert "no such version" in aol("rollback", "plan-shop", "99", code=1).stderr
    assert aol("history", "plan-nobody").stdout == "No manifest of plan-nobody was ever applied.\n"


def test_two_files_of_one_service_are_refused_before_anything_is_done(aol: Aol, tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(text("plan-twice"))
    done = aol("apply", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), code=1)
    assert "plan-twice" in done.stderr
    assert "a.yaml" in done.stderr
    assert aol("history", "plan-twice").stdout.startswith("No manifest")


def test_an_index_that_stored_documents_do_not_fit_is_told_and_exit_code_1(
    aol: Aol, tmp_path: Path, broker: RunningBroker
) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(text("plan-twins", "1", [{"name": "x"}]))
    aol("apply", str(path))

    async def store() -> None:
        async with AOLDataClient(broker.endpoint, "plan-twins") as client:
            await client.insert("x", {"a": 1})
            await client.insert("x", {"a": 1})

    asyncio.run(store())
    path.write_text(text("plan-twins", "1", [{"name": "x", "indexes": [{"fields": ["a"], "type": "unique"}]}]))
    done = aol("apply", str(path), "--allow", "review", code=1)
    assert "these indexes could not be built:\n  plan-twins.x unique(a): " in done.stderr


def test_a_service_deploys_its_own_manifest_with_its_own_token_and_no_other(
    aol: Aol, deployed: Path, tmp_path: Path
) -> None:
    token = tmp_path / "shop.token"
    token.write_text(aol("token", "create", "plan-shop").stdout)
    own, anothers = (str(deployed / service / "manifest.yaml") for service in ("plan-shop", "plan-reader"))
    write(deployed, "plan-shop", text("plan-shop", "2", [CHANGED]))
    write(deployed, "plan-reader", text("plan-reader", "2", [], ASKS))
    env = {"AOL_DATA_DIR": str(tmp_path / "nowhere"), "AOL_TOKEN_FILE": str(token)}
    acting = ("--as", "plan-shop")
    plan = str(tmp_path / "plan.json")
    shown = aol("plan", own, *acting, "--out", plan, code=3, env=env).stdout
    assert "breaks plan-reader (declared: a version of its manifest that runs asks for it)" in shown
    assert "--allow breaking" in aol("apply", "--plan", plan, *acting, code=1, env=env).stderr
    applied = aol("apply", "--plan", plan, *acting, "--allow", "breaking", env=env).stdout
    version = int(applied.rsplit("plan-shop: version ", 1)[1])
    back = ("rollback", "plan-shop", str(version - 1), *acting, "--allow", "destructive")
    assert f"plan-shop: version {version + 1}\n" in aol(*back, env=env).stdout
    history = aol("history", "plan-shop", "--json", *acting, env=env).stdout.splitlines()
    assert [json.loads(line)["applied_by"] for line in history[:3]] == [*["service:plan-shop"] * 2, "operator"]
    for refused in (("plan", anothers), ("plan", str(deployed)), ("apply", anothers), ("history", "plan-reader")):
        done = aol(*refused, *acting, code=1 if refused[0] == "plan" else 3, env=env)
        assert "the credentials are those of plan-shop" in done.stderr
    assert "calls itself plan-reader" in aol("plan", anothers, "--as", "plan-reader", code=1, env=env).stderr
    assert "--as SERVICE" in aol("plan", own, code=1, env=env).stderr


def test_where_names_are_believed_a_service_deploys_by_its_name(aol: Aol, deployed: Path, tmp_path: Path) -> None:
    env = {"AOL_DATA_DIR": str(tmp_path / "nowhere")}
    write(deployed, "plan-reader", text("plan-reader", "2", [], ASKS))
    shown = aol("apply", str(deployed / "plan-reader"), "--as", "plan-reader", env=env).stdout
    assert "active   read on plan-shop.items" in shown
