"""Whatever bytes arrive as a filter, an update or a document: the answer is a value or INVALID_ARGUMENT."""

import json
from collections.abc import Callable
from typing import Any

from google.rpc import code_pb2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aol_wire.documents import parse_document
from aol_wire.errors import DataError
from aol_wire.filter_parser import parse_filter
from aol_wire.paths import parse_path
from aol_wire.regexes import classify
from aol_wire.update_parser import parse_update

OPERATORS = ["$eq", "$ne", "$gt", "$in", "$nin", "$and", "$or", "$not", "$exists", "$contains", "$regex", "$options"]
OPERATORS += [
    "$text",
    "$set",
    "$unset",
    "$inc",
    "$push",
    "$where",
    "$expr",
    "__proto__",
    "_id",
    "_created_at",
    "a.0",
    "",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
keys = st.sampled_from(OPERATORS) | st.text(max_size=6)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)
texts = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60).map(lambda data: data.decode("utf-8", errors="surrogateescape")),
    values.map(json.dumps),
    values.map(lambda value: json.dumps({"a": value})),
    values.map(lambda value: json.dumps({"$and": [value, {"b": value}]})),
)

PARSERS: dict[str, Callable[[str], Any]] = {
    "filter": parse_filter,
    "update": parse_update,
    "document": parse_document,
    "path": parse_path,
    "regex": lambda text: classify(text, ignore_case=False),
}


@settings(max_examples=1500, deadline=None)
@given(text=texts)
@example(text="[" * 100_000)
@example(text='{"a":' * 50_000)
@example(text='{"$not":' * 50_000 + "{}" + "}" * 50_000)
@example(text="9" * 100_000)
@example(text='{"a": 1e999999999}')
@example(text='{"a": -0}')
@example(text='{"a": "\\ud800"}')
@example(text="(" * 5_000)
@example(text="(?:" * 300 + ")" * 300)
@example(text="a{255}{255}{255}")
@example(text="[^\\x00-\\U0010ffff]")
@example(text="." * 5_000)
def test_only_invalid_argument_comes_out_of_a_parser(text: str) -> None:
    # Making a text takes longer than all the parsers together, so each of them is given every text.
    codes = {name: raised_by(parser, text) for name, parser in PARSERS.items()}
    assert {name: code for name, code in codes.items() if code not in (None, code_pb2.INVALID_ARGUMENT)} == {}


def raised_by(parser: Callable[[str], Any], text: str) -> int | None:
    """Return the code of the error with which a parser refuses a text; None if it takes it."""
    try:
        parser(text)
    except DataError as error:
        return error.code
    return None
