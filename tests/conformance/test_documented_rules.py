"""Are the table of the query language and the rules of the kit the same, one to one?"""

import re
from pathlib import Path

import pytest

from aol_adapters.conformance.rule import Rule, Topic
from aol_adapters.conformance.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
LANGUAGE = (ROOT / "docs" / "query-language.md").read_text(encoding="utf-8")
# The design that the project was built from, where it lies beside the project.
DESIGN = ROOT.parent / "shared" / "DESIGN.md"

ROWS = [topic for topic in Topic if topic.in_table]


def rows(text: str) -> list[str]:
    """The first column of the table of topics, without code marks."""
    table = text.split("| topic | rule |")[1].split("\n\n", maxsplit=1)[0]
    return [line.split("|")[1].strip().replace("`", "") for line in table.splitlines()[2:]]


def sections() -> dict[str, str]:
    """What stands under each heading of a row, by the heading without code marks."""
    parts = re.split(r"^### (.+)$", LANGUAGE, flags=re.MULTILINE)[1:]
    return {heading.replace("`", ""): body for heading, body in zip(parts[::2], parts[1::2], strict=True)}


def as_documented(rule: Rule) -> str:
    needs = f" ({', '.join(f'`{need}`' for need in sorted(rule.needs))})" if rule.needs else ""
    return f"- `{rule.name}`{needs}: {rule.sentence}"


def test_the_rows_of_the_table_are_the_topics_of_the_kit() -> None:
    assert rows(LANGUAGE) == [topic.value for topic in ROWS]


@pytest.mark.skipif(not DESIGN.is_file(), reason="the design does not lie beside the project")
def test_the_rows_of_the_design_are_the_topics_of_the_kit() -> None:
    assert rows(DESIGN.read_text(encoding="utf-8")) == [topic.value for topic in ROWS]


@pytest.mark.parametrize("topic", ROWS)
def test_a_row_names_its_rules_and_no_others(topic: Topic) -> None:
    lines = [line for line in sections()[topic.value].splitlines() if line.startswith("- `")]
    assert lines == [as_documented(rule) for rule in RULES if rule.topic is topic]


def test_nothing_but_the_rows_has_rules() -> None:
    assert {heading for heading, body in sections().items() if "\n- `" in body} == {topic.value for topic in ROWS}


@pytest.mark.parametrize("topic", Topic)
def test_every_topic_has_a_rule(topic: Topic) -> None:
    assert any(rule.topic is topic for rule in RULES)
