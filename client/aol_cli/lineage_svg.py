"""How does lineage look as a picture? SVG: services on the left, collections on the right, a curve for each edge."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

from aol_cli.lineage import Edge, Lineage, moment
from aol_cli.output import escaped, shown_time

_ROW, _BOX_HEIGHT, _TOP = 58.0, 42.0, 76.0
_MARGIN, _BETWEEN = 24.0, 300.0
# Of the widest characters of the font, which whoever looks may not have.
_CHARACTER, _NOTE_CHARACTER, _BOX_MIN = 8.2, 6.6, 150.0
_NAME_MAX_CHARACTERS = 64

_OBSERVED, _DECLARED, _UNDECLARED, _OWNED = "#0b6e4f", "#8a8f98", "#c2410c", "#c9ced6"
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 }
.name { font-weight: 600 } .note { font-size: 11px; fill: #5f6b7a }
.service { fill: #eaf1fb; stroke: #3b6fb6 }
.collection { fill: #fdf6e3; stroke: #b58900 } .gone { stroke-dasharray: 4 3 }
path { fill: none }
"""


class _Box(NamedTuple):
    x: float
    middle: float
    width: float


def svg(lineage: Lineage) -> str:
    """Return the picture. Curves carry titles with the figures; their width grows with the rate."""
    collections = sorted({edge.collection for edge in lineage.edges})
    of_service, of_collection = _by(lineage.edges, "service"), _by(lineage.edges, "collection")
    services = _near_their_collections(of_service, collections)
    service_notes = {name: _service_note(of_service[name]) for name in services}
    collection_notes = {name: _collection_note(of_collection[name], lineage) for name in collections}
    left, wide = _width(service_notes), _width(collection_notes)
    right = left + _MARGIN + _BETWEEN
    rows = max(len(services), len(collections), 1)
    width, height = right + wide + _MARGIN, _TOP + rows * _ROW + _MARGIN
    root = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
    )
    _child(root, "title", "Services and the collections that they may use, and do")
    _child(root, "style", _STYLE)
    _child(root, "rect", width="100%", height="100%", fill="#ffffff")
    _legend(root, lineage)
    place_of = _places(services, rows), _places(collections, rows)
    for edge in sorted(lineage.edges, key=lambda edge: (edge.calls, not edge.owner)):
        start = (_MARGIN + left, place_of[0][edge.service])
        _curve(root, edge, lineage, start, (right, place_of[1][edge.collection]))
    gone = {edge.collection for edge in lineage.edges if not edge.exists}
    for name in services:
        box = _Box(_MARGIN, place_of[0][name], left)
        _draw(root, box, name, service_notes[name], "service")
    for name in collections:
        box = _Box(right, place_of[1][name], wide)
        _draw(root, box, name, collection_notes[name], f"collection{' gone' if name in gone else ''}")
    return ET.tostring(root, encoding="unicode")


def _by(edges: Iterable[Edge], end: Literal["service", "collection"]) -> Mapping[str, Sequence[Edge]]:
    """Return edges by one of their ends."""
    found: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[getattr(edge, end)].append(edge)
    return found


def _near_their_collections(edges: Mapping[str, Sequence[Edge]], collections: Sequence[str]) -> Sequence[str]:
    """Return the services in an order that keeps curves short: by the middle of what each has to do with."""
    row = {name: number for number, name in enumerate(collections)}
    middles = {service: [row[edge.collection] for edge in of_service] for service, of_service in edges.items()}
    return sorted(middles, key=lambda service: (sum(middles[service]) / len(middles[service]), service))


def _places(names: Sequence[str], rows: int) -> Mapping[str, float]:
    """Return the middle of each name's box; the shorter column is spread over the height of the longer one."""
    step = rows * _ROW / max(1, len(names))
    return {name: _TOP + (number + 0.5) * step for number, name in enumerate(names)}


def _width(notes: Mapping[str, str]) -> float:
    """Return how wide boxes have to be for some names with their notes."""
    texts = (max(len(_shown(name)) * _CHARACTER, len(note) * _NOTE_CHARACTER) for name, note in notes.items())
    return max([_BOX_MIN, *(width + 24 for width in texts)])


def _draw(root: ET.Element, box: _Box, name: str, note: str, kind: str) -> None:
    place = {"x": f"{box.x:.1f}", "y": f"{box.middle - _BOX_HEIGHT / 2:.1f}"}
    size = {"width": f"{box.width:.1f}", "height": f"{_BOX_HEIGHT:.0f}", "rx": "7"}
    _child(root, "rect", **{"class": kind}, **place, **size)
    _child(root, "text", _shown(name), **{"class": "name"}, x=f"{box.x + 12:.1f}", y=f"{box.middle - 3:.1f}")
    _child(root, "text", note, **{"class": "note"}, x=f"{box.x + 12:.1f}", y=f"{box.middle + 13:.1f}")


def _curve(
    root: ET.Element, edge: Edge, lineage: Lineage, start: tuple[float, float], end: tuple[float, float]
) -> None:
    bend = (end[0] - start[0]) / 2
    line = (
        f"M {start[0]:.1f} {start[1]:.1f} "
        f"C {start[0] + bend:.1f} {start[1]:.1f}, {end[0] - bend:.1f} {end[1]:.1f}, {end[0]:.1f} {end[1]:.1f}"
    )
    stroke, width, dashes = _stroke(edge, lineage)
    look = {"stroke": stroke, "stroke-width": f"{width:.1f}"} | ({"stroke-dasharray": dashes} if dashes else {})
    path = _child(root, "path", d=line, **look)
    last = f", last used {moment(edge.last_us)}" if edge.last_us else ""
    _child(path, "title", f"{edge.service} and {edge.collection}: declared {edge.declared}; did {edge.observed}{last}")


def _stroke(edge: Edge, lineage: Lineage) -> tuple[str, float, str]:
    """Return colour, width and dashes."""
    if edge.uses:
        width = 1.5 + min(4.5, len(f"{lineage.per_hour(edge.calls):.0f}") - 1)
        return (_OBSERVED if edge.owner or edge.requested else _UNDECLARED), width, ""
    return (_OWNED, 1.2, "") if edge.owner else (_DECLARED, 1.4, "6 5")


def _service_note(edges: Sequence[Edge]) -> str:
    used, owned = sum(1 for edge in edges if edge.uses), sum(1 for edge in edges if edge.owner)
    return f"owns {owned}, uses {used} of {len(edges)}"


def _collection_note(edges: Sequence[Edge], lineage: Lineage) -> str:
    last_us = max((edge.last_us for edge in edges), default=0)
    if not last_us:
        return "not used"
    figures = []
    for reads, word in ((True, "read"), (False, "written")):
        calls = sum(use.calls for edge in edges for use in edge.uses if use.reads == reads)
        figures += [f"{word} {lineage.rate(calls)}"] if calls else []
    return f"{', '.join(figures)} · last {shown_time(moment(last_us) or '')[:16]}"


def _legend(root: ET.Element, lineage: Lineage) -> None:
    _child(root, "text", lineage.window, **{"class": "note"}, x=f"{_MARGIN:.0f}", y="24")
    x = _MARGIN
    for word, stroke, dashes in (
        ("used", _OBSERVED, ""),
        ("used, not declared", _UNDECLARED, ""),
        ("declared, not used", _DECLARED, "6 5"),
        ("owned, not used", _OWNED, ""),
    ):
        look = {"stroke": stroke, "stroke-width": "2.5"} | ({"stroke-dasharray": dashes} if dashes else {})
        _child(root, "path", d=f"M {x:.0f} 44 h 26", **look)
        _child(root, "text", word, **{"class": "note"}, x=f"{x + 32:.0f}", y="48")
        x += 46 + len(word) * 6.2


def _shown(name: str) -> str:
    return name if len(name) <= _NAME_MAX_CHARACTERS else name[: _NAME_MAX_CHARACTERS - 1] + "…"


def _child(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Add an element. Texts are escaped by the library; characters that XML has no place for, before it."""
    child = ET.SubElement(parent, tag, attributes)
    child.text = text if tag == "style" else escaped(text)
    return child
