"""Is every threat of the documentation tried by the test that it names?"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (?P<threat>[^|]+) \| (?P<control>[^|]+) \| (?P<test>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"\[`(?P<name>test_\w+)`\]\(\.\./(?P<file>tests/[\w/]+\.py)\)")
MODEL = TEXT.split("\n## Threat model\n", 1)[1].split("\n## ", 1)[0]


def test_each_threat_has_a_control_and_a_test_that_is_there() -> None:
    rows = [row for row in ROW.finditer(MODEL) if row["threat"] not in ("threat", "---")]
    assert len(rows) > 25
    for row in rows:
        test = TEST.fullmatch(row["test"])
        assert test is not None, row["threat"]
        assert re.search(rf"def {test['name']}\(", (ROOT / test["file"]).read_text()), row["threat"]


def test_every_link_to_a_section_leads_to_one() -> None:
    for name, section in re.findall(r"\]\((\w[\w.-]*\.md)#([\w-]+)\)", TEXT):
        headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / name).read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert section in slugs, f"{name}#{section}"
