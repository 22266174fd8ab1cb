"""Can a collection be kept so? From the proto message to the typed form and back, and the rules between its parts."""

from collections.abc import Mapping, Set

from aol.data.v1 import collection_pb2
from aol_wire import metadata
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Path
from aol_wire.limits import EXPIRE_MAX_S
from aol_wire.paths import parse_path
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage, Tenancy

_INTERVALS: Mapping[int, PartitionInterval | None] = {
    collection_pb2.PARTITION_INTERVAL_UNSPECIFIED: None,
    collection_pb2.PARTITION_INTERVAL_DAY: PartitionInterval.DAY,
    collection_pb2.PARTITION_INTERVAL_MONTH: PartitionInterval.MONTH,
}
_TENANCIES: Mapping[int, Tenancy] = {
    collection_pb2.TENANCY_UNSPECIFIED: Tenancy.SHARED,
    collection_pb2.TENANCY_SHARED: Tenancy.SHARED,
    collection_pb2.TENANCY_SCHEMA: Tenancy.SCHEMA,
    collection_pb2.TENANCY_DATABASE: Tenancy.DATABASE,
}


_UNPARTITIONED = f"it is only for a collection that is partitioned, by {CREATED_AT} or by a datetime field"


def storage_to_proto(storage: Storage) -> collection_pb2.Storage:
    """Return the message of how a collection is kept."""
    interval = storage.partition_interval
    return collection_pb2.Storage(
        partition_by=storage.partition_by,
        partition_interval=None if interval is None else f"PARTITION_INTERVAL_{interval.name}",
        retain_for_seconds=storage.retain_for_s,
        tenancy=f"TENANCY_{storage.tenancy.name}",
        shard_key=storage.shard_key,
    )


def storage_from_proto(message: collection_pb2.Storage, datetime_paths: Set[Path], where: str = "storage") -> Storage:
    """Return how a collection is kept; an empty message is the default.

    :param datetime_paths: the paths that the collection's schema hint says are `datetime`.
    :raises DataError: BAD_REQUEST or BAD_PATH, with the place that is wrong.
    """
    for part, number, known in (
        ("partition_interval", message.partition_interval, _INTERVALS),
        ("tenancy", message.tenancy, _TENANCIES),
    ):
        if number not in known:
            raise DataError.invalid(Reason.BAD_REQUEST, f"{where}.{part}", "this value is not known")
    storage = Storage(
        message.partition_by,
        _INTERVALS[message.partition_interval],
        message.retain_for_seconds if message.HasField("retain_for_seconds") else None,
        _TENANCIES[message.tenancy],
        message.shard_key,
    )
    check_storage(storage, datetime_paths, where)
    return storage


def check_storage(storage: Storage, datetime_paths: Set[Path], where: str = "storage") -> None:
    """Return if the parts fit together, and the collection's schema hint.

    :raises DataError: BAD_REQUEST with the place that is wrong, or BAD_PATH with a `partition_by` or `shard_key` that
        is no path.
    """
    if storage.shard_key not in {"", metadata.ID}:
        parse_path(storage.shard_key, index=True)
    problem = _partitioned(storage, datetime_paths) if storage.partition_by else _whole(storage)
    if problem is not None:
        part, what = problem
        raise DataError.invalid(Reason.BAD_REQUEST, f"{where}.{part}" if where else part, what)


def _whole(storage: Storage) -> tuple[str, str] | None:
    if storage.partition_interval is not None:
        return "partition_interval", _UNPARTITIONED
    if storage.retain_for_s is not None:
        return "retain_for_s", f"{_UNPARTITIONED}: what is dropped are whole partitions"
    return None


def _partitioned(storage: Storage, datetime_paths: Set[Path]) -> tuple[str, str] | None:
    by, interval, retained_s = storage.partition_by, storage.partition_interval, storage.retain_for_s
    if by != CREATED_AT and parse_path(by, index=True) not in datetime_paths:
        return "partition_by", f"it is {CREATED_AT}, or a field that the schema hint says is datetime"
    if interval is None:
        return "partition_interval", f"a partitioned collection has one: {' or '.join(PartitionInterval)}"
    if retained_s is not None and not interval.longest_s <= retained_s <= EXPIRE_MAX_S:
        days = interval.longest_s // 86_400
        return "retain_for_s", f"it is at least one {interval} ({days}d), and at most {EXPIRE_MAX_S // 86_400}d"
    return None
