"""Who has the id or the unique values that a document wants? Looked into only when SQLite says that somebody has."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterable

import apsw
import orjson

from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.expiring import expired
from aol_adapters.sqlite.places import place
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec
from aol_wire.values import get, sort_key


def expired_holders(
    connection: apsw.Connection,
    collection: Collection,
    key: tuple[str, str],
    document: dict[str, Json],
    *,
    now_us: int,
    besides: Iterable[int] = (),
) -> list[int]:
    """Return the numbers of the expired rows that have the key (tenant, id) or a unique value of a document.

    :param besides: the numbers of rows that do not count.
    """
    bindings = Bindings()
    is_expired = expired(collection, now_us, bindings)
    if is_expired is None:
        return []
    tenant, id = key
    holds = [f"id = {bindings.add(id)}"]
    holds += [_has_values(collection, index, document, bindings) for index in collection.unique_indexes]
    left_out = bindings.add(orjson.dumps(list(besides)).decode())
    rows = connection.execute(
        f"SELECT number FROM {collection.documents} WHERE tenant = {bindings.add(tenant)} AND ({' OR '.join(holds)}) "
        f"AND {is_expired} AND number NOT IN (SELECT value FROM json_each({left_out}))",
        bindings.values,
    )
    return [int(str(number)) for (number,) in rows]


def unique_violation(
    connection: apsw.Connection, collection: Collection, document: dict[str, Json], tenant: str, number: int = -1
) -> DataError:
    """Return the error of a document whose unique values another one has; `number` is its own row, if it has one.

    SQLite says which index it was in the text of its error only, and texts are not to be relied on.
    """
    name = "unknown"
    for index in collection.unique_indexes:
        bindings = Bindings()
        values = _has_values(collection, index, document, bindings)
        sql = (
            f"SELECT 1 FROM {collection.documents} "
            f"WHERE tenant = {bindings.add(tenant)} AND number <> {bindings.add(number)} AND {values}"
        )
        if connection.execute(sql, bindings.values).get is not None:
            name = index.name
            break
    return DataError(
        Reason.UNIQUE_VIOLATION,
        f"another document has the values of this one in the index {name}",
        metadata={"index": name},
    )


def _has_values(collection: Collection, index: IndexSpec, document: dict[str, Json], bindings: Bindings) -> str:
    conditions = []
    for field in index.fields:
        at = place(field.path, collection.fields, bindings)
        rank, value = sort_key(get(document, field.path))
        conditions += [f"{at.rank} = {bindings.add(rank)}", f"{at.order} = {bindings.add(value)}"]
    return f"({' AND '.join(conditions)})"
