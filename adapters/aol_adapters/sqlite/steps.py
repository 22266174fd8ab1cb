"""What are the steps in which an index is built?

An index of a collection that is not small is built in the background (`builds`), step by step, so that readers never
wait and writers wait for one step at most: the longest is SQLite's CREATE INDEX. From the moment that an index is asked
for, the rule about values at its paths holds for everything that is written; what was there before is looked through. A
unique index is enforced once it is ready.
"""

from dataclasses import dataclass

import apsw

from aol_adapters.kit.access import ACLS_INDEX, OWNERS_INDEX, is_access
from aol_adapters.sqlite import access, catalogue, filling, indexing, statistics
from aol_adapters.sqlite.catalogue import Collection, WordsTable, filling_table
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.sweeping import remove_all_expired
from aol_wire.errors import DataError, Reason
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType

_ALL_ROWS = -1
_LAST_ROW = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Build:
    """An index that is to be built, or was: each step looks whether another process finished it or dropped it."""

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
    """Look at so many rows that follow a number; return how many the index does not take, and the last one's number.

    That is None behind the last row, and when there is nothing to build any more.
    """
    with session.reading() as connection:
        collection = _pending(session, connection, build)
        last = None if collection is None else indexing.last_of_slice(connection, collection, after, rows)
        if collection is None or last is None:
            return 0, None
        now_us = session.now_us()
        return indexing.count_misfits(connection, collection, build.spec, now_us, after=after, last=last), last


def count_repeats(session: Session, build: Build) -> int:
    """Return how many documents have the values of another one, which a unique index does not take."""
    with session.reading() as connection:
        collection = _pending(session, connection, build)
        return 0 if collection is None else indexing.count_repeats(connection, collection, build.spec, session.now_us())


def begin_filling(session: Session, build: Build) -> WordsTable | None:
    """Make the table that a text index is built in, and return it; None when there is nothing to build any more."""
    with session.writing() as connection:
        if _pending(session, connection, build) is None:
            return None
        filling.create_table(connection, build.collection, build.number)
        return _read(connection, build).filling[build.number]


def fill(session: Session, build: Build, *, after: int, rows: int) -> int | None:
    """Fill in the words of so many rows that follow a number; return the last one's number.

    That is None behind the last row, and when there is nothing to build any more.
    """
    with session.writing() as connection:
        collection = _pending(session, connection, build)
        if collection is None or build.number not in collection.filling:
            return None
        return filling.fill(connection, collection, collection.filling[build.number], after=after, rows=rows)


def begin_entries(session: Session, build: Build) -> None:
    """Make the table of the entries of access control lists, which from then on follows the documents."""
    with session.writing() as connection:
        if _pending(session, connection, build) is not None:
            access.create_table(connection, build.collection)


def fill_entries(session: Session, build: Build, *, after: int, rows: int) -> int | None:
    """Fill in the entries of so many rows that follow a number; return as `fill` does."""
    with session.writing() as connection:
        collection = _pending(session, connection, build)
        last = None if collection is None else indexing.last_of_slice(connection, collection, after, rows)
        if last is not None:
            access.fill(connection, build.collection, after=after, last=last)
        return last


def finish(session: Session, build: Build, filled: WordsTable | None) -> bool:
    """Make an index ready whose documents were looked through; false when it is to be begun again.

    That is so when documents have got the same values in a unique index meanwhile, or when the table of a text index
    is not any more for the paths for which it was `filled` from its beginning.
    """
    try:
        with session.writing() as connection:
            collection = _pending(session, connection, build)
            if collection is None:
                return True
            if filled != collection.filling.get(build.number):
                return False
            _make_ready(session, connection, build)
            statistics.load(connection)
    except apsw.ConstraintError:
        return False
    return True


def fail(session: Session, build: Build, offenders: int) -> None:
    """Give an index up, for so many documents that it does not take."""
    with session.writing() as connection:
        if _pending(session, connection, build) is not None:
            _give_up(connection, build, offenders)


def build_at_once(session: Session, connection: apsw.Connection, build: Build) -> None:
    """Build an index within a transaction."""
    if is_access(build.spec):
        if build.spec == ACLS_INDEX:
            access.create_table(connection, build.collection)
            access.fill(connection, build.collection, after=0, last=_LAST_ROW)
        _make_ready(session, connection, build)
        return
    collection, now_us = _read(connection, build), session.now_us()
    offenders = indexing.count_misfits(connection, collection, build.spec, now_us, after=0, last=_LAST_ROW)
    if build.spec.type is IndexType.UNIQUE:
        offenders += indexing.count_repeats(connection, collection, build.spec, now_us)
    if offenders:
        _give_up(connection, build, offenders)
        return
    if build.spec.type is IndexType.TEXT:
        filling.create_table(connection, build.collection, build.number)
        collection = _read(connection, build)
        filling.fill(connection, collection, collection.filling[build.number], after=0, rows=_ALL_ROWS)
    _make_ready(session, connection, build)


def _make_ready(session: Session, connection: apsw.Connection, build: Build) -> None:
    if build.spec == OWNERS_INDEX:
        access.create_owner_index(connection, build.collection, build.number)
    elif not is_access(build.spec):
        # An expired document may hold what the index does not take.
        remove_all_expired(connection, _read(connection, build), session.now_us())
        if build.spec.type is IndexType.TEXT:
            filling.replace_table(connection, build.collection, build.number)
        else:
            indexing.create_index(connection, build.collection, build.number, build.spec)
    catalogue.put_index(connection, build.collection, build.number, IndexStatus(build.spec, IndexState.READY))


def _give_up(connection: apsw.Connection, build: Build, offenders: int) -> None:
    filling.drop_table(connection, filling_table(build.collection, build.number))
    status = IndexStatus(build.spec, IndexState.FAILED, offenders)
    catalogue.put_index(connection, build.collection, build.number, status)


def _pending(session: Session, connection: apsw.Connection, build: Build) -> Collection | None:
    """Return the collection, if the index is still to be built; before anything is changed in the transaction."""
    status = catalogue.read_indexes(connection, build.collection).get(build.number)
    if status != IndexStatus(build.spec, IndexState.BUILDING):
        return None
    return session.catalogue.collection(connection, build.collection)


def _read(connection: apsw.Connection, build: Build) -> Collection:
    """Return the collection as this transaction has changed it, which the session's catalogue must not keep."""
    collection = catalogue.read_collection(connection, build.collection)
    if collection is None:
        raise DataError(Reason.COLLECTION_NOT_FOUND, f"the collection {build.collection!r} was not made here yet")
    return collection
