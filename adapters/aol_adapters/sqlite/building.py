"""How are collections and their indexes made and dropped?"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import apsw

from aol_adapters.kit.access import declared, wanted
from aol_adapters.sqlite import access, catalogue, filling, statistics, steps
from aol_adapters.sqlite.catalogue import documents_table, filling_table, key_name, words_table
from aol_adapters.sqlite.quoting import quote_name
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.steps import Build
from aol_wire.adapter import CollectionSpec, Ensured
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus

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


def ensure(session: Session, spec: CollectionSpec, *, at_once_up_to: int) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`. Those of `kit.access` come last.

    :param at_once_up_to: how many documents a collection has at most whose indexes are built here and now. Those of
        others are left as BUILDING.
    """
    session.connect(create=True)
    spec = wanted(spec)
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
        return declared(catalogue.read_indexes(connection, name).values())


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
        access.drop_table(connection, name)
        catalogue.remove_collection(connection, name)


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
    table, key = documents_table(name), key_name(name)
    connection.execute(_DOCUMENTS.format(table=quote_name(table)))
    connection.execute(f"CREATE UNIQUE INDEX {quote_name(key)} ON {quote_name(table)} (tenant, id)")
    statistics.assume(connection, table, key, fields=0, has_id=True)
    catalogue.add_collection(connection, name)


def _is_larger(connection: apsw.Connection, name: str, documents: int) -> bool:
    found = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {quote_name(documents_table(name))} LIMIT ?)", (documents + 1,)
    ).get
    return int(found) > documents


def _ensure_index(session: Session, connection: apsw.Connection, name: str, spec: IndexSpec, *, at_once: bool) -> None:
    indexes = catalogue.read_indexes(connection, name)
    number, status = next(
        ((number, status) for number, status in indexes.items() if status.spec == spec),
        (max(indexes, default=0) + 1, None),
    )
    if status is not None and status.state is not IndexState.FAILED:
        return
    catalogue.put_index(connection, name, number, IndexStatus(spec, IndexState.BUILDING))
    if at_once:
        steps.build_at_once(session, connection, Build(name, number, spec))
