"""What becomes of each document of one statement, when some cannot be inserted or the statement is cut off?"""

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from aol_wire.adapter import CollectionSpec, Insert, Outcome, Write
from aol_wire.errors import Applied, Reason
from aol_wire.ids import now_us, uuid7
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage
from many_inserts import CHOICES, insert_beside_the_reference
from postgres_adapters import TABLE, TARGET, holding, ids, insert, of_adapter, opened, own_server, until_waiting
from postgres_server import rows, statements

NUMBER = parse_index({"fields": ["n"], "type": "ascending"}, "index")
WORDS = parse_index({"fields": ["t"], "type": "text"}, "index")
EMAIL = parse_index({"fields": ["email"], "type": "unique"}, "index")
UNTIL = parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": 0}, "index")
GONE = '{"until": "2001-01-01T00:00:00.000000Z"}'


async def reasons(dsn: str, index: IndexSpec, *documents: tuple[str, str]) -> list[Reason | None]:
    async with opened(dsn) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(index,)))
        outcomes = await adapter.write(Write(TARGET, [Insert(id_, document, 1) for id_, document in documents]))
        return [outcome.error.reason if outcome.error else None for outcome in outcomes]


async def test_documents_that_do_not_fit_keep_no_id_from_one_that_comes_after_them(postgres_database: str) -> None:
    found = await reasons(postgres_database, NUMBER, ("a", '{"n": []}'), ("a", '{"n": []}'), ("a", '{"n": 1}'))
    assert found == [Reason.BAD_DOCUMENT, Reason.BAD_DOCUMENT, None]


async def test_a_document_that_does_not_fit_is_told_of_the_one_before_it_with_its_id(postgres_database: str) -> None:
    found = await reasons(postgres_database, NUMBER, ("a", '{"n": 1}'), ("a", '{"n": []}'), ("a", '{"n": 2}'))
    assert found == [None, Reason.DUPLICATE_ID, Reason.DUPLICATE_ID]


async def test_an_id_goes_to_the_first_that_its_values_let_in(postgres_database: str) -> None:
    documents = [("a", '{"email": 1}'), ("b", '{"email": 1}'), ("b", '{"email": []}'), ("b", '{"email": 2}')]
    found = await reasons(postgres_database, EMAIL, *documents)
    assert found == [None, Reason.UNIQUE_VIOLATION, Reason.BAD_DOCUMENT, None]


async def test_what_becomes_of_a_document_hangs_on_what_became_of_those_before_it(postgres_database: str) -> None:
    """That of one with an id that two before it want, and that of one with values that one before it wants."""
    documents = [
        ("a", "{}"),
        ("b", "{}"),
        ("b", '{"email": 1}'),
        ("b", "{}"),
        ("c", '{"email": 1}'),
        ("d", '{"email": 2}'),
    ]
    found = await reasons(postgres_database, EMAIL, *documents)
    assert found == [None, Reason.UNIQUE_VIOLATION, None, Reason.DUPLICATE_ID, Reason.UNIQUE_VIOLATION, None]


async def test_one_document_too_large_for_an_index_fails_alone(postgres_database: str) -> None:
    fields = [f"f{number}" for number in range(4)]
    index = parse_index({"fields": list(fields), "type": "compound"}, "index")
    # What hardly compresses, each within the limit of an indexed string, and together beyond that of an index entry.
    text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(300))
    large = "{" + ", ".join(f'"{field}": "{text[number:]}"' for number, field in enumerate(fields)) + "}"
    documents = [(f"a{number}", large if number == 5 else "{}") for number in range(11)]
    found = await reasons(postgres_database, index, *documents)
    assert found == [Reason.TOO_LARGE if number == 5 else None for number in range(11)]


async def test_what_was_inserted_before_the_connection_broke_is_not_reported_as_not_applied(
    postgres_database: str,
) -> None:
    """One statement inserts what it can; what is in the way of the rest is looked into by others, which may fail."""
    now_us = [datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1_000_000]
    async with opened(postgres_database, clock=lambda: int(now_us[0])) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNTIL,)))
        await adapter.write(insert("expired", document=GONE))
        now_us[0] = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1_000_000
        async with holding(postgres_database, f"SELECT 1 FROM {TABLE} FOR UPDATE"):
            writing = asyncio.create_task(adapter.write(insert("new", "expired")))
            await until_waiting(postgres_database)
            (waiting,) = await of_adapter(postgres_database, "wait_event_type = 'Lock'")
            await statements(postgres_database, f"SELECT pg_terminate_backend({waiting['pid']})")
            new, expired = await writing
        assert new.affected == 1
        assert new.error is None
        assert expired.error is not None
        assert expired.error.reason is Reason.ADAPTER_DOWN
        assert expired.error.applied is Applied.NO
        assert await ids(adapter) == ["new"]


async def test_a_deadlock_behind_an_insert_does_not_make_it_a_duplicate_of_itself(postgres_database: str) -> None:
    name = urlsplit(postgres_database).path.removeprefix("/")
    # A deadlock is looked for once, so long after the wait began; by then the other one must have closed the circle.
    await statements(postgres_database, f"ALTER DATABASE {name} SET deadlock_timeout = '2s'")
    now_us = [datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1_000_000]
    async with opened(postgres_database, clock=lambda: int(now_us[0])) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNTIL, EMAIL)))
        await adapter.write(insert("a", document=GONE.replace("}", ', "email": 1}')))
        await adapter.write(insert("b", document=GONE.replace("}", ', "email": 2}')))
        now_us[0] = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1_000_000
        ending = f"DELETE FROM {TABLE} WHERE id ="
        async with holding(postgres_database, "SET deadlock_timeout = '1h'", f"{ending} 'b'") as other:
            # One is inserted; then both of those that are expired are removed, of which one is locked.
            documents = [Insert("new", '{"email": 3}', 1), Insert("a", '{"email": 2}', 1)]
            writing = asyncio.create_task(adapter.write(Write(TARGET, documents)))
            await until_waiting(postgres_database)
            await other.execute(f"{ending} 'a'")
            await other.execute("COMMIT")
        outcomes = await writing
        assert [(it.affected, it.was_duplicate, it.error) for it in outcomes] == [(1, False, None), (1, False, None)]


@pytest.mark.parametrize("choices", CHOICES)
@pytest.mark.parametrize(
    "spec",
    [
        CollectionSpec(TARGET),
        CollectionSpec(TARGET, indexes=(EMAIL,), acls=True),
        CollectionSpec(TARGET, indexes=(WORDS, NUMBER)),
    ],
    ids=["plain", "unique", "text"],
)
async def test_of_many_documents_each_becomes_what_it_becomes_alone(
    postgres_database: str, spec: CollectionSpec, choices: int
) -> None:
    """Whether ids and values are taken by others or not, in whatever form the statement takes them."""
    async with opened(postgres_database) as adapter:
        await insert_beside_the_reference(adapter, spec, choices)


@pytest.mark.parametrize("settings", [{}, {"transaction_pooling": True}])
async def test_of_many_documents_one_whose_id_is_taken_fails_alone(
    postgres_database: str, settings: dict[str, Any]
) -> None:
    """Also when that happens again, and behind a pooler, where all are one transaction."""
    async with opened(postgres_database, **settings) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET))
        await adapter.write(insert("taken", document='{"n": 1}'))
        for begin in (0, 200):
            inserts = [Insert(str(begin + number), "{}", 1) for number in range(200)]
            inserts[150] = Insert("taken", "{}", 1)
            outcomes = await adapter.write(Write(TARGET, inserts))
            assert [number for number, it in enumerate(outcomes) if it.error is not None] == [150]
            assert outcomes[150].error is not None
            assert outcomes[150].error.reason is Reason.DUPLICATE_ID
        assert len(await ids(adapter)) == 399


async def test_ids_and_values_that_are_taken_do_not_get_into_the_server_s_log() -> None:
    """It writes the values of a statement that fails of them; so none may."""
    async with own_server() as server, opened(server.dsn()) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(EMAIL,)))
        taken = [Insert(f"id-of-ann-{number}", f'{{"email": "ann-{number}@example.org"}}', 1) for number in range(150)]
        await adapter.write(Write(TARGET, taken))
        same_ids = [Insert(it.id, "{}", 1) for it in taken]
        same_values = [Insert(f"other-{number}", it.json, 1) for number, it in enumerate(taken)]
        outcomes = await adapter.write(Write(TARGET, [*same_ids, *same_values]))
        assert all(outcome.error is not None for outcome in outcomes)
        log = (server.folder / "log").read_text()
    assert log
    assert "ann-" not in log


async def test_many_documents_of_partitions_are_duplicates_when_they_come_again(postgres_database: str) -> None:
    storage = Storage(CREATED_AT, PartitionInterval.DAY)
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, storage=storage))
        inserts = [Insert(uuid7(), "{}", now_us()) for _ in range(150)]
        for again in (False, True):
            outcomes = await adapter.write(Write(TARGET, inserts))
            assert outcomes == [Outcome(1, was_duplicate=again)] * 150


async def test_numbers_of_many_documents_are_stored_in_their_one_form(postgres_database: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET))
        written = ['{"n":1.50}', '{"n":1e16}', '{"n":2E0}'] + ['{"n":1.5}'] * 150
        await adapter.write(Write(TARGET, [Insert(f"{number:03}", it, 1) for number, it in enumerate(written)]))
        stored = await rows(postgres_database, f"SELECT doc->>'n' AS n FROM {TABLE} ORDER BY id LIMIT 4")
        assert [it["n"] for it in stored] == ["1.5", "10000000000000000.0", "2.0", "1.5"]


@pytest.mark.parametrize("indexes", [(), (NUMBER,), (WORDS,)])
@pytest.mark.parametrize("document", ["{}", '{"x":1e16}'])
async def test_of_many_documents_one_that_is_no_json_fails_alone(
    postgres_database: str, indexes: tuple[IndexSpec, ...], document: str
) -> None:
    """The broker lets none pass; one that does makes nobody else's documents fail."""
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=indexes))
        inserts = [Insert(str(number), "{" if number == 77 else document, 1) for number in range(150)]
        outcomes = await adapter.write(Write(TARGET, inserts))
        assert [number for number, it in enumerate(outcomes) if it.error is not None] == [77]
        assert outcomes[77].error is not None
        assert (outcomes[77].error.reason, outcomes[77].error.applied) == (Reason.INTERNAL_BUG, Applied.NO)
        assert len(await ids(adapter)) == 149
        stored = await rows(postgres_database, f"SELECT DISTINCT doc::text AS doc FROM {TABLE}")
        assert [it["doc"] for it in stored] == [{"{}": "{}"}.get(document, '{"x": 10000000000000000.0}')]
