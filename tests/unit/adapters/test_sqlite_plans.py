"""Does SQLite use the indexes that were declared, for filters, sort orders and the pages that follow?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aol_adapters.sqlite.building import ensure
from aol_adapters.sqlite.finding import compile_find, find
from aol_adapters.sqlite.session import Session, Settings
from aol_adapters.sqlite.writing import write_all
from aol_wire.adapter import CollectionSpec, Find, Insert, SortKey, Target, Write
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec
from aol_wire.json_text import encode

TARGET = Target("shop", "orders")

ASCENDING = parse_index({"fields": ["day"], "type": "ascending"}, "index")
DESCENDING = parse_index({"fields": ["day"], "type": "descending"}, "index")
COMPOUND = parse_index({"fields": ["shop.city", {"day": "desc"}], "type": "compound"}, "index")
SAME_DIRECTION = parse_index({"fields": ["shop.city", "day"], "type": "compound"}, "index")
UNIQUE = parse_index({"fields": ["number"], "type": "unique"}, "index")
TEXT = parse_index({"fields": ["note"], "type": "text"}, "index")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path / "shop.db", Settings())
    yield session
    session.close()


def plan(session: Session, request: Find) -> list[str]:
    with session.reading() as connection:
        query = compile_find(session.catalogue.collection(connection, request.target.collection), request, 0)
        rows = connection.execute("EXPLAIN QUERY PLAN " + query.sql, query.values)
        return [str(detail) for *_, detail in rows]


def fill(session: Session, *indexes: IndexSpec) -> None:
    ensure(session, CollectionSpec(TARGET, indexes=indexes), at_once_up_to=1000)
    documents: list[Json] = [
        {"day": f"2013-01-{day:02d}", "shop": {"city": city}, "number": day * 2 + (city == "Ulm"), "note": "two words"}
        for day in range(1, 10)
        for city in ("Bonn", "Ulm")
    ]
    write_all(
        session, [Write(TARGET, [Insert(f"order-{number}", encode(it), 1) for number, it in enumerate(documents)])]
    )


def is_served(details: list[str]) -> bool:
    return any(it.startswith("SEARCH") and "USING INDEX orders:index:1 (" in it for it in details)


def is_sorted_by_index(details: list[str]) -> bool:
    return not any("TEMP B-TREE" in it for it in details)


FILTERS = [
    (ASCENDING, '{"day": "2013-01-05"}'),
    (ASCENDING, '{"day": {"$gt": "2013-01-05"}}'),
    (ASCENDING, '{"day": {"$gte": "2013-01-02", "$lt": "2013-01-05"}}'),
    (ASCENDING, '{"day": {"$in": ["2013-01-02", "2013-01-05"]}}'),
    (ASCENDING, '{"day": null}'),
    (ASCENDING, '{"$or": [{"day": "2013-01-02"}, {"day": "2013-01-05"}]}'),
    (DESCENDING, '{"day": "2013-01-05"}'),
    (DESCENDING, '{"day": {"$lt": "2013-01-05"}}'),
    (COMPOUND, '{"shop.city": "Ulm"}'),
    (COMPOUND, '{"shop.city": "Ulm", "day": {"$gt": "2013-01-05"}}'),
    (COMPOUND, '{"shop.city": "Ulm", "day": "2013-01-05"}'),
    (UNIQUE, '{"number": 7}'),
    (UNIQUE, '{"number": {"$lte": 7}}'),
]


@pytest.mark.parametrize(("index", "text"), FILTERS)
def test_a_filter_on_an_indexed_path_is_searched_for_in_the_index(
    session: Session, index: IndexSpec, text: str
) -> None:
    fill(session, index)
    assert is_served(plan(session, Find(TARGET, parse_filter(text))))


DAY, DAY_DOWN = SortKey(("day",)), SortKey(("day",), True)
CITY, CITY_DOWN = SortKey(("shop", "city")), SortKey(("shop", "city"), True)
NUMBER, NUMBER_DOWN = SortKey(("number",)), SortKey(("number",), True)

ORDERS = [
    (ASCENDING, "{}", (DAY,)),
    (ASCENDING, "{}", (DAY_DOWN,)),
    (ASCENDING, '{"day": {"$gt": "2013-01-02"}}', (DAY,)),
    (ASCENDING, '{"day": {"$gt": "2013-01-02"}}', (DAY_DOWN,)),
    (ASCENDING, '{"day": "2013-01-02"}', ()),
    (DESCENDING, "{}", (DAY,)),
    (DESCENDING, "{}", (DAY_DOWN,)),
    (COMPOUND, "{}", (CITY, DAY_DOWN)),
    (COMPOUND, "{}", (CITY_DOWN, DAY)),
    (COMPOUND, '{"shop.city": "Ulm"}', (DAY,)),
    (COMPOUND, '{"shop.city": "Ulm"}', (DAY_DOWN,)),
    (COMPOUND, '{"shop.city": "Ulm"}', (CITY, DAY_DOWN)),
    (COMPOUND, '{"shop.city": "Ulm", "day": {"$lt": "2013-01-08"}}', (DAY_DOWN,)),
    (SAME_DIRECTION, "{}", (CITY, DAY)),
    (SAME_DIRECTION, "{}", (CITY_DOWN, DAY_DOWN)),
    (UNIQUE, "{}", (NUMBER,)),
    (UNIQUE, "{}", (NUMBER_DOWN,)),
]


@pytest.mark.parametrize(("index", "text", "sort"), ORDERS)
def test_an_indexed_order_is_read_from_the_index_on_every_page(
    session: Session, index: IndexSpec, text: str, sort: tuple[SortKey, ...]
) -> None:
    fill(session, index)
    first = Find(TARGET, parse_filter(text), sort, limit=1)
    next_position = find(session, first).next_position
    assert next_position
    following = Find(TARGET, first.filter, sort, position=next_position)
    for details in (plan(session, first), plan(session, following)):
        assert is_served(details)
        assert is_sorted_by_index(details)
    # The page that follows begins at its place: the search is bounded by more than the first page's is.
    (begun,) = plan(session, following)
    assert begun not in plan(session, first)
    assert ")<(" in begun or ")>(" in begun or "id>" in begun or "id<" in begun


def test_documents_without_an_order_are_read_by_their_key(session: Session) -> None:
    fill(session)
    position = find(session, Find(TARGET, limit=1)).next_position
    (first,) = plan(session, Find(TARGET))
    (following,) = plan(session, Find(TARGET, position=position))
    assert "orders:key (tenant=?)" in first
    assert "orders:key (tenant=? AND id>?)" in following


def test_a_document_is_found_by_its_id(session: Session) -> None:
    fill(session, ASCENDING)
    (details,) = plan(session, Find(TARGET, parse_filter('{"_id": "order-1"}')))
    assert "orders:key (tenant=? AND id=?)" in details


def test_words_are_looked_up_in_the_full_text_index(session: Session) -> None:
    fill(session, TEXT)
    details = plan(session, Find(TARGET, parse_filter('{"$text": "two words"}')))
    assert any(it.startswith("SCAN orders:words VIRTUAL TABLE INDEX") for it in details)
    assert any("orders:documents USING INTEGER PRIMARY KEY (rowid=?)" in it for it in details)


def test_two_indexes_can_serve_one_filter(session: Session) -> None:
    fill(session, ASCENDING, UNIQUE)
    details = plan(session, Find(TARGET, parse_filter('{"$or": [{"day": "2013-01-02"}, {"number": 7}]}')))
    assert any("orders:index:1 (tenant=? AND rank1=? AND value1=?)" in it for it in details)
    assert any("orders:index:2 (tenant=? AND rank2=? AND value2=?)" in it for it in details)


def test_plans_stay_what_they_are_when_there_are_many_documents_and_other_connections(
    session: Session, tmp_path: Path
) -> None:
    fill(session, COMPOUND)
    request = Find(TARGET, parse_filter('{"shop.city": "Ulm", "day": {"$gt": "2013-01-05"}}'))
    before = plan(session, request)
    write_all(
        session, [Write(TARGET, [Insert(f"more-{number}", '{"shop": {"city": "Ulm"}}', 1) for number in range(3000)])]
    )
    other = Session(tmp_path / "shop.db", Settings())
    try:
        assert plan(session, request) == plan(other, request) == before
    finally:
        other.close()
