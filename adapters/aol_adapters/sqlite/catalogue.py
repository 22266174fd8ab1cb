"""Which collections and indexes does a data file hold, and in which tables and columns?"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import apsw
import orjson

from aol_adapters.kit.access import declared, is_access
from aol_adapters.sqlite.quoting import quote_name
from aol_adapters.sqlite.values import SqlValue
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Path
from aol_wire.indexes import IndexField, IndexSpec, IndexState, IndexStatus, IndexType


@dataclass(frozen=True, slots=True)
class WordsTable:
    """A full-text table, its name quoted, and the paths whose words are in it."""

    name: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as a session knows it; valid for as long as the file's schema stays as it is.

    `fields` are the indexed paths, each with the number of its columns. `indexes` are those that are ready, `building`
    those that are being built; `filling` are the full-text tables of the latter that are there already. `access` are
    those of `kit.access` that are ready; they are none of the others.
    """

    name: str
    fields: Mapping[Path, int]
    indexes: tuple[IndexSpec, ...]
    building: tuple[IndexSpec, ...] = ()
    filling: Mapping[int, WordsTable] = field(default_factory=dict)
    access: frozenset[IndexSpec] = frozenset()

    @property
    def documents(self) -> str:
        """The table of documents, quoted."""
        return quote_name(documents_table(self.name))

    @property
    def words(self) -> str | None:
        """The full-text table, quoted; None when no text index is ready."""
        return quote_name(words_table(self.name)) if self.text_paths else None

    @property
    def text_paths(self) -> tuple[Path, ...]:
        """The paths of all text indexes together, each once."""
        return _text_paths(self.indexes)

    @property
    def words_tables(self) -> tuple[WordsTable, ...]:
        """The full-text tables that follow the documents."""
        active = (WordsTable(self.words, self.text_paths),) if self.words is not None else ()
        return (*active, *self.filling.values())

    @property
    def expiring(self) -> tuple[IndexSpec, ...]:
        """The ttl indexes."""
        return tuple(index for index in self.indexes if index.type is IndexType.TTL)

    @property
    def unique_indexes(self) -> tuple[IndexSpec, ...]:
        """The unique indexes."""
        return tuple(index for index in self.indexes if index.type is IndexType.UNIQUE)


class Catalogue:
    """What a session has read of the catalogue. Another connection's changes are noticed by the schema's version."""

    def __init__(self) -> None:
        self._schema_version: object = None
        self._collections: dict[str, Collection] = {}

    def collection(self, connection: apsw.Connection, name: str) -> Collection:
        """Return a collection, within a transaction.

        :raises DataError: COLLECTION_NOT_FOUND.
        """
        version = connection.execute("PRAGMA schema_version").get
        if version != self._schema_version:
            self._collections.clear()
            self._schema_version = version
        found = self._collections.get(name)
        if found is None:
            found = read_collection(connection, name)
            if found is None:
                raise DataError(Reason.COLLECTION_NOT_FOUND, f"the collection {name!r} was not made here yet")
            self._collections[name] = found
        return found


def documents_table(collection: str) -> str:
    """Return the name of a collection's table."""
    return f"{_prefix(collection)}:documents"


def key_name(collection: str) -> str:
    """Return the name of the index of a collection's keys, (tenant, id)."""
    return f"{_prefix(collection)}:key"


def words_table(collection: str) -> str:
    """Return the name of a collection's full-text table. SQLite adds to it with `_`, which cannot meet `:documents`."""
    return f"{_prefix(collection)}:words"


def filling_table(collection: str, number: int) -> str:
    """Return the name of the full-text table that a text index is built in, before it replaces the one in use."""
    return f"{_prefix(collection)}:filling:{number}"


def access_table(collection: str) -> str:
    """Return the name of the table of the entries of access control lists."""
    return f"{_prefix(collection)}:access"


def index_name(collection: str, number: int) -> str:
    """Return the name of an index in the database."""
    return f"{_prefix(collection)}:index:{number}"


def _prefix(collection: str) -> str:
    """Return what the names of a collection's tables and indexes begin with; SQLite keeps `sqlite_` for itself."""
    return f":{collection}" if collection.startswith("sqlite_") else collection


def rank_column(number: int) -> str:
    """Return the column that holds the type rank of a field's value."""
    return f"rank{number}"


def value_column(number: int) -> str:
    """Return the column that holds a field's value, 0 where there is none."""
    return f"value{number}"


def read_collection(connection: apsw.Connection, name: str) -> Collection | None:
    """Return a collection, or None when it is not there."""
    if connection.execute('SELECT 1 FROM "aol:collections" WHERE name = ?', (name,)).get is None:
        return None
    indexes = read_indexes(connection, name)
    ready = tuple(status.spec for status in indexes.values() if status.state is IndexState.READY)
    building = {number: status.spec for number, status in indexes.items() if status.state is IndexState.BUILDING}
    filling = {
        number: WordsTable(quote_name(filling_table(name, number)), _text_paths((*ready, spec)))
        for number, spec in building.items()
        if spec.type is IndexType.TEXT and _has_table(connection, filling_table(name, number))
    }
    return Collection(
        name,
        read_fields(connection, name),
        declared(ready),
        declared(building.values()),
        filling,
        frozenset(filter(is_access, ready)),
    )


def collections_with(connection: apsw.Connection, type: IndexType) -> list[str]:
    """Return the names of the collections that were ever asked to have an index of a type."""
    rows = connection.execute(
        """SELECT DISTINCT collection FROM "aol:indexes" WHERE json_extract(spec, '$.type') = ? ORDER BY collection""",
        (type.value,),
    )
    return [str(name) for (name,) in rows]


def first_building(connection: apsw.Connection) -> tuple[str, int] | None:
    """Return the collection and number of an index that is not built yet."""
    found = connection.execute(
        'SELECT collection, number FROM "aol:indexes" WHERE state = ? ORDER BY collection, number LIMIT 1',
        (IndexState.BUILDING.value,),
    ).fetchone()
    return None if found is None else (str(found[0]), _integer(found[1]))


def read_fields(connection: apsw.Connection, collection: str) -> dict[Path, int]:
    """Return the indexed paths of a collection and their columns' numbers."""
    rows = connection.execute('SELECT path, number FROM "aol:fields" WHERE collection = ?', (collection,))
    return {tuple(orjson.loads(str(path))): _integer(number) for path, number in rows}


def read_indexes(connection: apsw.Connection, collection: str) -> dict[int, IndexStatus]:
    """Return the indexes of a collection by their numbers."""
    rows = connection.execute(
        'SELECT number, spec, state, offenders FROM "aol:indexes" WHERE collection = ? ORDER BY number', (collection,)
    )
    return dict(_index_rows(rows))


def notable_indexes(connection: apsw.Connection) -> list[IndexStatus]:
    """Return the indexes of all collections by which documents expire, or which are not built yet."""
    rows = connection.execute(
        """SELECT number, spec, state, offenders FROM "aol:indexes"
        WHERE json_extract(spec, '$.type') = ? OR state = ?""",
        (IndexType.TTL.value, IndexState.BUILDING.value),
    )
    return [status for _, status in _index_rows(rows)]


def _index_rows(rows: apsw.Cursor) -> Iterator[tuple[int, IndexStatus]]:
    for number, spec, state, offenders in rows:
        yield _integer(number), IndexStatus(_spec(str(spec)), IndexState(str(state)), _integer(offenders))


def add_collection(connection: apsw.Connection, name: str) -> None:
    """Record a collection."""
    connection.execute('INSERT INTO "aol:collections" (name) VALUES (?)', (name,))


def add_field(connection: apsw.Connection, collection: str, path: Path, number: int) -> None:
    """Record the columns of an indexed path."""
    connection.execute(
        'INSERT INTO "aol:fields" (collection, number, path) VALUES (?, ?, ?)',
        (collection, number, orjson.dumps(path).decode()),
    )


def put_index(connection: apsw.Connection, collection: str, number: int, status: IndexStatus) -> None:
    """Record how an index stands, and let every connection know."""
    connection.execute(
        'INSERT OR REPLACE INTO "aol:indexes" (collection, number, spec, state, offenders) VALUES (?, ?, ?, ?, ?)',
        (collection, number, _spec_text(status.spec), status.state.value, status.offenders),
    )
    # Any change of the schema makes connections read the catalogue again.
    connection.execute('CREATE TABLE "aol:changed" (x); DROP TABLE "aol:changed"')


def remove_collection(connection: apsw.Connection, name: str) -> None:
    """Forget a collection, its fields and indexes."""
    for table, column in (("aol:collections", "name"), ("aol:fields", "collection"), ("aol:indexes", "collection")):
        connection.execute(f"DELETE FROM {quote_name(table)} WHERE {column} = ?", (name,))


def _text_paths(indexes: Iterable[IndexSpec]) -> tuple[Path, ...]:
    paths = (field.path for index in indexes if index.type is IndexType.TEXT for field in index.fields)
    return tuple(dict.fromkeys(paths))


def _has_table(connection: apsw.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)).get is not None


def _spec_text(spec: IndexSpec) -> str:
    fields = [{"path": field.path, "descending": field.descending} for field in spec.fields]
    return orjson.dumps({"type": spec.type, "fields": fields, "expire_after_s": spec.expire_after_s}).decode()


def _spec(text: str) -> IndexSpec:
    stored = orjson.loads(text)
    fields = tuple(IndexField(tuple(field["path"]), field["descending"]) for field in stored["fields"])
    return IndexSpec(fields, IndexType(stored["type"]), stored["expire_after_s"])


def _integer(value: SqlValue) -> int:
    assert isinstance(value, int)  # noqa: S101 - the column's definition
    return value
