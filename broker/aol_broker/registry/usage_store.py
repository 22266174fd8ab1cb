"""How are uses kept? Rows in the registry's database, to which all brokers add."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Insert, Select, Table, delete, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.registry.database import Database
from aol_broker.registry.reading import read_rows
from aol_broker.registry.tables import usage, usage_shapes, usage_since
from aol_broker.usage.counter import HOUR_US, Count
from aol_broker.usage.rows import HOURS_A_DAY, ShapeKey, UseKey
from aol_broker.usage.uses import CALL, Shape, ShapeUse, Use, Uses

_USE_KEY = ("collection_id", "service", "verb", "path", "hour", "hours")
_SHAPE_KEY = ("collection_id", "service", "shape", "hour")
# Databases bound the variables of one statement.
_IDS_A_STATEMENT = 5000
_IDS_AN_ANSWER = 500

_ROWS_A_STATEMENT = 500

K = TypeVar("K")


class Kept(NamedTuple):
    """Until when things are kept, as hours since 1970: hours on their own, and anything at all."""

    hours_from: int
    days_from: int


class UsageStore:
    """The tables of uses. Every method raises DataError REGISTRY_UNAVAILABLE when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def names(
        self, collection_ids: Collection[str]
    ) -> tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]:
        """Return which paths and which shapes of some collections are kept, as pairs of an id and a text."""
        async with self._database.reading() as connection:
            paths = await _distinct(connection, usage, usage.c.path, collection_ids)
            shapes = await _distinct(connection, usage_shapes, usage_shapes.c.shape, collection_ids)
        return paths, shapes

    async def add(self, uses: Mapping[UseKey, Count], shapes: Mapping[ShapeKey, Count]) -> None:
        """Add counts to what is there, all of them or none."""
        # In one order, so that two brokers that add at a time wait for each other and do not stop each other.
        use_keys, shape_keys = await asyncio.to_thread(lambda: (sorted(uses), sorted(shapes)))
        async with self._database.writing() as connection:
            # A few rows at a time: to hand over all of them at once would hold up the calls of this broker.
            statement = _adding(connection, usage, _USE_KEY)
            for use_part in _parts(use_keys):
                await connection.execute(statement, [{**_row(key, uses[key]), "hours": 1} for key in use_part])
            statement = _adding(connection, usage_shapes, _SHAPE_KEY)
            for shape_part in _parts(shape_keys):
                await connection.execute(statement, [_row(key, shapes[key]) for key in shape_part])
            await connection.commit()

    async def fold(self, kept: Kept) -> None:
        """Add hours that are old up to days, and remove what is older than anything that is kept.

        A day whose hours were added up once and that gets further calls is added to.
        """
        day = usage.c.hour - usage.c.hour % HOURS_A_DAY
        old = (usage.c.hours == 1) & (usage.c.hour < kept.hours_from)
        key = (usage.c.collection_id, usage.c.service, usage.c.verb, usage.c.path, day)
        sums = (func.sum(usage.c.calls), func.max(usage.c.last_us))
        added = select(*key, literal(HOURS_A_DAY), *sums).where(old).group_by(*key)
        # One broker at a time: two would add the same hours up.
        async with self._database.migrating() as connection:
            await connection.execute(
                _adding(connection, usage, _USE_KEY, from_select=([*_USE_KEY, "calls", "last_us"], added))
            )
            await connection.execute(delete(usage).where(old | (usage.c.hour < kept.days_from)))
            await connection.execute(delete(usage_shapes).where(usage_shapes.c.hour < kept.days_from))

    async def collections(self) -> Sequence[str]:
        """Return the ids of the collections that uses are kept of, whether they still exist or not."""
        # Each is the next one of the index after the one before: to look for the different ones reads every row.
        first = select(func.min(usage.c.collection_id).label("id")).cte("ids", recursive=True)
        after = select(func.min(usage.c.collection_id)).where(usage.c.collection_id > first.c.id).scalar_subquery()
        ids = first.union_all(select(after).where(first.c.id.is_not(None)))
        async with self._database.reading() as connection:
            rows = await read_rows(connection, select(ids.c.id).where(ids.c.id.is_not(None)))
        return [id_ for (id_,) in rows]

    async def load(
        self,
        since_us: int,
        collection_ids: Collection[str] | None = None,
        service: str = "",
        *,
        paths: bool = True,
        shapes: bool = True,
    ) -> Uses:
        """Return what was used since a moment, of some collections or by one service if they are given.

        An hour, or a day, whose last call came after that moment counts as a whole. Without `paths`, only the calls
        themselves are read, and without `shapes` none of those: of many collections, that is much less.
        """
        use_key: tuple[Any, ...] = (usage.c.collection_id, usage.c.service, usage.c.verb, usage.c.path)
        shape_key: tuple[Any, ...] = (usage_shapes.c.collection_id, usage_shapes.c.service, usage_shapes.c.shape)
        rows: list[Any] = []
        shape_rows: list[Any] = []
        async with self._database.reading() as connection:
            begun_us = int((await connection.execute(select(func.max(usage_since.c.since_us)))).scalar_one() or 0)
            since_us = max(since_us, begun_us)
            for part in _id_parts(collection_ids):
                used = _summed(usage, use_key, since_us, part, service)
                rows += await read_rows(connection, used if paths else used.where(usage.c.path == CALL))
                if shapes:
                    asked = _summed(usage_shapes, shape_key, since_us, part, service)
                    shape_rows += await read_rows(connection, asked)
        return await asyncio.to_thread(_uses, since_us, rows, shape_rows)


def _id_parts(collection_ids: Collection[str] | None) -> Iterator[Sequence[str] | None]:
    """Yield a few ids at a time: databases bound the variables of a statement, and each answer holds up calls."""
    if collection_ids is None:
        yield None
        return
    ids = sorted(collection_ids)
    for start in range(0, len(ids), _IDS_AN_ANSWER):
        yield ids[start : start + _IDS_AN_ANSWER]


def _summed(
    table: Table, keys: Sequence[ColumnElement[Any]], since_us: int, ids: Sequence[str] | None, service: str
) -> Select[Any]:
    # The condition on the hour is there for the index: what ended before the moment has no later call.
    wanted = (table.c.last_us >= since_us) & (table.c.hour >= since_us // HOUR_US - HOURS_A_DAY)
    if ids is not None:
        wanted &= table.c.collection_id.in_(ids)
    if service:
        wanted &= table.c.service == service
    sums = (func.sum(table.c.calls), func.max(table.c.last_us))
    return select(*keys, *sums).where(wanted).group_by(*keys).order_by(*keys)


async def _distinct(
    connection: AsyncConnection, table: Table, column: ColumnElement[str], collection_ids: Collection[str]
) -> list[tuple[str, str]]:
    ids, found = sorted(collection_ids), []
    for start in range(0, len(ids), _IDS_A_STATEMENT):
        part = ids[start : start + _IDS_A_STATEMENT]
        wanted = select(table.c.collection_id, column).where(table.c.collection_id.in_(part)).distinct()
        found += [(str(id_), str(text)) for id_, text in (await connection.execute(wanted)).all()]
    return found


def _adding(
    connection: AsyncConnection,
    table: Table,
    key: Sequence[str],
    from_select: tuple[list[str], Select[Any]] | None = None,
) -> Insert:
    """Return a statement that makes rows, or adds to those that are there."""
    statement: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    if from_select is not None:
        statement = statement.from_select(*from_select)
    # Each database has its own name for the greater of two.
    greater = func.greatest if connection.dialect.name == "postgresql" else func.max
    added = statement.excluded
    made: Insert = statement.on_conflict_do_update(
        index_elements=list(key),
        set_={"calls": table.c.calls + added.calls, "last_us": greater(table.c.last_us, added.last_us)},
    )
    return made


def _row(key: UseKey | ShapeKey, count: Count) -> dict[str, object]:
    return {**key._asdict(), "calls": count.calls, "last_us": count.last_us}


def _parts(keys: Sequence[K]) -> Iterator[Sequence[K]]:
    for start in range(0, len(keys), _ROWS_A_STATEMENT):
        yield keys[start : start + _ROWS_A_STATEMENT]


def _uses(since_us: int, rows: Sequence[Any], shapes: Sequence[Any]) -> Uses:
    return Uses.of(
        since_us,
        ((id_, Use(by, verb, path, int(calls), last)) for id_, by, verb, path, calls, last in rows),
        (
            (id_, ShapeUse(by, Shape.read(text) if text else None, int(calls), last))
            for id_, by, text, calls, last in shapes
        ),
    )
