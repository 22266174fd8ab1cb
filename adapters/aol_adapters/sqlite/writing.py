"""How are Writes answered? Those that waited together in one transaction; durable before anybody hears of it."""

from collections.abc import Sequence

import apsw

from aol_adapters.kit.access import conjuncts
from aol_adapters.kit.gathering import ALONE
from aol_adapters.sqlite.mutations import Mutations
from aol_adapters.sqlite.session import Session
from aol_wire import metadata
from aol_wire.adapter import Insert, Mutation, Outcome, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Compare, Filter, Operator

_INSERTED = Outcome(1)
# So many neighbouring inserts are tried as one step, and one by one if that fails; with fewer, trying costs too much.
_TOGETHER = 100
_WORTH_TRYING = 8


def weight(request: Write) -> int:
    """Return what a request weighs among those that share a transaction; what may take long goes alone."""
    if not all(map(_is_short, request.mutations)):
        return ALONE
    return sum([len(mutation.json) for mutation in request.mutations if isinstance(mutation, Insert)])


def write_all(session: Session, requests: Sequence[Write]) -> list[list[Outcome] | DataError]:
    """Apply the mutations of several requests; one that fails as a whole changes nothing and does not touch the others.

    :raises DataError: nothing was changed, or it is not known (`applied`).
    """
    with session.writing() as connection:
        if len(requests) == 1:
            return [_apply(session, connection, requests[0])]
        return [_beside_others(session, connection, request) for request in requests]


def _beside_others(session: Session, connection: apsw.Connection, request: Write) -> list[Outcome] | DataError:
    connection.execute("SAVEPOINT request")
    try:
        answer: list[Outcome] | DataError = _apply(session, connection, request)
    except DataError as error:
        if error.reason is Reason.DEADLINE:
            # Nobody waits for the others any more.
            raise
        connection.execute("ROLLBACK TO request")
        error.applied = Applied.NO
        answer = error
    connection.execute("RELEASE request")
    return answer


def _apply(session: Session, connection: apsw.Connection, request: Write) -> list[Outcome]:
    """Apply the mutations of a request; see `Adapter.write`."""
    if request.target.tenant is None and any(isinstance(mutation, Insert) for mutation in request.mutations):
        raise DataError.invalid(Reason.BAD_REQUEST, "target.tenant", "an insert needs one tenant")
    collection = session.catalogue.collection(connection, request.target.collection)
    mutations = Mutations(session, connection, collection, request.target)
    outcomes: list[Outcome] = []
    for begin in range(0, len(request.mutations), _TOGETHER):
        session.stop_if_told()
        portion = request.mutations[begin : begin + _TOGETHER]
        inserts = [mutation for mutation in portion if isinstance(mutation, Insert)]
        if len(inserts) == len(portion) >= _WORTH_TRYING and mutations.insert_all(inserts):
            outcomes += [_as_asked(insert, request.return_ids) for insert in inserts]
        else:
            outcomes += [_each(session, connection, mutations, mutation, request) for mutation in portion]
    return outcomes


def _each(
    session: Session, connection: apsw.Connection, mutations: Mutations, mutation: Mutation, request: Write
) -> Outcome:
    session.stop_if_told()
    if request.atomic:
        return _outcome(mutations, mutation, request.return_ids)
    if isinstance(mutation, Insert):
        return _inserted(mutations, mutation, request.return_ids)
    return _alone(connection, mutations, mutation, request.return_ids)


def _is_short(mutation: Mutation) -> bool:
    """Return whether a mutation is about one document, and found by its id."""
    return isinstance(mutation, Insert) or any(map(_names_one, conjuncts(mutation.filter)))


def _names_one(filter: Filter) -> bool:
    match filter:
        case Compare((metadata.ID,), Operator.EQ, str()):
            return True
    return False


def _outcome(mutations: Mutations, mutation: Mutation, return_ids: bool) -> Outcome:
    affected, was_duplicate, ids = mutations.apply(mutation)
    return Outcome(affected, was_duplicate, tuple(ids) if return_ids else ())


def _inserted(mutations: Mutations, insert: Insert, return_ids: bool) -> Outcome:
    """Insert a document. A failure changes nothing, so that no savepoint is needed: much for one of thousands."""
    try:
        was_duplicate = mutations.insert(insert)
    except DataError as error:
        if error.reason is Reason.DEADLINE:
            # Nobody waits for the others any more.
            raise
        error.applied = Applied.NO
        return Outcome(error=error)
    return _as_asked(insert, return_ids, was_duplicate=was_duplicate)


def _as_asked(insert: Insert, return_ids: bool, *, was_duplicate: bool = False) -> Outcome:
    return Outcome(1, was_duplicate, (insert.id,) if return_ids else ()) if was_duplicate or return_ids else _INSERTED


def _alone(connection: apsw.Connection, mutations: Mutations, mutation: Mutation, return_ids: bool) -> Outcome:
    """Apply a mutation whose failure does not touch the others."""
    connection.execute("SAVEPOINT mutation")
    try:
        outcome = _outcome(mutations, mutation, return_ids)
    except DataError as error:
        if error.reason is Reason.DEADLINE:
            # Nobody waits for the others any more.
            raise
        connection.execute("ROLLBACK TO mutation")
        error.applied = Applied.NO
        outcome = Outcome(error=error)
    connection.execute("RELEASE mutation")
    return outcome
