"""How do changes and what became of them travel to an adapter? Mutations and outcomes <-> aol.adapter.v1 messages."""

from collections.abc import Sequence

import orjson

from aol.adapter.v1 import adapter_pb2 as pb
from aol.adapter.v1 import filter_pb2
from aol_wire.adapter import Delete, Insert, Mutation, Outcome, Restore, Stamps, Update
from aol_wire.adapter_codec_filters import (
    filter_from_proto,
    filter_to_proto,
    malformed,
    path_from_proto,
    path_to_proto,
    value_from_proto,
    value_to_proto,
)
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Filter
from aol_wire.limits import DOCUMENT_ID_MAX_BYTES
from aol_wire.names import check_document_id
from aol_wire.status import from_status, to_status
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation

# What becomes of almost every change of one document.
ONE = Outcome(1)

# What has so many characters is short enough for an id, however many bytes they take.
_ID_CHARACTERS = DOCUMENT_ID_MAX_BYTES // 4

_Filtered = pb.Update | pb.Delete | pb.Restore | pb.FindRequest | pb.CountRequest


def optional_filter(message: _Filtered, where: str) -> Filter | None:
    """Return a request's filter; None when it has none and so means every document."""
    return filter_from_proto(message.filter, where) if message.HasField("filter") else None


def optional_message(tree: Filter | None) -> filter_pb2.Filter | None:
    """Return the message of a filter that may be absent."""
    return None if tree is None else filter_to_proto(tree)


def add_mutations(message: pb.WriteRequest, mutations: Sequence[Mutation]) -> None:
    """Add changes to the message of changes."""
    add = message.mutations.add
    for mutation in mutations:
        if not isinstance(mutation, Insert):
            message.mutations.append(_mutation_to_proto(mutation))
            continue
        # Filled in where it stands: a message that is handed to another one is copied, which costs twice as much.
        insert = add().insert
        insert.id, insert.json, insert.now_us = mutation.id, mutation.json, mutation.now_us
        # Almost all inserts have none of these.
        if mutation.owner:
            insert.owner = mutation.owner
        if mutation.acl:
            insert.acl = mutation.acl
        if mutation.stamps is not None:
            _fill_stamps(insert.stamps, mutation.stamps)


def _mutation_to_proto(mutation: Update | Delete | Restore) -> pb.Mutation:
    match mutation:
        case Update():
            return pb.Mutation(
                update=pb.Update(
                    filter=optional_message(mutation.filter),
                    operations=[_operation_to_proto(operation) for operation in mutation.operations],
                    now_us=mutation.now_us,
                    max_affected=mutation.max_affected,
                    if_version=mutation.if_version,
                    acl=mutation.acl,
                    owner=mutation.owner,
                )
            )
        case Delete():
            return pb.Mutation(
                delete=pb.Delete(
                    filter=optional_message(mutation.filter),
                    soft=mutation.soft,
                    now_us=mutation.now_us,
                    max_affected=mutation.max_affected,
                    if_version=mutation.if_version,
                    purge=mutation.purge,
                )
            )
        case Restore(tree, max_affected):
            restore = pb.Restore(filter=optional_message(tree), max_affected=max_affected)
            return pb.Mutation(restore=restore)


def mutations_from_proto(messages: Sequence[pb.Mutation]) -> list[Mutation]:
    """Return changes.

    :raises DataError: BAD_REQUEST, about the first one that is malformed.
    """
    mutations: list[Mutation] = []
    for message in messages:
        # The insert of another change reads as one without a document.
        insert = message.insert
        id_, json, acl = insert.id, insert.json, insert.acl
        # Almost all changes of a long request are inserts like this.
        if json and not acl and 0 < len(id_) <= _ID_CHARACTERS and "\0" not in id_ and not insert.HasField("stamps"):
            mutations.append(Insert(id_, json, insert.now_us, insert.owner))
        else:
            mutations.append(_mutation_from_proto(message, len(mutations)))
    return mutations


def _mutation_from_proto(message: pb.Mutation, number: int) -> Mutation:
    """Return a change, which is the one of this number in its request.

    :raises DataError: BAD_REQUEST.
    """
    if message.HasField("insert"):
        return _insert_from_proto(message.insert, number)
    where = _place(number)
    match message.WhichOneof("change"):
        case "update":
            return _update_from_proto(message.update, where)
        case "delete":
            delete = message.delete
            return Delete(
                optional_filter(delete, where),
                delete.now_us,
                delete.soft,
                _limit(delete, where),
                delete.if_version if delete.HasField("if_version") else None,
                delete.purge,
            )
        case "restore":
            restore = message.restore
            return Restore(optional_filter(restore, where), _limit(restore, where))
    raise malformed(where, "a mutation has no change")


def add_outcome(message: pb.WriteResponse, outcome: Outcome) -> None:
    """Add what became of a mutation to the answer to changes."""
    result = message.results.add(affected=outcome.affected)
    if outcome.was_duplicate:
        result.was_duplicate = True
    if outcome.ids:
        result.ids.extend(outcome.ids)
    if outcome.error is not None:
        result.error = to_status(outcome.error).SerializeToString()


def outcome_from_proto(message: pb.MutationResult) -> Outcome:
    """Return what became of a mutation. An error that is none of this contract becomes INTERNAL_BUG."""
    affected, was_duplicate, ids, status = message.affected, message.was_duplicate, message.ids, message.error
    if affected == 1 and not (was_duplicate or ids or status):
        return ONE
    error = None
    if status:
        error = from_status(status) or DataError(
            Reason.INTERNAL_BUG, "The adapter failed a change without a reason of the contract."
        )
    return Outcome(affected, was_duplicate, tuple(ids), error)


def _fill_stamps(message: pb.Stamps, stamps: Stamps) -> None:
    message.created_us, message.updated_us = stamps.created_us, stamps.updated_us
    message.version, message.deleted_us = stamps.version, stamps.deleted_us


def _place(number: int) -> str:
    return f"mutations.{number}"


def _insert_from_proto(message: pb.Insert, number: int) -> Insert:
    try:
        id_ = check_document_id(message.id)
    except DataError as error:
        raise malformed(_place(number), "an insert's id is none") from error
    json = message.json
    if not json:
        raise malformed(_place(number), "an insert has no document")
    acl = message.acl and _acl(message.acl, _place(number))
    stamps = _stamps_from_proto(message.stamps, _place(number)) if message.HasField("stamps") else None
    return Insert(id_, json, message.now_us, message.owner, acl, stamps)


def _stamps_from_proto(message: pb.Stamps, where: str) -> Stamps:
    stamps = Stamps(message.created_us, message.updated_us, message.version, message.deleted_us)
    if stamps.version < 1:
        raise malformed(where, "the version of an insert's stamps is at least 1")
    if min(stamps.created_us, stamps.updated_us, stamps.deleted_us) < 0:
        raise malformed(where, "the times of an insert's stamps are not before 1970")
    return stamps


def _update_from_proto(message: pb.Update, where: str) -> Update:
    operations = tuple(_operation_from_proto(operation, where) for operation in message.operations)
    acl = message.acl and _acl(message.acl, where) if message.HasField("acl") else None
    owner = message.owner if message.HasField("owner") else None
    if not operations and acl is None and owner is None:
        raise malformed(where, "an update has no operations, and neither an owner nor an access control list")
    return Update(
        optional_filter(message, where),
        operations,
        message.now_us,
        _limit(message, where),
        message.if_version if message.HasField("if_version") else None,
        acl,
        owner,
    )


def _acl(text: str, where: str) -> str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed(where, "an access control list is not JSON") from error
    return text


def _limit(message: pb.Update | pb.Delete | pb.Restore, where: str) -> int | None:
    if not message.HasField("max_affected"):
        return None
    if message.max_affected < 0:
        raise malformed(where, "max_affected is negative")
    return message.max_affected


def _operation_to_proto(operation: UpdateOperation) -> pb.UpdateOperation:
    path = path_to_proto(operation.path)
    match operation:
        case Set(_, value):
            return pb.UpdateOperation(path=path, set=value_to_proto(value))
        case Unset():
            return pb.UpdateOperation(path=path, unset=True)
        case Inc(_, amount):
            return pb.UpdateOperation(path=path, inc=value_to_proto(amount))
        case Push(_, value):
            return pb.UpdateOperation(path=path, push=value_to_proto(value))


def _operation_from_proto(message: pb.UpdateOperation, where: str) -> UpdateOperation:
    path = path_from_proto(message.path, where)
    match message.WhichOneof("operation"):
        case "set":
            return Set(path, value_from_proto(message.set, where))
        case "unset":
            return Unset(path)
        case "inc":
            amount = value_from_proto(message.inc, where)
            if isinstance(amount, bool) or not isinstance(amount, int | float):
                raise malformed(where, "only a number can be added")
            return Inc(path, amount)
        case "push":
            return Push(path, value_from_proto(message.push, where))
    raise malformed(where, "an update's step has no operation")
