"""How are collections and their indexes made and dropped?

An index of a collection that is not small is built in the background; the steps of that are here, and `builds` takes
them. From the moment that an index is asked for, the rule about values at its paths holds for everything that is
written; what was there before is looked through. A unique index is enforced once it is ready.
"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from dataclasses import dataclass

import apsw

from aol_adapters.sqlite import catalogue, filling, indexing, statistics
from aol_adapters.sqlite.catalogue import Collection, documents_table, filling_table, words_table
from aol_adapters.sqlite.quoting import quote_name
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.sweeping import remove_all_expired
from aol_wire.adapter import CollectionSpec, Ensured
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType

# `number` names a row for the full-text table and stays what it is when the file is vacuumed. The document comes last:
# what is before it is read without it.
_DOCUMENTS = """
CREATE TABLE {table} (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    deleted_us INTEGER,
    owner TEXT,
    acl TEXT,
    doc BLOB NOT NULL
)
"""
_ALL_ROWS = -1
_LAST_ROW = (1 << 63) - 1


def ensure(session: Session, spec: CollectionSpec, *, at_once_up_to: int) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`.

    :param at_once_up_to: how many documents a collection has at most whose indexes are built here and now. Those of
        others are left as BUILDING.
    """
    session.connect(create=True)
    found = _complete(session, spec)
    if found is not None:
        return found
    with session.writing() as connection:
        name = spec.target.collection
        created = catalogue.read_collection(connection, name) is None
        if created:
            _create_collection(connection, name)
        at_once = not _is_larger(connection, name, at_once_up_to)
        for index in dict.fromkeys(spec.indexes):
            _ensure_index(session, connection, name, index, at_once=at_once)
        # A connection takes notice of statistics only when it is told, or when it reads a changed schema.
        statistics.load(connection)
        return Ensured(_statuses(connection, spec), created)


def inspect(session: Session, name: str) -> tuple[IndexStatus, ...]:
    """Return how the indexes of a collection stand; see `Adapter.inspect_collection`."""
    with session.reading() as connection:
        session.catalogue.collection(connection, name)
        return tuple(catalogue.read_indexes(connection, name).values())


def drop(session: Session, name: str) -> None:
    """Drop a collection; see `Adapter.drop_collection`."""
    if not session.has_file():
        return
    with session.writing() as connection:
        if catalogue.read_collection(connection, name) is None:
            return
        for number in catalogue.read_indexes(connection, name):
            filling.drop_table(connection, filling_table(name, number))
        filling.drop_table(connection, words_table(name))
        connection.execute(f"DROP TABLE {quote_name(documents_table(name))}")
        catalogue.remove_collection(connection, name)


@dataclass(frozen=True, slots=True)
class Build:
    """An index that is to be built. Another process may have built it meanwhile, or dropped its collection: each step
    looks."""

    collection: str
    number: int
    spec: IndexSpec


def next_build(session: Session) -> Build | None:
    """Return the first index of a data file that is not built yet."""
    with session.reading() as connection:
        found = catalogue.first_building(connection)
        if found is None:
            return None
        collection, number = found
        return Build(collection, number, catalogue.read_indexes(connection, collection)[number].spec)


def count_misfits(session: Session, build: Build, *, after: int, rows: int) -> tuple[int, int | None]:
    """Return how many of so many rows that follow a number an index does not take, and the last one's number."""
    with session.reading() as connection:
        collection = _collection(session, connection, build)
        last = indexing.last_of_slice(connection, collection, after, rows) if collection is not None else None
        if collection is None or last is None:
            return 0, None
        return _misfits(session, connection, collection, build.spec, after, last), last


def count_repeats(session: Session, build: Build) -> int:
    """Return how many documents have the values that another one has, if the index is unique."""
    with session.reading() as connection:
        collection = _collection(session, connection, build)
        return 0 if collection is None else _repeats(session, connection, collection, build.spec)


def begin_filling(session: Session, build: Build) -> catalogue.WordsTable | None:
    """Make the table that a text index is built in, and return it; None when there is nothing to build any more."""
    with session.writing() as connection:
        if _is_pending(connection, build):
            filling.create_table(connection, build.collection, build.number)
    with session.reading() as connection:
        return _filling(session, connection, build)


def fill(session: Session, build: Build, *, after: int, rows: int) -> int | None:
    """Fill in the words of so many rows that follow a number; return the last one's number, None at the end."""
    with session.writing() as connection:
        collection, table = _collection(session, connection, build), _filling(session, connection, build)
        if collection is None or table is None:
            return None
        return filling.fill(connection, collection, table, after=after, rows=rows)


def finish(session: Session, build: Build, filled: catalogue.WordsTable | None = None) -> bool:
    """Make an index ready, whose documents were looked through; return whether that is so.

    :param filled: the table of a text index as it was when it was filled from the beginning. When other paths belong
        to it by now, the index is not ready.
    :raises apsw.ConstraintError: for a unique index, when a document that came meanwhile repeats another's values.
    """
    with session.writing() as connection:
        if not _is_pending(connection, build):
            return True
        if filled is not None and _filling(session, connection, build) != filled:
            return False
        _make_ready(session, connection, build)
        statistics.load(connection)
        return True


def fail(session: Session, build: Build, offenders: int) -> None:
    """Give an index up, for so many documents that it does not take."""
    with session.writing() as connection:
        if _is_pending(connection, build):
            filling.drop_table(connection, filling_table(build.collection, build.number))
            status = IndexStatus(build.spec, IndexState.FAILED, offenders)
            catalogue.put_index(connection, build.collection, build.number, status)


def _complete(session: Session, spec: CollectionSpec) -> Ensured | None:
    """Return what is there if nothing is missing; it is asked at every start of a broker, for every collection."""
    with session.reading() as connection:
        if catalogue.read_collection(connection, spec.target.collection) is None:
            return None
        found = {
            status.spec
            for status in catalogue.read_indexes(connection, spec.target.collection).values()
            if status.state is not IndexState.FAILED
        }
        return Ensured(_statuses(connection, spec), created=False) if found.issuperset(spec.indexes) else None


def _statuses(connection: apsw.Connection, spec: CollectionSpec) -> tuple[IndexStatus, ...]:
    statuses = catalogue.read_indexes(connection, spec.target.collection).values()
    by_spec = {status.spec: status for status in statuses}
    return tuple(by_spec[index] for index in spec.indexes)


def _create_collection(connection: apsw.Connection, name: str) -> None:
    table, key = documents_table(name), f"{name}:key"
    connection.execute(_DOCUMENTS.format(table=quote_name(table)))
    connection.execute(f"CREATE UNIQUE INDEX {quote_name(key)} ON {quote_name(table)} (tenant, id)")
    statistics.assume(connection, table, key, fields=0, has_id=True)
    catalogue.add_collection(connection, name)


def _is_larger(connection: apsw.Connection, name: str, documents: int) -> bool:
    found = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {quote_name(documents_table(name))} LIMIT ?)", (documents + 1,)
    ).get
    return int(found) > documents


def _ensure_index(
    session: Session, connection: apsw.Connection, name: str, spec: IndexSpec, *, at_once: bool
) -> None:
    indexes = catalogue.read_indexes(connection, name)
    number, status = next(
        ((number, status) for number, status in indexes.items() if status.spec == spec),
        (max(indexes, default=0) + 1, None),
    )
    if status is not None and status.state is not IndexState.FAILED:
        return
    build = Build(name, number, spec)
    catalogue.put_index(connection, name, number, IndexStatus(spec, IndexState.BUILDING))
    if at_once:
        _build_at_once(session, connection, build)


def _build_at_once(session: Session, connection: apsw.Connection, build: Build) -> None:
    collection = _read(connection, build.collection)
    offenders = _misfits(session, connection, collection, build.spec, 0, _LAST_ROW)
    offenders += _repeats(session, connection, collection, build.spec)
    if offenders:
        status = IndexStatus(build.spec, IndexState.FAILED, offenders)
        catalogue.put_index(connection, build.collection, build.number, status)
        return
    if build.spec.type is IndexType.TEXT:
        filling.create_table(connection, build.collection, build.number)
        collection = _read(connection, build.collection)
        filling.fill(connection, collection, collection.filling[build.number], after=0, rows=_ALL_ROWS)
    _make_ready(session, connection, build)


def _make_ready(session: Session, connection: apsw.Connection, build: Build) -> None:
    # An expired document would be in the way of a unique index, and may hold what the index does not take.
    remove_all_expired(connection, _read(connection, build.collection), session.now_us())
    if build.spec.type is IndexType.TEXT:
        filling.replace_table(connection, build.collection, build.number)
    else:
        indexing.create_index(connection, build.collection, build.number, build.spec)
    catalogue.put_index(connection, build.collection, build.number, IndexStatus(build.spec, IndexState.READY))
