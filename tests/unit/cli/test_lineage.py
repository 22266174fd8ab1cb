"""Does lineage tell what is declared from what is used, in words, as Mermaid and as a picture?"""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from aol_cli.commands.lineage import touches
from aol_cli.lineage import HOUR_US, Edge, Lineage, Use, edge_as_json
from aol_cli.lineage_mermaid import mermaid
from aol_cli.lineage_svg import svg

NOW_US = 1_763_812_800_000_000
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'x"]; click <script>alert(1)</script> & \x1b[31m'


def edge(service: str = "bank", collection: str = "shop.orders", **more: object) -> Edge:
    values = {"owner": False, "exists": True, "granted": (), "pending": (), "requested": (), "uses": ()}
    return Edge(collection, service, **{**values, **more})  # type: ignore[arg-type]


def query(calls: int = 1) -> tuple[Use, ...]:
    return (Use("query", "", calls, NOW_US - 5),)


def lineage(*edges: Edge, hours: float = 10.0) -> Lineage:
    return Lineage(edges, NOW_US - round(hours * HOUR_US), NOW_US)


OWNED = edge("shop", owner=True)
DECLARED = edge(granted=("read",), requested=("read",))
OBSERVED = edge(granted=("read",), requested=("read",), uses=query(40))
UNDECLARED = edge("stranger", granted=("read",), uses=query(5))


@pytest.mark.parametrize(
    ("calls", "hours", "rate"),
    [(0, 1, ""), (50, 10, "5/hour"), (5, 48, "2.5/day"), (7, 0.001, "7/hour"), (90_000, 1, "90,000/hour")],
)
def test_a_rate_is_told_by_the_hour_or_by_the_day(calls: int, hours: float, rate: str) -> None:
    assert lineage(hours=hours).rate(calls) == rate


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (OWNED, "owner"),
        (DECLARED, "read"),
        (edge(granted=("read",), pending=("write",)), "read, write (pending)"),
        (edge(requested=("read",)), "read (asked for)"),
        (edge(), "nothing"),
    ],
)
def test_what_is_declared_is_told_in_words(item: Edge, words: str) -> None:
    assert item.declared == words


@pytest.mark.parametrize(
    ("paths", "touched"),
    [
        ([], "nothing"),
        (["*"], "in whole documents"),
        (["…"], "perhaps"),
        (["…", "*"], "in whole documents"),
        (["*", "a.b"], "named"),
    ],
)
def test_an_impact_tells_how_sure_it_is(paths: list[str], touched: str) -> None:
    assert touches(edge(uses=tuple(Use("query", path, 1, NOW_US) for path in paths))) == touched


def test_json_has_both_kinds_of_edge_with_rate_and_last_use() -> None:
    shown = edge_as_json(OBSERVED, lineage(OBSERVED))
    assert shown["declared"] == {"granted": ("read",), "pending": (), "requested": ("read",)}
    assert shown["observed"] == [{"verb": "query", "path": "", "calls": 40, "last_used": "2025-11-22T11:59:59.999995Z"}]
    assert (shown["calls_per_hour"], shown["last_used"]) == (4.0, "2025-11-22T11:59:59.999995Z")


def test_arrows_follow_the_data_and_tell_what_is_used_from_what_is_only_declared() -> None:
    writer = edge("web", requested=("write",), granted=("write",), uses=(Use("update", "", 20, NOW_US),))
    lines = mermaid(lineage(OWNED, OBSERVED, UNDECLARED, writer, edge("idle", granted=("read",)))).splitlines()
    nodes = {name: node for node, name in re.findall(r'^  (\w+)[\(\[]+"([\w.-]+)"', "\n".join(lines), re.MULTILINE)}
    orders = nodes["shop.orders"]
    assert lines[0] == "flowchart LR"
    assert lines[-5:] == [
        f"  {nodes['shop']} --- |owns| {orders}",
        f'  {orders} ==> |"reads 4/hour"| {nodes["bank"]}',
        f'  {orders} ==> |"reads 12.0/day, not declared"| {nodes["stranger"]}',
        f'  {nodes["web"]} ==> |"writes 2/hour"| {orders}',
        f'  {orders} -.-> |"read"| {nodes["idle"]}',
    ]


def test_no_name_can_break_out_of_a_mermaid_text() -> None:
    for line in mermaid(lineage(edge(HOSTILE, HOSTILE), edge(HOSTILE, "b.c", uses=query()))).splitlines()[1:]:
        assert line.count('"') in {0, 2}
        assert "<" not in line
        assert "\x1b" not in line


def curves(picture: str) -> dict[str, ET.Element]:
    """The curves of edges, by what their titles begin with."""
    found = {}
    for path in ET.fromstring(picture).iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None:
            found[str(title.text).split(":")[0]] = path
    return found


def test_the_picture_tells_what_is_used_from_what_is_only_declared() -> None:
    idle = edge("idle", granted=("read",))
    found = curves(svg(lineage(OWNED, OBSERVED, UNDECLARED, idle)))
    assert set(found) == {f"{name} and shop.orders" for name in ("shop", "bank", "stranger", "idle")}
    assert "stroke-dasharray" in found["idle and shop.orders"].attrib
    assert "stroke-dasharray" not in found["bank and shop.orders"].attrib
    assert len({found[name].get("stroke") for name in found}) == 4


def test_the_picture_is_well_formed_whatever_the_names_are() -> None:
    root = ET.fromstring(svg(lineage(edge(HOSTILE, HOSTILE, exists=False, uses=query()))))
    assert root.find(f"{SVG}script") is None
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert any("<script>" in str(text) for text in texts)


def test_a_picture_of_nothing_is_one() -> None:
    assert ET.fromstring(svg(lineage())).tag == f"{SVG}svg"


def test_boxes_do_not_lie_on_one_another() -> None:
    edges = [edge(f"service-{number}", f"shop.c{number % 7}", uses=query()) for number in range(30)]
    boxes = [
        (float(str(box.get("x"))), float(str(box.get("y"))))
        for box in ET.fromstring(svg(lineage(*edges))).iter(f"{SVG}rect")
        if box.get("class")
    ]
    for x in {x for x, _ in boxes}:
        tops = sorted(y for at, y in boxes if at == x)
        assert all(after - before >= 42 for before, after in itertools.pairwise(tops))
