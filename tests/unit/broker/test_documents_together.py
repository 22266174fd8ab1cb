"""Do many documents, read in one go, come to what each comes to by itself?"""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aol_broker.admission import Admitted, admit_document, admit_documents
from aol_broker.documents_together import read_plain
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.scope import WHOLE
from aol_wire.documents import read_document
from aol_wire.errors import DataError
from aol_wire.limits import DOCUMENT_MAX_DEPTH

RECORD = CollectionRecord("shop", "things", "memory", schema_hint={"n": "number", "at": "datetime"})
FREE = CollectionRecord("shop", "things", "memory")
PLAIN = '{"a":1}'
NESTED = '{"a":%s}' % ("[" * (DOCUMENT_MAX_DEPTH - 1) + "]" * (DOCUMENT_MAX_DEPTH - 1))
# Some are documents, some are not, and some would be two or a half if texts were just put side by side.
ODD = (
    *(
        PLAIN,
        "{}",
        '{"_id":"x"}',
        '{"n":1.5,"at":"2025-11-22T00:00:00Z"}',
        '{"n":"text"}',
        "[]",
        "1",
        "",
        " {}",
        "null",
    ),
    *('{"a":1},{"b":2}', '{"a":1', '"b":2}', '{"a":[{}', "{}]}", '{"a":1},0,{"b":[{}', '","', '{"a":"', '"}'),
    *('{"a":1,"a":2}', '{"n":9223372036854775808}', '{"n":-9223372036854775809}', '{"n":1e400}', '{"n":1e15}'),
    *('{"n":NaN}', '{"$a":1}', '{"$a\\"b":1}', '{"a.b":1}', '{"a":{"b.\\"c":1}}', '{"":1}', '{"a":[{"":1}]}'),
    *(
        '{"a":"$5.00"}',
        '{"a":"x.y\\":"}',
        '{"a":"\\u0000"}',
        '{"a":"\ud800"}',
        '{"_a":1}',
        '{"_id":7}',
        '{"_version":3}',
    ),
    *('{"password":"hunter2-hunter2"}', '{"pass\\u0077ord":"hunter2-hunter2"}', '{"text":"AKIAIOSFODNN7EXAMPLE"}'),
    *(NESTED, NESTED.replace("[]", "[[]]"), '{"a":"' + "[" * 100 + '"}', '{"a":"é😀"}'),
)
IDS = ("", "x", "é" * 128, "é" * 129, "x" * 256, "x" * 257, "\0", "a\0b", "\ud800")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
WRITTEN = st.dictionaries(st.text(max_size=4), VALUES, max_size=3).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
)
TEXTS = st.lists(st.sampled_from(ODD) | WRITTEN, max_size=6)


def alone(text: str, document_id: str, record: CollectionRecord) -> Admitted | str:
    try:
        return admit_document(text, document_id, record)
    except DataError as error:
        return told(error)


def told(error: DataError) -> str:
    return f"{error.reason} {error.message} {error.violations}"


def together(texts: list[str], ids: list[str], record: CollectionRecord) -> list[Admitted | str]:
    outcomes = admit_documents(texts, ids, record, WHOLE)
    return [told(it) if isinstance(it, DataError) else it for it in outcomes]


@given(TEXTS)
@example(list(ODD))
@example([""])
@example([])
@example(['{"a":1},{"b":[{}', "{}]}"])
@example(['{"a":[{}', "{}]}", '{"a":1},{"b":2}'])
def test_a_batch_is_admitted_as_each_of_its_documents_is(texts: list[str]) -> None:
    ids = [str(number) for number in range(len(texts))]
    for record in (RECORD, FREE):
        assert together(texts, ids, record) == [alone(*it, record) for it in zip(texts, ids, strict=True)]


@given(st.lists(st.text(max_size=3) | st.sampled_from(IDS), min_size=1, max_size=6))
@example(list(IDS))
@example(["x"] * 3)
def test_ids_of_a_batch_are_admitted_as_each_of_them_is(ids: list[str]) -> None:
    texts = [PLAIN] * len(ids)
    found = together(texts, ids, FREE)
    for document_id, one, other in zip(ids, found, [alone(PLAIN, it, FREE) for it in ids], strict=True):
        if document_id:
            assert one == other
        else:  # each is given an id of its own
            assert isinstance(one, Admitted)
            assert isinstance(other, Admitted)
            assert one._replace(id="") == other._replace(id="")
            assert one.id != other.id


@pytest.mark.parametrize("text", [text for text in ODD if text.isascii()])
def test_what_is_read_in_one_go_is_what_each_holds(text: str) -> None:
    found = read_plain([PLAIN, text, PLAIN], frozenset(), lint=True)
    if found is not None:
        assert [(document, True) for document in found.documents] == [read_document(it) for it in (PLAIN, text, PLAIN)]


def test_common_documents_are_read_in_one_go() -> None:
    texts = [PLAIN, "{}", '{"_id":"x","price":"$5.00","text":"a.b, é","deep":{"list":[1,-2.5,null]}}'] * 100
    found = read_plain(texts, frozenset({"_id"}), lint=True)
    assert found is not None
    assert found.documents == [json.loads(text) for text in texts]
    assert not found.bare
