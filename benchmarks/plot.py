"""How does a run look beside its targets? Bars in an SVG file, each as long as its figure is good for its target."""

import math
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from benchmarks.lines import Line
from benchmarks.report import shown

_ROW_PX = 22
_BAR_PX = 14
_TOP_PX = 48
_LABEL_PX = 400
_PLOT_PX = 420
_NOTE_PX = 280
_FONT_PX = 12
# Twice as good as asked is as far from the target as half as good; beyond this nothing more is told by length.
_DOUBLINGS = 3
_COLOURS = {True: "#2e7d32", False: "#c62828"}


def plot(lines: Sequence[Line]) -> str:
    """Return an SVG image of the lines that have a target."""
    bound = [line for line in lines if line.target is not None]
    width, height = _LABEL_PX + _PLOT_PX + _NOTE_PX, _TOP_PX + _ROW_PX * len(bound) + _ROW_PX
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "font-family": "sans-serif",
            "font-size": str(_FONT_PX),
        },
    )
    ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "white"})
    _axis(root, height)
    for number, line in enumerate(bound):
        _bar(root, _TOP_PX + number * _ROW_PX, line)
    return ET.tostring(root, encoding="unicode") + "\n"


def merit(line: Line, value: float) -> float:
    """Return how many times as good as its target a figure is; 1 just reaches it.

    What is at or below 0, as a difference can be, is as good as can be where less is better.
    """
    assert line.target is not None
    if line.target.bound == "at least":
        return value / line.target.value
    return line.target.value / value if value > 0 else math.inf


def _axis(root: ET.Element, height: int) -> None:
    for doublings in range(-_DOUBLINGS, _DOUBLINGS + 1):
        x = _at(2.0**doublings)
        colour, width = ("#000000", "1.5") if doublings == 0 else ("#dddddd", "1")
        ends = {"x1": _px(x), "x2": _px(x), "y1": str(_TOP_PX - 8), "y2": str(height - 8)}
        ET.SubElement(root, "line", {**ends, "stroke": colour, "stroke-width": width})
        _text(root, x, _TOP_PX - 14, _times(doublings), "middle")


def _times(doublings: int) -> str:
    if doublings == 0:
        return "target"
    return f"{2**doublings} times" if doublings > 0 else f"1/{2**-doublings}"


def _bar(root: ET.Element, top: float, line: Line) -> None:
    middle, target, here = top + _ROW_PX / 2, _at(1), _at(merit(line, line.value))
    bar = {
        "x": _px(min(target, here)),
        "y": _px(middle - _BAR_PX / 2),
        "width": _px(max(abs(here - target), 1)),
        "height": str(_BAR_PX),
        "fill": _COLOURS[line.holds is True],
    }
    ET.SubElement(root, "rect", bar)
    ends = [_at(merit(line, value)) for value in (min(line.values), max(line.values))]
    spread = {"x1": _px(min(ends)), "x2": _px(max(ends)), "y1": _px(middle), "y2": _px(middle)}
    ET.SubElement(root, "line", {**spread, "stroke": "#333333", "stroke-width": "2"})
    baseline = middle + _FONT_PX / 3
    _text(root, _LABEL_PX - 10, baseline, f"{line.database}: {line.name}", "end")
    unit = "" if line.unit == "ratio" else f" {line.unit}"
    spread_text = f"{shown(min(line.values))} to {shown(max(line.values))}"
    note = f"{shown(line.value)}{unit} ({spread_text}), target {line.target}"
    _text(root, _LABEL_PX + _PLOT_PX + 10, baseline, note, "start")


def _text(root: ET.Element, x: float, y: float, text: str, anchor: str) -> None:
    ET.SubElement(root, "text", {"x": _px(x), "y": _px(y), "text-anchor": anchor}).text = text


def _at(times: float) -> float:
    """Return where on the axis it is to be so many times as good as the target."""
    doublings = math.log2(times) if times > 0 else -math.inf
    inside = max(-_DOUBLINGS, min(_DOUBLINGS, doublings))
    return _LABEL_PX + _PLOT_PX * (inside + _DOUBLINGS) / (2 * _DOUBLINGS)


def _px(value: float) -> str:
    return f"{value:.1f}"
