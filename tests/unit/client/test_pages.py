"""What does a document look like when it is read?"""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aol.data.v1.document_pb2 import Page
from aol_client.pages import documents_of
from aol_wire.datetimes import from_us


def page(**changes: Any) -> Page:
    given: dict[str, Any] = {
        "id": ["a", "b"],
        "json": ['{"n": 9007199254740993}', '{"n": [1.5, null]}'],
        "created_us": [0, 1_763_769_600_000_001],
        "updated_us": [1, 1_763_769_600_000_002],
        "version": [1, 0],
    }
    return Page(**(given | changes))


def test_a_document_has_its_fields_and_its_metadata_as_text_and_numbers() -> None:
    assert documents_of(page(), frozenset())[0] == {
        "_id": "a",
        "n": 9007199254740993,
        "_created_at": "1970-01-01T00:00:00.000000Z",
        "_updated_at": "1970-01-01T00:00:00.000001Z",
        "_version": 1,
    }
    assert documents_of(page(), frozenset())[1]["_created_at"] == "2025-11-22T00:00:00.000001Z"


def test_metadata_that_not_every_collection_has_is_shown_where_there_is_some() -> None:
    columns = {"owner": ["", "ann"], "tenant": ["", "acme"], "acl": ["", '["team:x"]'], "deleted_us": [0, 1_000_000]}
    plain, full = documents_of(page(**columns), frozenset())
    assert plain.keys() == {"_id", "n", "_created_at", "_updated_at", "_version"}
    assert (full["_owner"], full["_tenant"], full["_acl"]) == ("ann", "acme", ["team:x"])
    assert full["_deleted_at"] == "1970-01-01T00:00:01.000000Z"


def test_a_projection_leaves_the_id_and_the_metadata_that_it_names() -> None:
    assert documents_of(page(), frozenset({"n", "_version"}))[0] == {"_id": "a", "n": 9007199254740993, "_version": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"json": ["{}"]},
        {"json": ["{}", "hunter2"]},
        {"json": ["{}", "[]"]},
        {"json": ["{}", "5"]},
        {"version": [1]},
        {"created_us": [1, 2, 3]},
        {"created_us": [1, 1 << 62]},
        {"acl": ["", "hunter2"]},
    ],
)
def test_a_page_that_breaks_the_contract_is_an_error_that_shows_nothing_of_it(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^malformed page$") as caught:
        documents_of(page(**changes), frozenset())
    assert caught.value.__suppress_context__


def slowly(page: Page, projection: frozenset[str]) -> list[dict[str, Any]] | None:
    """What a page means, a document and a key at a time; None if it breaks the contract."""
    columns: list[tuple[str, Any, Any, bool]] = [
        ("_created_at", page.created_us, from_us, False),
        ("_updated_at", page.updated_us, from_us, False),
        ("_version", page.version, int, False),
        ("_owner", page.owner, str, True),
        ("_tenant", page.tenant, str, True),
        ("_acl", page.acl, orjson.loads, True),
        ("_deleted_at", page.deleted_us, from_us, True),
    ]
    if len(page.id) != len(page.json):
        return None
    try:
        found: list[dict[str, Any]] = [
            {"_id": page.id[place], **orjson.loads(text)} for place, text in enumerate(page.json)
        ]
        for key, column, shown, optional in columns:
            if not column or (projection and key not in projection):
                continue
            if len(column) != len(found):
                return None
            for document, value in zip(found, column, strict=True):
                if value or not optional:
                    document[key] = shown(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found


texts = st.sampled_from(["{}", '{"n": 1}', '{"_id": "other", "_version": "x"}', "[]", "5", "", "hunter2"])
times = st.sampled_from([0, 1, 999_999, 1_763_769_600_000_001, -1, 1 << 62])


def column(values: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[list[Any]]:
    """Full, as a rule, or empty, or of a length that is wrong."""
    full = st.lists(values, min_size=count, max_size=count)
    return full | full | st.just([]) | st.lists(values, max_size=4)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    count = draw(st.integers(0, 3))
    return Page(
        id=draw(column(st.sampled_from(["a", "b"]), count)),
        json=draw(column(texts if draw(st.booleans()) else st.just('{"n": 1}'), count)),
        created_us=draw(column(times, count)),
        updated_us=draw(column(times, count)),
        version=draw(column(st.integers(0, 3), count)),
        owner=draw(st.just([]) | column(st.sampled_from(["", "ann"]), count)),
        tenant=draw(st.just([]) | column(st.sampled_from(["", "acme"]), count)),
        acl=draw(st.just([]) | column(st.sampled_from(["", '["team:x"]', "hunter2"]), count)),
        deleted_us=draw(st.just([]) | column(times, count)),
    )


@given(pages(), st.frozensets(st.sampled_from(["n", "_version", "_created_at", "_owner", "_id"]), max_size=2))
@example(page(), frozenset())
def test_every_page_is_read_as_the_contract_says_or_refused(given_page: Page, projection: frozenset[str]) -> None:
    expected = slowly(given_page, projection)
    if expected is None:
        with pytest.raises(ValueError, match=r"^malformed page$"):
            documents_of(given_page, projection)
    else:
        found = documents_of(given_page, projection)
        assert [list(document.items()) for document in found] == [list(document.items()) for document in expected]
