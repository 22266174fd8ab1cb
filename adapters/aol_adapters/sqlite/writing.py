"""How is a Write answered? One transaction; durable before anybody hears of it."""

import apsw

from aol_adapters.sqlite.mutations import Mutations
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import Insert, Mutation, Outcome, Write
from aol_wire.errors import Applied, DataError, Reason


def write(session: Session, request: Write) -> list[Outcome]:
    """Apply mutations; see `Adapter.write`."""
    if request.target.tenant is None and any(isinstance(mutation, Insert) for mutation in request.mutations):
        raise DataError.invalid(Reason.BAD_REQUEST, "target.tenant", "an insert needs one tenant")
    outcomes = []
    with session.writing() as connection:
        collection = session.catalogue.collection(connection, request.target.collection)
        mutations = Mutations(session, connection, collection, request.target)
        for mutation in request.mutations:
            session.stop_if_told()
            if request.atomic:
                outcomes.append(_outcome(mutations, mutation, request.return_ids))
            else:
                outcomes.append(_alone(connection, mutations, mutation, request.return_ids))
    return outcomes


def _outcome(mutations: Mutations, mutation: Mutation, return_ids: bool) -> Outcome:
    affected, was_duplicate, ids = mutations.apply(mutation)
    return Outcome(affected, was_duplicate, tuple(ids) if return_ids else ())


def _alone(connection: apsw.Connection, mutations: Mutations, mutation: Mutation, return_ids: bool) -> Outcome:
    """Apply a mutation whose failure does not touch the others."""
    # An insert that fails has changed nothing; what a savepoint costs is much for one of thousands.
    in_savepoint = not isinstance(mutation, Insert)
    if in_savepoint:
        connection.execute("SAVEPOINT mutation")
    try:
        outcome = _outcome(mutations, mutation, return_ids)
    except DataError as error:
        if error.reason is Reason.DEADLINE:
            # Nobody waits for the others any more.
            raise
        if in_savepoint:
            connection.execute("ROLLBACK TO mutation")
        error.applied = Applied.NO
        outcome = Outcome(error=error)
    if in_savepoint:
        connection.execute("RELEASE mutation")
    return outcome
