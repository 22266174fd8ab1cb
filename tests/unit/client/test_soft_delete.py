"""Do restore and purge send what they are given, and are they made again only if that is safe?"""

from typing import TYPE_CHECKING, Any

import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, InvalidRequestError, PreconditionFailedError, UnavailableError
from aol_wire.errors import Applied, DataError, Reason

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker

METHODS = [
    ("restore", "RestoreData", pb.RestoreDataResponse(restored_count=2)),
    ("purge", "PurgeData", pb.PurgeDataResponse(purged_count=2)),
]


@pytest.mark.parametrize(("method", "rpc", "answer"), METHODS)
async def test_restore_and_purge_send_their_guards_and_return_how_many(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, rpc: str, answer: Any
) -> None:
    broker.answer(rpc, answer)
    assert await getattr(client, method)("events", {"n": {"$lt": 2}}, max_affected=0) == 2
    assert await getattr(client, method)("events", allow_all=True) == 0
    guarded, open_ = broker.requests(rpc)
    assert (guarded.collection, guarded.filter, guarded.allow_all) == ("events", '{"n":{"$lt":2}}', False)
    assert guarded.HasField("max_affected")
    assert guarded.max_affected == 0
    assert (open_.filter, open_.allow_all, open_.HasField("max_affected")) == ("", True, False)
    assert guarded.request_id
    assert guarded.request_id != open_.request_id


@pytest.mark.parametrize(("method", "rpc", "answer"), METHODS)
async def test_restore_and_purge_are_made_again_only_if_they_surely_changed_nothing(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, rpc: str, answer: Any
) -> None:
    broker.answer(rpc, DataError(Reason.ADAPTER_DOWN, "away", applied=Applied.NO, retry_after_s=0.0), answer)
    assert await getattr(client, method)("events", {"n": 1}) == 2
    first, second = broker.requests(rpc)
    assert first == second, "one logical call has one request id"
    for applied in (Applied.UNKNOWN, Applied.YES, None):
        broker.calls.clear()
        broker.answer(rpc, DataError(Reason.ADAPTER_DOWN, "away", applied=applied, retry_after_s=0.0))
        with pytest.raises(UnavailableError) as caught:
            await getattr(client, method)("events", {"n": 1})
        assert caught.value.applied == (applied or Applied.UNKNOWN)
        assert len(broker.calls) == 1


@pytest.mark.parametrize(("method", "rpc", "answer"), METHODS)
async def test_a_change_that_would_be_too_broad_is_the_broker_s_to_refuse(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, rpc: str, answer: Any
) -> None:
    del answer
    broker.answer(rpc, DataError(Reason.FILTER_REQUIRED, "no"), DataError(Reason.MAX_AFFECTED_EXCEEDED, "no"))
    with pytest.raises(InvalidRequestError) as refused:
        await getattr(client, method)("events")
    assert refused.value.reason == Reason.FILTER_REQUIRED
    with pytest.raises(PreconditionFailedError):
        await getattr(client, method)("events", {"n": 1}, max_affected=1)


@pytest.mark.parametrize("method", ["restore", "purge"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"collection": None},
        {"collection": "\ud800"},
        {"collection": "a", "filters": "n = 1"},
        {"collection": "a", "filters": {"n": {1}}},
        {"collection": "a", "filters": {}, "max_affected": -1},
        {"collection": "a", "filters": {}, "max_affected": True},
        {"collection": "a", "filters": {}, "max_affected": "1"},
        {"collection": "a", "filters": {}, "timeout": 0},
    ],
)
async def test_an_argument_of_a_wrong_kind_is_refused_before_the_call(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await getattr(client, method)(**arguments)
    assert caught.value.applied == "no"
    assert not broker.calls


@pytest.mark.parametrize("method", ["restore", "purge"])
async def test_a_version_is_no_guard_of_restore_and_purge(client: AOLDataClient, method: str) -> None:
    with pytest.raises(TypeError, match="if_version"):
        await getattr(client, method)("events", {"_id": "a"}, if_version=1)
