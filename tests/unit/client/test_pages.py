"""What does a document look like when it is read?"""

from typing import Any

import pytest

from aol.data.v1.document_pb2 import Page
from aol_client.pages import documents_of


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
