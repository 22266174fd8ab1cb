"""Which values does a rule about values try? One of every kind, each in a document of its own."""

from collections.abc import Iterable, Mapping

from aol_adapters.conformance.expect import expect_equal, shown
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.filters import Json

BIG = 2**53
"""From here on doubles skip integers."""

MAX = 2**63 - 1
MIN = -(2**63)

MISSING = "missing"
"""The id of the document that has no value."""

VALUES: Mapping[str, Json] = {
    "null": None,
    "false": False,
    "true": True,
    "minus": -1,
    "zero": 0,
    "one": 1,
    "one-double": 1.0,
    "half": 0.5,
    "big": BIG,
    "big+1": BIG + 1,
    "big-double": float(BIG),
    "max": MAX,
    "min": MIN,
    "huge": 1e300,
    "empty": "",
    "digit": "1",
    "a": "a",
    "B": "B",
    "é": "é",
    "wide": "\uff5e",
    "emoji": "😀",
    "array": [],
    "array-1": [1, "x", None],
    "array-nested": [[1], {"k": 1}],
    "object": {},
    "object-ab": {"a": 1, "b": [1, 2]},
}
"""Values by the id of their document."""

HOSTILE_TEXTS = (
    "'",
    '"',
    "`",
    "\\",
    '\\"',
    "' OR 1=1 --",
    "'; DROP TABLE things; --",
    "/* comment */",
    "%",
    "_",
    "?",
    ":name",
    "@name",
    "$1",
    "$where",
    "$.a",
    "$",
    "#-1",
    "[0]",
    "a[0]",
    "*",
    "a->>'b'",
    "?|",
    "||",
    "a::text",
    "{a,b}",
    "{{x}}",
    "__proto__",
    "constructor",
    "toString",
    "function(){return 1}",
    "\u202eabc",
    "\u200b",
    "\ufeff",
    "\U0010ffff",
    "\x01",
    "\n\t",
    "\u2028",
    " ",
    "é",
    "e\u0301",
    "😀",
    "A",
    "a",
    "x" * 300,
    "-1",
    "01",
    "1e3",
    "null",
    "true",
    "NaN",
    "id",
    "doc",
    "tenant",
)
"""Texts that mean something to a database, a language or a terminal."""

HOSTILE_KEYS = tuple(text for text in HOSTILE_TEXTS if not text.startswith("$"))
"""Those that can be a key inside a document: without a dot, and no `$` first."""


async def fill_with_values(trial: Trial) -> None:
    """Insert a document `{"v": value}` for each of `VALUES`, and one without `v`."""
    await trial.fill({MISSING: {"other": 1}} | {name: {"v": value} for name, value in VALUES.items()})


def all_but(names: Iterable[str]) -> set[str]:
    """Return the ids of the documents of `fill_with_values` but these."""
    return ({MISSING} | VALUES.keys()) - set(names)


async def expect_matching(trial: Trial, condition: Document, expected: Iterable[str]) -> None:
    """Return if exactly the documents of these ids match a filter, found as well as counted.

    :raises RuleBrokenError: others do.
    """
    ids = await trial.ids(condition)
    expect_equal(f"the documents that match {shown(condition)}", sorted(ids), sorted(expected))
    expect_equal(f"the count of those that match {shown(condition)}", await trial.count(condition), len(ids))
