"""Whose are documents, and whom do their lists name? Found in an index and in a table of entries.

The table has (tenant, list, entry, number of the document); triggers on the documents keep it up.

SQLite does not know how many documents an owner or an entry has. So they are looked for first: those that are few are
looked up by their numbers, and where they are many the rest of the query decides how it is answered.
"""

# ruff: noqa: S608 - SQL is made here, of quoted names; values are bound.

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

import apsw
import orjson

from aol_adapters.kit.access import LISTS, Access, access_of
from aol_adapters.kit.keyset import paths_with
from aol_adapters.kit.plans import names_id
from aol_adapters.sqlite import statistics
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection, access_table, documents_table, index_name
from aol_adapters.sqlite.quoting import quote_name, quote_text
from aol_wire.adapter import Target
from aol_wire.filters import Compare, Filter, Operator

# Documents that are looked up by their numbers in any case, and at most.
_ALWAYS_FEW = 1_000
_NEVER_FEW = 20_000

# The strings of a list of a row. Whatever else stands there is no entry.
_STRINGS = "json_each({row}.acl, {path}) AS each WHERE json_type({row}.acl, {path}) = 'array' AND each.type = 'text'"


@dataclass(frozen=True, slots=True)
class Entitled:
    """What was found out about a part of a filter that asks for owners and entries.

    :ivar part: that part.
    :ivar numbers: of the documents for which it holds, some of them maybe deleted; None when they are many.
    :ivar looked_at: how many entries of the index and the table were looked at.
    """

    part: Filter
    numbers: tuple[int, ...] | None
    looked_at: int


def entitled(
    connection: apsw.Connection, collection: Collection, target: Target, filter: Filter | None, limit: int | None
) -> Entitled | None:
    """Return what the index and the table say of a filter; None when they say nothing, or the key says more.

    :param limit: how many documents are wanted; None for all.
    """
    if not collection.access or target.tenant is None or names_id(filter) or _names_one(collection, filter):
        return None
    access = access_of(filter)
    if access is None or not collection.access.issuperset(access.needs):
        return None
    most = _few(connection, collection, limit)
    bindings = Bindings()
    sql = f"{_union(collection, target.tenant, access, bindings)} LIMIT {bindings.add(most + 1)}"
    numbers = [int(str(number)) for (number,) in connection.execute(sql, bindings.values)]
    found = tuple(dict.fromkeys(numbers)) if len(numbers) <= most else None
    return Entitled(access.part, found, len(numbers))


def source(collection: Collection, entitled: Entitled | None) -> str:
    """Return the table of documents as a query reads it: those that are few by their numbers, and by nothing else."""
    return (
        collection.documents if entitled is None or entitled.numbers is None else f"{collection.documents} NOT INDEXED"
    )


def create_owner_index(connection: apsw.Connection, name: str, number: int) -> None:
    """Make the index of owners."""
    table, index = documents_table(name), index_name(name, number)
    connection.execute(
        f"CREATE INDEX {quote_name(index)} ON {quote_name(table)} (tenant, owner, id) WHERE owner IS NOT NULL"
    )
    statistics.assume_owner(connection, table, index)


def create_table(connection: apsw.Connection, name: str) -> None:
    """Make the table of entries, and what keeps it up; one that an interrupted build left is as good."""
    table, documents = quote_name(access_table(name)), quote_name(documents_table(name))
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {table} (tenant TEXT NOT NULL, list TEXT NOT NULL, entry TEXT NOT NULL, "
        "number INTEGER NOT NULL, PRIMARY KEY (tenant, list, entry, number)) WITHOUT ROWID"
    )
    add = "".join(f"INSERT OR IGNORE INTO {table} {entries}; " for entries in _entries("NEW"))
    take = "".join(
        f"DELETE FROM {table} WHERE tenant = OLD.tenant AND list = {list} AND number = OLD.number "
        f"AND entry IN (SELECT each.value FROM {strings}); "
        for list, strings in _lists("OLD")
    )
    moved = "NEW.acl IS NOT OLD.acl OR NEW.tenant <> OLD.tenant"
    for event, condition, body in (
        ("INSERT", "NEW.acl IS NOT NULL", add),
        ("DELETE", "OLD.acl IS NOT NULL", take),
        ("UPDATE OF tenant, acl", moved, f"{take}{add}"),
    ):
        trigger = quote_name(f"{access_table(name)}:{event.split()[0].lower()}")
        connection.execute(
            f"CREATE TRIGGER IF NOT EXISTS {trigger} AFTER {event} ON {documents} WHEN {condition} BEGIN {body}END"
        )


def fill(connection: apsw.Connection, name: str, *, after: int, last: int) -> None:
    """Fill in the entries of the documents whose numbers follow one, up to another one."""
    table, source = quote_name(access_table(name)), f"{quote_name(documents_table(name))} AS kept CROSS JOIN "
    for entries in _entries("kept", source):
        sql = f"INSERT OR IGNORE INTO {table} {entries} AND kept.number > ? AND kept.number <= ?"
        connection.execute(sql, (after, last))


def drop_table(connection: apsw.Connection, name: str) -> None:
    """Drop the table if it is there; its triggers go with the documents."""
    connection.execute(f"DROP TABLE IF EXISTS {quote_name(access_table(name))}")


def _names_one(collection: Collection, filter: Filter | None) -> bool:
    """Return whether a unique index finds at most one document."""
    fixed = set(paths_with(filter, (Operator.EQ,)))
    return any(fixed.issuperset(field.path for field in index.fields) for index in collection.unique_indexes)


def _few(connection: apsw.Connection, collection: Collection, limit: int | None) -> int:
    """Return how many documents are few: to look all of them up takes no longer than to meet as many as are wanted."""
    if limit is None:
        return _NEVER_FEW
    size = connection.execute(f"SELECT ifnull(max(number), 0) FROM {collection.documents}").get
    return min(max(isqrt(int(size) * limit), _ALWAYS_FEW), _NEVER_FEW)


def _union(collection: Collection, tenant: str, access: Access, bindings: Bindings) -> str:
    """Return the statement that finds the numbers, some of them more than once."""
    of_tenant = f"tenant = {bindings.add(tenant)}"
    parts = []
    for it in access.alternatives:
        if isinstance(it, Compare):
            of_owner = f"owner = {bindings.add(str(it.operand))}"
            parts.append(f"SELECT number FROM {collection.documents} WHERE {of_tenant} AND {of_owner}")
            continue
        entries = bindings.add(orjson.dumps(it.elements).decode())
        parts.append(
            f"SELECT number FROM {quote_name(access_table(collection.name))} WHERE {of_tenant} "
            f"AND list = {bindings.add(it.path[-1])} AND entry IN (SELECT value FROM json_each({entries}))"
        )
    return " UNION ALL ".join(parts)


def _entries(row: str, source: str = "") -> Iterator[str]:
    """Return for each list the statement that finds what the table has of a row; `source` comes before its strings."""
    for list, strings in _lists(row):
        yield f"SELECT {row}.tenant, {list}, each.value, {row}.number FROM {source}{strings}"


def _lists(row: str) -> Iterator[tuple[str, str]]:
    """Return the lists of a row, their names quoted, with the SQL of their strings."""
    for _, name in LISTS:
        yield quote_text(name), _STRINGS.format(row=row, path=quote_text(f"$.{name}"))
