"""Does every bad manifest end in an error that names its file and line, with the registry as it was?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from aol.admin.v1 import plan_pb2 as pb
from aol_broker.yaml_text import YamlError, read_text, read_yaml
from aol_wire.errors import DataError, Reason
from line import Line
from manifest_samples import text

HEAD = "metadata: {name: shop}\n"
SPEC = "spec:\n  dataRequirements:\n    collections:\n"
BOMB = (
    HEAD
    + "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
        for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
)

BAD = {
    "a bomb of aliases": (BOMB, "bad.yaml:"),
    "an alias inside itself": (HEAD + "x: &x\n  - *x\n", "bad.yaml:2"),
    "an alias of nothing": (HEAD + "x: *nothing\n", "bad.yaml:2"),
    "a tag of Python's": (HEAD + "x: !!python/object/apply:os.system ['true']\n", "bad.yaml:2"),
    "a tag of one's own": (HEAD + "x: !mine 1\n", "bad.yaml:2"),
    "a key twice": (HEAD + "spec: {}\nspec: {}\n", "bad.yaml:3"),
    "nested too deep": (HEAD + "x: " + "[" * 100 + "]" * 100 + "\n", "bad.yaml:2"),
    "deeper than the stack": (HEAD + "x: " + "[" * 100_000 + "\n", "bad.yaml:2"),
    "two documents": (HEAD + "---\n" + HEAD, "bad.yaml:2"),
    "no mapping": ("- shop\n", "bad.yaml:1"),
    "no service": ("metadata: {}\n", "bad.yaml:1"),
    "too large": (HEAD + "#" * (1 << 20), "bad.yaml"),
    "a name of another's": (HEAD + SPEC + "      - name: bank.items\n", "bad.yaml:5"),
    "sharing with oneself": (
        HEAD + SPEC + "      - name: items\n        sharing:\n          - {service: shop, permission: read}\n",
        "bad.yaml:7",
    ),
    "asking oneself": (
        HEAD + "spec: {dataRequirements: {accessRequests: [{collection: shop.items, permission: read}]}}\n",
        "bad.yaml:2",
    ),
    "a collection twice": (HEAD + SPEC + "      - name: items\n      - name: items\n", "bad.yaml:6"),
    "no such adapter": (
        HEAD + SPEC + "      - name: items\n        storage: {adapter: none}\n",
        "bad.yaml: shop.items.storage.adapter",
    ),
}


Broker = tuple["asyncio.Runner", Line]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker in which a service is registered, which the bad manifests are about."""
    with asyncio.Runner() as runner:
        made = Line(tmp_path_factory.mktemp("line"), default_deadline_s=30.0, max_deadline_s=30.0)
        runner.run(made.start())
        plan = runner.run(made.operate("PlanManifests", request(("shop.yaml", text("shop", "1", [{"name": "items"}])))))
        made_plan = pb.PlanManifestsResponse.FromString(plan.payload).plan
        assert runner.run(made.operate("ApplyPlan", pb.ApplyPlanRequest(plan=made_plan))).error is None
        yield runner, made
        runner.run(made.stop())


def request(*manifests: tuple[str, str]) -> pb.PlanManifestsRequest:
    return pb.PlanManifestsRequest(
        manifests=[pb.ManifestToPlan(source=source, manifest=manifest) for source, manifest in manifests]
    )


def refusal(line: Broker, *manifests: tuple[str, str]) -> DataError:
    """Return why they are refused, and see that nothing has changed."""
    runner, broker = line
    before = broker.registry.snapshot
    error = runner.run(broker.operator_refusal("PlanManifests", request(*manifests)))
    runner.run(broker.registry.refresh(before.revision + 1))
    assert broker.registry.snapshot is before
    return error


@pytest.mark.parametrize("name", BAD)
def test_a_bad_manifest_is_refused_with_its_file_and_line(line: Broker, name: str) -> None:
    manifest, place = BAD[name]
    error = refusal(line, ("good.yaml", text("good")), ("bad.yaml", manifest))
    assert error.reason is Reason.BAD_MANIFEST
    assert place in error.message
    assert "good.yaml" not in error.message


def test_the_problems_of_all_files_are_told_at_once(line: Broker) -> None:
    error = refusal(line, ("one.yaml", "metadata: {}\n"), ("two.yaml", "- x\n"), ("three.yaml", text("three")))
    assert "one.yaml:1" in error.message
    assert "two.yaml:1" in error.message


def test_two_files_of_one_service_are_refused_and_both_are_named(line: Broker) -> None:
    for manifest in (text("shop", "1", [{"name": "items"}]), text("shop", "2")):
        error = refusal(line, ("one.yaml", manifest), ("two.yaml", text("shop", "3")))
        assert error.reason is Reason.BAD_MANIFEST
        assert error.message == (
            "two.yaml metadata.name: it is the manifest of shop, and so is one.yaml; a service has one"
        )


def test_what_is_larger_than_a_request_is_refused(line: Broker) -> None:
    assert refusal(line, ("bad.yaml", "#" * (50 << 20))).reason is Reason.TOO_LARGE


def test_a_plan_needs_manifests_and_sources_that_can_be_shown(line: Broker) -> None:
    assert refusal(line).reason is Reason.BAD_REQUEST
    error = refusal(line, ("a\n.yaml", text("good")))
    assert error.reason is Reason.BAD_REQUEST
    assert "manifests.0.source" in error.message


def test_storage_that_cannot_be_changed_is_refused_when_it_is_planned(line: Broker) -> None:
    kept = {"name": "items", "storage": {"tenancy": "schema"}}
    error = refusal(line, ("shop.yaml", text("shop", "2", [kept])))
    assert error.reason is Reason.BAD_MANIFEST
    assert "shop.items.storage" in error.message


def test_a_file_of_50_mb_is_read_no_further_than_it_may_be_large(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    with file.open("wb") as opened:
        opened.truncate(50 << 20)
    with pytest.raises(YamlError) as refused:
        read_yaml(read_text(file))
    assert "larger than 1048576 bytes" in refused.value.problems[0].text
