"""How are stored documents changed? UpdateData, DeleteData, RestoreData, PurgeData."""

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.admission import admit_update
from aol_broker.backends import Backends, require
from aol_broker.commands import known
from aol_broker.dispatch import Dispatch
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.request import Answer, Request
from aol_broker.security.access_list import take_from_update
from aol_broker.security.scoping import owned
from aol_wire.adapter import Delete, Restore, Update
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Compare, Filter, Operator
from aol_wire.ids import now_us
from aol_wire.metadata import ID
from aol_wire.update_parser import parse_update
from aol_wire.updates import UpdateOperation

_Change = pb.UpdateDataRequest | pb.DeleteDataRequest | pb.RestoreDataRequest | pb.PurgeDataRequest


class UpdateData:
    """Changes the documents that match a filter."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.UpdateDataRequest], record: CollectionRecord | None) -> Update:
        """Check the filter, the guards and the update."""
        arguments, record = request.arguments, known(record)
        guarded = _guarded_filter(arguments, record, self._backends)
        text, acl = take_from_update(arguments.update) if record.security.acl else (arguments.update, None)
        operations: tuple[UpdateOperation, ...] = ()
        if text is not None:
            operations = parse_update(text, record.datetime_paths)
        # Before the rules about its fields: that there are some would tell of those that the caller does not see.
        request.scope.check_update(operations, record.indexes)
        if acl is not None:
            request.scope.check_acl()
        if operations:
            operations = admit_update(operations, record, guarded)
        narrowed = request.scope.narrow(guarded, record.indexes)
        return Update(
            narrowed if acl is None else owned(request.scope, narrowed),
            operations,
            now_us(),
            max_affected=_max_affected(arguments),
            if_version=_if_version(arguments, guarded),
            acl=acl,
        )

    async def dispatch(
        self, request: Request[pb.UpdateDataRequest], record: CollectionRecord | None, work: Update
    ) -> Answer:
        """Update them."""
        outcome = await self._dispatch.write_one(known(record), request.scope, work, timeout_s=request.remaining_s)
        return Answer(pb.UpdateDataResponse(updated_count=outcome.affected), outcome.affected)


class DeleteData:
    """Deletes the documents that match a filter, or marks them where the collection says so."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.DeleteDataRequest], record: CollectionRecord | None) -> Delete:
        """Check the filter and the guards."""
        arguments, record = request.arguments, known(record)
        guarded = _guarded_filter(arguments, record, self._backends)
        return Delete(
            request.scope.narrow(guarded, record.indexes),
            now_us(),
            soft=record.soft_delete,
            max_affected=_max_affected(arguments),
            if_version=_if_version(arguments, guarded),
        )

    async def dispatch(
        self, request: Request[pb.DeleteDataRequest], record: CollectionRecord | None, work: Delete
    ) -> Answer:
        """Delete them."""
        outcome = await self._dispatch.write_one(known(record), request.scope, work, timeout_s=request.remaining_s)
        return Answer(pb.DeleteDataResponse(deleted_count=outcome.affected), outcome.affected)


class RestoreData:
    """Brings back soft-deleted documents that match a filter."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.RestoreDataRequest], record: CollectionRecord | None) -> Restore:
        """Check the filter and the guards."""
        arguments, record = request.arguments, known(record)
        guarded = _guarded_filter(arguments, record, self._backends)
        return Restore(request.scope.narrow(guarded, record.indexes), _max_affected(arguments))

    async def dispatch(
        self, request: Request[pb.RestoreDataRequest], record: CollectionRecord | None, work: Restore
    ) -> Answer:
        """Restore them."""
        outcome = await self._dispatch.write_one(known(record), request.scope, work, timeout_s=request.remaining_s)
        return Answer(pb.RestoreDataResponse(restored_count=outcome.affected), outcome.affected)


class PurgeData:
    """Removes soft-deleted documents that match a filter, for good."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.PurgeDataRequest], record: CollectionRecord | None) -> Delete:
        """Check the filter and the guards."""
        arguments, record = request.arguments, known(record)
        guarded = _guarded_filter(arguments, record, self._backends)
        return Delete(
            request.scope.narrow(guarded, record.indexes),
            now_us(),
            max_affected=_max_affected(arguments),
            purge=True,
        )

    async def dispatch(
        self, request: Request[pb.PurgeDataRequest], record: CollectionRecord | None, work: Delete
    ) -> Answer:
        """Remove them."""
        outcome = await self._dispatch.write_one(known(record), request.scope, work, timeout_s=request.remaining_s)
        return Answer(pb.PurgeDataResponse(purged_count=outcome.affected), outcome.affected)


def _guarded_filter(arguments: _Change, record: CollectionRecord, backends: Backends) -> Filter | None:
    """Return the parsed filter of a change, when it may be as broad as it is."""
    parsed = parse_filter(arguments.filter, record.datetime_paths)
    if parsed is None and not arguments.allow_all:
        raise DataError.invalid(
            Reason.FILTER_REQUIRED, "filter", "it is empty, which means every document; say allow_all if that is meant"
        )
    if parsed is not None:
        require(backends.of(record), required_by_filter(parsed))
    return parsed


def _max_affected(arguments: _Change) -> int | None:
    if not arguments.HasField("max_affected"):
        return None
    if arguments.max_affected < 0:
        raise DataError.invalid(Reason.BAD_REQUEST, "max_affected", "it is 0 or more")
    return arguments.max_affected


def _if_version(arguments: pb.UpdateDataRequest | pb.DeleteDataRequest, parsed: Filter | None) -> int | None:
    if not arguments.HasField("if_version"):
        return None
    if not (isinstance(parsed, Compare) and parsed.path == (ID,) and parsed.operator is Operator.EQ):
        raise DataError.invalid(Reason.BAD_FILTER, "filter", "if_version needs a filter of just _id: {'_id': ...}")
    return arguments.if_version
