"""Do `aol lineage` and `aol impact` show what a real broker counted?"""

import asyncio
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import Result

from aol_client import AOLDataClient

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
OWNER = """\
metadata: {name: lin-owner}
spec:
  dataRequirements:
    collections:
      - {name: orders, sharing: [{service: lin-reader, permission: read}, {service: lin-idle, permission: read}]}
"""
ASKS = """\
metadata: {{name: {name}}}
spec:
  dataRequirements:
    accessRequests: [{{collection: lin-owner.orders, permission: read}}]
"""


@pytest.fixture(scope="module", autouse=True)
def used(aol: Aol, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("lineage")
    texts = {"lin-owner": OWNER, **{name: ASKS.format(name=name) for name in ("lin-reader", "lin-idle")}}
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "manifest.yaml").write_text(text)
    aol("apply", str(folder))
    asyncio.run(_use(environment["AOL_ENDPOINT"]))


async def _use(endpoint: str) -> None:
    async with AOLDataClient(endpoint, "lin-owner") as owner:
        await owner.insert("orders", {"status": "open", "total": 3})
    async with AOLDataClient(endpoint, "lin-reader") as reader:
        for _ in range(3):
            await reader.query("lin-owner.orders", {"status": "open"}, projection=["total"])


def objects(done: Result) -> list[dict[str, Any]]:
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lineage_tells_declared_edges_from_observed_ones(aol: Aol) -> None:
    edges = {item["service"]: item for item in objects(aol("lineage", "--collection", "lin-owner.orders", "--json"))}
    assert {name: item["calls"] for name, item in edges.items()} == {"lin-owner": 1, "lin-reader": 3, "lin-idle": 0}
    assert edges["lin-idle"]["declared"]["granted"] == ["read"]
    assert edges["lin-idle"]["last_used"] is None
    assert edges["lin-reader"]["last_used"] > edges["lin-reader"]["since"]
    table = aol("lineage", "--service", "lin-owner").stdout
    assert re.search(r"^lin-owner\.orders +lin-reader +read +query 3 +3/hour +\d{4}-", table, re.MULTILINE)
    assert re.search(r"^lin-owner\.orders +lin-idle +read +nothing +never$", table, re.MULTILINE)


def test_of_many_edges_those_with_the_most_calls_are_shown_and_the_others_are_told(aol: Aol) -> None:
    of_owner = ("lineage", "--service", "lin-owner", "--limit")
    cut = aol(*of_owner, "1")
    assert re.search(r"^lin-owner\.orders +lin-reader +read +query 3", cut.stdout, re.MULTILINE)
    assert "lin-idle" not in cut.stdout
    assert cut.stdout.endswith(" 2 more edges, with no more calls, not shown.\n")
    assert cut.stderr.startswith("Of 3 edges, the 1 with the most calls are shown: ")
    for form in ("mermaid", "svg"):
        assert "2 more edges, with no more calls, not shown." in aol(*of_owner, "1", "--format", form).stdout
    assert [edge["service"] for edge in objects(aol(*of_owner, "0", "--json"))] == [
        "lin-idle",
        "lin-owner",
        "lin-reader",
    ]


def test_lineage_is_drawn(aol: Aol, tmp_path: Path) -> None:
    assert "writes 1/hour" in aol("lineage", "--service", "lin-owner", "--format", "mermaid").stdout
    picture = ET.fromstring(aol("lineage", "--service", "lin-owner", "--format", "svg").stdout)
    assert "lin-reader" in {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}


def test_impact_lists_who_would_notice_a_change_of_a_field(aol: Aol) -> None:
    found = {item["service"]: item["touches"] for item in objects(aol("impact", "lin-owner.orders.status", "--json"))}
    assert found == {"lin-owner": "in whole documents", "lin-reader": "named", "lin-idle": "nothing"}
    other = {item["service"]: item["touches"] for item in objects(aol("impact", "lin-owner.orders.x", "--json"))}
    assert other == {"lin-owner": "in whole documents", "lin-reader": "nothing", "lin-idle": "nothing"}
    shown = aol("impact", "lin-owner.orders").stdout
    assert re.search(r"^lin-reader +read +query 3 +\d{4}-", shown, re.MULTILINE)
    assert "What a service writes elsewhere from what it reads here is not known." in shown


def test_nothing_was_used_after_now(aol: Aol) -> None:
    edges = objects(aol("lineage", "--collection", "lin-owner.orders", "--since", "0s", "--json"))
    assert {item["service"] for item in edges} == {"lin-owner", "lin-reader", "lin-idle"}
    assert sum(item["calls"] for item in edges) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("impact", "lin-owner.nothing"), 4, "There is no collection"),
        (("impact", "orders"), 2, "service.collection"),
        (("impact", "lin-owner.orders.a..b"), 2, "a..b"),
        (("lineage", "--since", "yesterday"), 2, "--since"),
        (("lineage", "--collection", "Not A Name"), 2, "service.collection"),
    ],
)
def test_what_cannot_be_asked_is_refused(aol: Aol, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert said in aol(*arguments, code=code).stderr


DOCUMENTATION = Path(__file__).parents[3] / "docs" / "lineage.md"
SHOP = "metadata: {name: shop}\nspec: {dataRequirements: {collections: [{name: orders}]}}\n"


def test_the_documented_commands_work_as_they_stand(aol: Aol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifests" / "shop").mkdir(parents=True)
    (tmp_path / "manifests" / "shop" / "manifest.yaml").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    aol("apply", "manifests")
    commands = re.findall(r"^    aol (.*)$", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE)
    assert {command.split()[0] for command in commands} == {"lineage", "impact", "drift"}
    for command in commands:
        arguments = shlex.split(command.partition(" > ")[0])
        # That something differs on a broker that many tests share is no failure.
        assert aol(*arguments, code=1 if arguments == ["drift"] else 0).stdout != ""
