"""How does a run look to a CI server? As JUnit XML: a suite for each topic, a case for each rule."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from aol_adapters.conformance.report import Report, counts
from aol_adapters.conformance.rule import Topic
from aol_adapters.conformance.runner import Result, Verdict


def to_junit(report: Report) -> bytes:
    """Return a run as a JUnit XML document, in UTF-8."""
    name = "adapter" if report.description is None else report.description.name
    root = ET.Element("testsuites", {"name": _text(f"conformance of {name}"), **_numbers(report.results)})
    for topic, _ in report.topics():
        results = [result for result in report.results if result.rule.topic is topic]
        suite = ET.SubElement(root, "testsuite", {"name": _text(topic.value), **_numbers(results)})
        for result in results:
            _add_case(suite, topic, result)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add_case(suite: ET.Element, topic: Topic, result: Result) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=_text(topic.value), name=result.rule.name, time=f"{result.seconds:.3f}"
    )
    match result.verdict:
        case Verdict.FAIL:
            failure = ET.SubElement(case, "failure", message=_text(result.rule.sentence))
            failure.text = _text(result.detail)
        case Verdict.NOT_DECLARED | Verdict.DOES_NOT_APPLY:
            ET.SubElement(case, "skipped", message=_text(f"{result.verdict}: {result.detail}"))


def _numbers(results: Iterable[Result]) -> dict[str, str]:
    """Return the attributes that a suite counts with."""
    results = tuple(results)
    by_verdict = counts(results)
    return {
        "tests": str(len(results)),
        "failures": str(by_verdict[Verdict.FAIL]),
        "errors": "0",
        "skipped": str(by_verdict[Verdict.NOT_DECLARED] + by_verdict[Verdict.DOES_NOT_APPLY]),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _text(text: str) -> str:
    """Return text with what XML 1.0 cannot hold escaped: an adapter's name and errors may be anything."""
    return "".join(c if _in_xml(ord(c)) else c.encode("unicode_escape").decode() for c in text)


def _in_xml(code: int) -> bool:
    # The production `Char` of the recommendation, without the carriage return, which readers change.
    return code in (0x9, 0xA) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
