"""In which ways can a collection be kept, and what do they need of an adapter?"""

import pytest

from aol.data.v1 import collection_pb2
from aol_wire.adapter import Capability
from aol_wire.capabilities import required_by_storage
from aol_wire.errors import DataError, Reason
from aol_wire.storage import PartitionInterval, Storage, Tenancy
from aol_wire.storage_parser import check_storage, storage_from_proto, storage_to_proto

DAY, MONTH = PartitionInterval.DAY, PartitionInterval.MONTH
DAY_S = 86_400
DATETIMES = frozenset({("at",), ("seen", "first")})

KEPT: list[tuple[Storage, set[Capability]]] = [
    (Storage(), set()),
    (Storage("created_at", DAY), {Capability.PARTITION}),
    (Storage("at", MONTH), {Capability.PARTITION}),
    (Storage("seen.first", DAY, DAY_S), {Capability.PARTITION}),
    (Storage("at", MONTH, 31 * DAY_S), {Capability.PARTITION}),
    (Storage(tenancy=Tenancy.SCHEMA), {Capability.TENANCY}),
    (Storage(shard_key="_id"), {Capability.SHARDING}),
    (Storage(shard_key="a.b"), {Capability.SHARDING}),
    (Storage("created_at", MONTH, 365 * DAY_S, Tenancy.DATABASE), {Capability.PARTITION, Capability.TENANCY}),
]

REFUSED: list[tuple[Storage, str]] = [
    (Storage("at"), "storage.partition_interval"),
    (Storage("other", DAY), "storage.partition_by"),
    (Storage("first", DAY), "storage.partition_by"),
    (Storage("seen", DAY), "storage.partition_by"),
    (Storage(partition_interval=DAY), "storage.partition_interval"),
    (Storage(retain_for_s=DAY_S), "storage.retain_for_s"),
    (Storage("at", DAY, DAY_S - 1), "storage.retain_for_s"),
    (Storage("at", MONTH, 30 * DAY_S), "storage.retain_for_s"),
    (Storage("at", DAY, 101 * 366 * DAY_S), "storage.retain_for_s"),
    (Storage("at", DAY, -1), "storage.retain_for_s"),
]


@pytest.mark.parametrize(("storage", "needed"), KEPT)
def test_a_storage_survives_its_message_and_says_what_it_needs(storage: Storage, needed: set[Capability]) -> None:
    check_storage(storage, DATETIMES)
    sent = storage_to_proto(storage).SerializeToString()
    assert storage_from_proto(collection_pb2.Storage.FromString(sent), DATETIMES) == storage
    assert required_by_storage(storage) == needed


def test_an_empty_message_is_the_default() -> None:
    assert storage_from_proto(collection_pb2.Storage(), DATETIMES) == Storage()


@pytest.mark.parametrize(("storage", "place"), REFUSED)
def test_parts_that_do_not_fit_together_are_refused_with_the_one_that_is_wrong(storage: Storage, place: str) -> None:
    for check in (
        lambda: check_storage(storage, DATETIMES),
        lambda: storage_from_proto(storage_to_proto(storage), DATETIMES),
    ):
        with pytest.raises(DataError) as caught:
            check()
        assert (caught.value.reason, caught.value.violations[0].path) == (Reason.BAD_REQUEST, place)


@pytest.mark.parametrize("path", ["a..b", "at.0", "_created_at", "_other", "$at", "x" * 300, "a." * 20 + "a"])
def test_partitions_are_by_a_path_through_objects(path: str) -> None:
    with pytest.raises(DataError) as caught:
        check_storage(Storage(path, DAY), DATETIMES)
    assert caught.value.reason is Reason.BAD_PATH
