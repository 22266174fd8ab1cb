"""Is each target that of a line which is measured? A line that is renamed must not lose its target unnoticed."""

import pytest

from benchmark_names import names
from benchmarks import targets
from benchmarks.bench import BROKER, DIRECT
from benchmarks.run import DATABASES, ONLY_IN_FULL, Wanted
from benchmarks.scale import DEFAULT, FULL, Scale


def asked_for() -> set[str]:
    return {*targets.TARGETS_OF_BOTH, *(name for name, _ in targets.TARGETS_OF_ONE)}


def test_every_target_is_of_a_line_of_a_full_run() -> None:
    assert asked_for() <= set(names(FULL))


def test_a_default_run_leaves_out_only_what_a_million_documents_tell() -> None:
    assert asked_for() - set(names(DEFAULT)) == {
        "query p50, 1,000,000 documents ÷ 10,000",
        "adapter, scan of 1,000,000",
    }


def test_without_frames_only_their_lines_are_left_out() -> None:
    left_out = set(names(FULL)) - set(names(FULL, (DIRECT, BROKER)))
    assert left_out == {name for name in names(FULL) if name.endswith(", unary") or name.startswith("frames ÷ unary")}


@pytest.mark.parametrize("scale", [DEFAULT, FULL])
def test_no_two_lines_of_a_database_have_one_name(scale: Scale) -> None:
    listed = list(names(scale))
    assert len(listed) == len(set(listed))


def test_targets_are_of_databases_that_are_measured() -> None:
    assert {database for _, database in targets.TARGETS_OF_ONE} == set(DATABASES) - ONLY_IN_FULL


def test_what_stands_for_mongodb_has_no_targets() -> None:
    assert {targets.target_of(name, targets.MONGODB) for name in asked_for()} == {None}


def test_only_chooses_by_a_part_of_the_name_in_any_case() -> None:
    wanted = Wanted(("INSERT, 32", "scan"))
    assert [name for name in names(DEFAULT, (DIRECT, BROKER)) if wanted(name)] == [
        "insert, 32 in flight",
        "scan of 100,000",
        "broker, scan of 100,000",
        "adapter, scan of 100,000",
        "audited ÷ not audited, insert, 32 in flight",
    ]
