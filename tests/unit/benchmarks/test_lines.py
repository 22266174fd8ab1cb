"""Does a line say what was measured: ratios of each round, their median and spread, and whether the target holds?"""

import pytest

from benchmarks.lines import MEBIBYTES, Line, added_line, growth_line, rounded, throughput_line
from benchmarks.load import Sample
from benchmarks.targets import POSTGRESQL, SQLITE


def samples(*figures: tuple[float, float]) -> list[Sample]:
    return [Sample(per_s, p50_ms) for per_s, p50_ms in figures]


DIRECT = samples((100, 1.0), (200, 2.0), (50, 4.0))
BROKER = samples((300, 1.5), (200, 3.5), (100, 4.25))


def test_a_ratio_is_made_of_the_two_turns_of_one_round() -> None:
    # Medians divided by each other would give 200 / 100 = 2 too, but other extremes.
    line = throughput_line("get by id, 32 in flight", POSTGRESQL, DIRECT, BROKER)
    assert line.values == (3.0, 1.0, 2.0)
    assert (line.value, line.direct, line.broker) == (2.0, 100, 200)


def test_the_median_of_ratios_is_not_the_ratio_of_medians() -> None:
    line = throughput_line("x", SQLITE, samples((1, 1), (10, 1), (100, 1)), samples((100, 1), (10, 1), (10, 1)))
    assert line.value == 1.0
    assert line.as_json()["min"] == 0.1
    assert line.as_json()["max"] == 100.0


def test_what_is_added_is_the_difference_of_the_two_p50_of_one_round() -> None:
    line = added_line("added p50, get by id, 1 in flight", SQLITE, DIRECT, BROKER)
    assert line.values == (0.5, 1.5, 0.25)
    assert (line.value, line.unit, line.direct, line.broker) == (0.5, "ms", 2.0, 3.5)


def test_growth_is_the_ratio_of_p50_with_many_to_p50_with_few() -> None:
    line = growth_line("p50, 10,000 collections ÷ 10", SQLITE, DIRECT, BROKER)
    assert line.values == (1.5, 1.75, 1.0625)
    assert (line.direct, line.broker) == (None, 3.5)
    assert growth_line("query", SQLITE, DIRECT, BROKER, DIRECT).direct == 2.0
    assert line.holds is False


def test_sides_with_different_numbers_of_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        throughput_line("x", SQLITE, DIRECT, BROKER[:2])


@pytest.mark.parametrize(
    ("name", "database", "value", "holds"),
    [
        ("insert, 32 in flight", POSTGRESQL, 1.5, True),
        ("insert, 32 in flight", POSTGRESQL, 1.4999, False),
        ("insert, 32 in flight", SQLITE, 3.9, False),
        ("get by id, 32 in flight", SQLITE, 0.01, None),
        ("added p50, insert, 1 in flight", SQLITE, 1.8, True),
        ("added p50, insert, 1 in flight", SQLITE, 1.81, False),
        ("added p50, insert, 1 in flight", SQLITE, -0.2, True),
        ("broker, 10,000 collections, 256 in flight", POSTGRESQL, 161.0, False),
    ],
)
def test_a_line_holds_when_its_median_is_on_the_right_side_of_its_target(
    name: str, database: str, value: float, holds: bool | None
) -> None:
    assert Line(name, database, "ratio", (value / 10, value, value * 10)).holds is holds


def test_a_target_holds_for_the_median_and_not_for_the_best_round() -> None:
    assert Line("insert, 32 in flight", POSTGRESQL, "ratio", (1.0, 1.1, 9.0)).holds is False


def test_json_has_what_programs_need_and_says_which_way_is_good() -> None:
    line = Line("broker, 10,000 collections, 256 in flight", SQLITE, MEBIBYTES, (123.456,))
    assert line.as_json() == {
        "name": "broker, 10,000 collections, 256 in flight",
        "database": "SQLite",
        "value": 123.5,
        "min": 123.5,
        "max": 123.5,
        "target": 160,
        "target_is": "at most",
        "holds": True,
        "unit": "MiB",
        "direct": None,
        "broker": None,
    }


@pytest.mark.parametrize(
    ("value", "shown"), [(0, 0), (0.0123456, 0.01235), (1.23456, 1.235), (123456.7, 123500), (-0.98765, -0.9877)]
)
def test_figures_keep_four_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown
