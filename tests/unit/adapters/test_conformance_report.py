"""Does a report count rightly, and is it well-formed whatever an adapter says?"""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from aol_adapters.conformance.expect import RuleBrokenError, expect, expect_equal, expect_refusal, shown
from aol_adapters.conformance.junit import to_junit
from aol_adapters.conformance.report import Report, failure_lines
from aol_adapters.conformance.rule import Topic, rule
from aol_adapters.conformance.runner import Verdict, run, try_rule
from aol_adapters.conformance.trial import Trial
from aol_adapters.memory.adapter import MemoryAdapter
from aol_wire.adapter import Capability, Description
from aol_wire.errors import DataError, Reason


@rule(Topic.SORT)
async def it_holds(trial: Trial) -> None:
    """What holds,
    holds."""
    await trial.insert("1", {})
    expect_equal("documents", await trial.count(), 1)


@rule(Topic.PATH)
async def it_breaks(trial: Trial) -> None:
    """What is broken fails."""
    expect_equal("documents", await trial.count(), 1)


@rule(Topic.PATH, Capability.TENANCY)
async def it_needs_more(trial: Trial) -> None:
    """What is not declared is not tried."""
    del trial
    raise AssertionError


@rule(Topic.PATH, program=True)
async def it_needs_a_program(trial: Trial) -> None:
    """What nobody started cannot be tried."""
    trial.program.running()


async def the_report() -> Report:
    adapter = MemoryAdapter()
    await adapter.start()
    results = await run(adapter, (it_holds, it_breaks, it_needs_more, it_needs_a_program))
    return Report(Description("mine", "1.2", frozenset({Capability.TEXT})), tuple(results))


async def test_a_run_is_counted_by_topic_in_the_order_of_the_table() -> None:
    report = await the_report()
    assert [(topic, dict(numbers)) for topic, numbers in report.topics()] == [
        (Topic.PATH, {Verdict.FAIL: 1, Verdict.NOT_DECLARED: 1, Verdict.DOES_NOT_APPLY: 1}),
        (Topic.SORT, {Verdict.PASS: 1}),
    ]
    assert not report.kept
    assert report.summary().startswith("mine 1.2: 1 passed, 1 failed, 1 not declared, 1 not applicable (")
    (failure,) = report.failures
    assert list(failure_lines(failure)) == [
        "FAIL it_breaks (path)",
        "  rule: What is broken fails.",
        "  seen: documents: expected 1, got 0",
    ]


async def test_a_run_as_json_says_the_same() -> None:
    found = (await the_report()).to_json()
    assert [found[key] for key in ("ok", "adapter", "version", "capabilities", "passed", "failed")] == [
        False,
        "mine",
        "1.2",
        ["text"],
        1,
        1,
    ]
    assert isinstance(found["rules"], list)
    assert [it["verdict"] for it in found["rules"] if isinstance(it, dict)] == [
        "pass",
        "fail",
        "not declared",
        "does not apply",
    ]


async def test_xml_takes_any_text_an_adapter_says() -> None:
    odd = "\0\x1b[31m<&>]]>\ud800\ufffe\r\n机场"
    report = await the_report()
    broken = replace(report.results[1], detail=odd)
    written = to_junit(Report(Description(odd, odd, frozenset()), (broken, *report.results[2:])))
    root = ET.fromstring(written.decode())
    assert root.attrib["tests"] == "3"
    assert root.attrib["skipped"] == "2"
    (failure,) = root.iter("failure")
    assert failure.text == "\\x00\\x1b[31m<&>]]>\\ud800\\ufffe\\r\n机场"


async def test_rules_leave_nothing_behind() -> None:
    adapter = MemoryAdapter()
    await adapter.start()

    @rule(Topic.PATH)
    async def it_uses_many(trial: Trial) -> None:
        """Several collections."""
        seen.extend(it.target for it in (trial, await trial.fresh(), await trial.fresh()))

    seen: list[object] = []
    result = await try_rule(it_uses_many, adapter, frozenset(), service="tried")
    assert result.verdict is Verdict.PASS
    for target in seen:
        with pytest.raises(DataError, match="COLLECTION_NOT_FOUND"):
            await adapter.inspect_collection(target)  # type: ignore[arg-type]


async def test_whatever_an_adapter_raises_is_the_failure_of_the_rule() -> None:
    @rule(Topic.PATH)
    async def it_meets_a_bug(trial: Trial) -> None:
        """A bug."""
        raise TimeoutError("of the driver")

    adapter = MemoryAdapter()
    await adapter.start()
    result = await try_rule(it_meets_a_bug, adapter, frozenset(), service="tried")
    assert result.verdict is Verdict.FAIL
    assert result.detail.startswith("TimeoutError at ")


async def test_a_check_says_what_it_expected() -> None:
    with pytest.raises(RuleBrokenError, match="expected: the sky is blue"):
        expect("the sky is blue", False)
    assert len(shown("x" * 10_000)) < 500

    async def refused() -> None:
        raise DataError(Reason.QUOTA, "full")

    async def answered() -> int:
        return 7

    assert (await expect_refusal("it", refused(), Reason.DEADLINE, Reason.QUOTA)).reason is Reason.QUOTA
    with pytest.raises(RuleBrokenError, match="expected DEADLINE, got QUOTA: full"):
        await expect_refusal("it", refused(), Reason.DEADLINE)
    with pytest.raises(RuleBrokenError, match="expected QUOTA, got 7"):
        await expect_refusal("it", answered(), Reason.QUOTA)
