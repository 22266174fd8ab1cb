"""Does the plot show each line with a target, and on which side of it the line is?"""

import math
from xml.etree import ElementTree as ET

import pytest

from benchmarks.lines import Line
from benchmarks.plot import merit, plot
from benchmarks.targets import POSTGRESQL, SQLITE

SVG = "{http://www.w3.org/2000/svg}"
GOOD = Line("insert, 32 in flight", SQLITE, "ratio", (7.0, 8.0, 9.0))
BAD = Line("added p50, get by id, 1 in flight", POSTGRESQL, "ms", (2.6,))
FREE = Line("get by id, 32 in flight", SQLITE, "ratio", (0.1,))


def bars(lines: list[Line]) -> list[dict[str, str]]:
    root = ET.fromstring(plot(lines))
    return [dict(rect.attrib) for rect in root.iter(f"{SVG}rect")][1:]  # the first is the background


def test_lines_without_a_target_are_left_out() -> None:
    assert len(bars([GOOD, FREE, BAD])) == 2
    assert bars([FREE]) == []


def test_a_bar_goes_from_the_target_to_the_good_side_or_the_bad_one() -> None:
    good, bad = bars([GOOD, BAD])
    target = float(good["x"])
    assert float(bad["x"]) + float(bad["width"]) == pytest.approx(target)
    # Twice as good as asked is as far as half as good.
    assert float(good["width"]) == pytest.approx(float(bad["width"]))
    assert good["fill"] != bad["fill"]


def test_texts_say_what_and_how_much() -> None:
    texts = [element.text for element in ET.fromstring(plot([GOOD])).iter(f"{SVG}text")]
    assert "SQLite: insert, 32 in flight" in texts
    assert "8 (7 to 9), target ≥ 4" in texts


@pytest.mark.parametrize(
    ("line", "value", "times"), [(GOOD, 4, 1), (GOOD, 2, 0.5), (BAD, 1.3, 1), (BAD, 0.65, 2), (BAD, -1, math.inf)]
)
def test_merit_is_how_many_times_as_good_as_asked(line: Line, value: float, times: float) -> None:
    assert merit(line, value) == times


@pytest.mark.parametrize("value", [-3.0, 0.0, 1e-9, 1e9])
def test_what_is_far_off_stays_inside_of_the_image(value: float) -> None:
    (bar,) = bars([Line(BAD.name, BAD.database, "ms", (value,))])
    assert 0 <= float(bar["x"]) <= float(bar["x"]) + float(bar["width"]) <= 1100
