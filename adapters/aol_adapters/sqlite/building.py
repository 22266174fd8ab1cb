"""How are collections and indexes made and dropped?"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterator

import apsw
import orjson

from aol_adapters.sqlite import catalogue, statistics
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import documents_table, index_name, rank_column, value_column, words_table
from aol_adapters.sqlite.fulltext import create_statement, document_words
from aol_adapters.sqlite.places import json_rank, place
from aol_adapters.sqlite.quoting import json_path, quote_name, quote_text
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import CollectionSpec, Ensured
from aol_wire.filters import Json, Path
from aol_wire.indexed_paths import fits
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


def ensure(session: Session, spec: CollectionSpec) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`."""
    session.connect(create=True)
    found = _complete(session, spec)
    if found is not None:
        return found
    with session.writing() as connection:
        name = spec.target.collection
        created = catalogue.read_collection(connection, name) is None
        if created:
            _create_collection(connection, name)
        for index in dict.fromkeys(spec.indexes):
            _ensure_index(session, connection, name, index)
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
        connection.execute(f"DROP TABLE IF EXISTS {quote_name(words_table(name))}")
        connection.execute(f"DROP TABLE {quote_name(documents_table(name))}")
        catalogue.remove_collection(connection, name)


def _complete(session: Session, spec: CollectionSpec) -> Ensured | None:
    """Return what is there if nothing is missing; it is asked at every start of a broker, for every collection."""
    with session.reading() as connection:
        if catalogue.read_collection(connection, spec.target.collection) is None:
            return None
        ready = {
            status.spec
            for status in catalogue.read_indexes(connection, spec.target.collection).values()
            if status.state is IndexState.READY
        }
        return Ensured(_statuses(connection, spec), created=False) if ready.issuperset(spec.indexes) else None


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


def _ensure_index(session: Session, connection: apsw.Connection, name: str, spec: IndexSpec) -> None:
    indexes = catalogue.read_indexes(connection, name)
    number, status = next(
        ((number, status) for number, status in indexes.items() if status.spec == spec),
        (max(indexes, default=0) + 1, None),
    )
    if status is not None and status.state is IndexState.READY:
        return
    offenders = _count_offenders(session, connection, name, spec)
    state = IndexState.FAILED if offenders else IndexState.READY
    catalogue.put_index(connection, name, number, IndexStatus(spec, state, offenders))
    if offenders:
        return
    if spec.type is IndexType.TEXT:
        _rebuild_words(session, connection, name)
    else:
        _create_index(connection, name, number, spec)


def _count_offenders(session: Session, connection: apsw.Connection, name: str, spec: IndexSpec) -> int:
    """Return how many documents do not fit an index: their values cannot stand in it, or are another's already."""
    misfits = [number for number, document in _all_documents(session, connection, name) if not fits(document, spec)]
    if spec.type is not IndexType.UNIQUE:
        return len(misfits)
    bindings = Bindings()
    left_out = bindings.add(orjson.dumps(misfits).decode())
    places = [place(field.path, {}, bindings) for field in spec.fields]
    values = ", ".join(f"{at.rank}, {at.order}" for at in places)
    repeated = connection.execute(
        "SELECT coalesce(sum(documents - 1), 0) FROM ("
        f"SELECT count(*) AS documents FROM {quote_name(documents_table(name))} "
        f"WHERE number NOT IN (SELECT value FROM json_each({left_out})) GROUP BY tenant, {values})",
        bindings.values,
    ).get
    return len(misfits) + int(repeated)


def _create_index(connection: apsw.Connection, name: str, number: int, spec: IndexSpec) -> None:
    fields = catalogue.read_fields(connection, name)
    columns = ["tenant"]
    direction = ""
    for field in spec.fields:
        if field.path not in fields:
            fields[field.path] = max(fields.values(), default=0) + 1
            _add_columns(connection, name, field.path, fields[field.path])
        direction = " DESC" if field.descending else ""
        columns += [f"{column(fields[field.path])}{direction}" for column in (rank_column, value_column)]
    is_unique = spec.type is IndexType.UNIQUE
    if not is_unique:
        # Documents of equal values come in the order of their ids, in the direction of the last field.
        columns.append(f"id{direction}")
    index, table = index_name(name, number), documents_table(name)
    connection.execute(
        f"CREATE {'UNIQUE ' if is_unique else ''}INDEX {quote_name(index)} "
        f"ON {quote_name(table)} ({', '.join(columns)})"
    )
    statistics.assume(connection, table, index, fields=len(spec.fields), has_id=not is_unique)


def _add_columns(connection: apsw.Connection, name: str, path: Path, number: int) -> None:
    """Add the columns of an indexed path, which holds no arrays and objects in any document.

    NOT NULL lets the planner know that the values of a unique index differ.
    """
    at = quote_text(json_path(path))
    for column, expression in (
        (rank_column(number), json_rank("doc", at)),
        (value_column(number), f"ifnull(json_extract(doc, {at}), 0)"),
    ):
        connection.execute(
            f"ALTER TABLE {quote_name(documents_table(name))} "
            f"ADD COLUMN {column} NOT NULL GENERATED ALWAYS AS ({expression}) VIRTUAL"
        )
    catalogue.add_field(connection, name, path, number)


def _rebuild_words(session: Session, connection: apsw.Connection, name: str) -> None:
    """Fill the full-text table anew: all text indexes of a collection share it."""
    collection = catalogue.read_collection(connection, name)
    assert collection is not None  # noqa: S101 - made in this transaction at the latest
    table = quote_name(words_table(name))
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(create_statement(words_table(name)))
    rows = (
        (number, words)
        for number, document in _all_documents(session, connection, name)
        if (words := document_words(document, collection.text_paths))
    )
    connection.executemany(f"INSERT INTO {table} (rowid, words) VALUES (?, ?)", rows)


def _all_documents(session: Session, connection: apsw.Connection, name: str) -> Iterator[tuple[int, dict[str, Json]]]:
    for number, text in connection.execute(f"SELECT number, json(doc) FROM {quote_name(documents_table(name))}"):
        session.stop_if_told()
        assert isinstance(number, int)  # noqa: S101 - the column's definition
        yield number, orjson.loads(str(text))
