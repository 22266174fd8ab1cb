"""Bad input: each gets its named error from a real broker, and changes nothing."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from aol.data.v1 import collection_pb2, document_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.data_broker_pb2_grpc import DataBrokerStub
from aol_wire.errors import DataError, Reason
from aol_wire.frames.channel import FramesChannel
from aol_wire.limits import REQUEST_MAX_BYTES
from aol_wire.status import from_status
from running_brokers import RunningBroker

SERVICE = "bad-input"
NEIGHBOUR = "bad-input-neighbour"
HEADERS = (("aol-service", SERVICE),)

LONG = "x" * 1000
HOSTILE_NAMES = [
    "",
    LONG,
    "a/b",
    "..",
    "../events",
    "a'b",
    'a"b',
    "a;b",
    "a; DROP TABLE events",
    "a\0b",
    "ev\u0435nts",  # a Cyrillic letter
    "Events",
    "1events",
    "-events",
    " events",
    "a.b.c",
    "other.",
    ".events",
    "\u202eevents",
    "a%00b",
]

BAD_DOCUMENTS = {
    "empty text": ("", Reason.BAD_DOCUMENT),
    "malformed JSON": ('{"a": ', Reason.BAD_DOCUMENT),
    "trailing text": ('{"a": 1} x', Reason.BAD_DOCUMENT),
    "an array": ("[1]", Reason.BAD_DOCUMENT),
    "a string": ('"a"', Reason.BAD_DOCUMENT),
    "null": ("null", Reason.BAD_DOCUMENT),
    "over-size": (json.dumps({"a": "x" * (1 << 20)}), Reason.TOO_LARGE),
    "too deep": ('{"a": ' + "[" * 64 + "]" * 64 + "}", Reason.BAD_DOCUMENT),
    "absurdly deep": ("[" * 100_000, Reason.BAD_DOCUMENT),
    "NaN": ('{"a": NaN}', Reason.BAD_DOCUMENT),
    "infinity": ('{"a": -Infinity}', Reason.BAD_DOCUMENT),
    "overflowing double": ('{"a": 1e999}', Reason.BAD_DOCUMENT),
    "2**63 + 1": (f'{{"a": {2**63 + 1}}}', Reason.BAD_DOCUMENT),
    "a key with a dot": ('{"a.b": 1}', Reason.BAD_DOCUMENT),
    "a key with a dollar": ('{"$set": 1}', Reason.BAD_DOCUMENT),
    "a nested key with a dollar": ('{"a": {"$b": 1}}', Reason.BAD_DOCUMENT),
    "a key with NUL": ('{"a\\u0000b": 1}', Reason.BAD_DOCUMENT),
    "an empty key": ('{"": 1}', Reason.BAD_DOCUMENT),
    "a leading underscore": ('{"_mine": 1}', Reason.BAD_DOCUMENT),
    "reserved metadata": ('{"_owner": "me"}', Reason.BAD_DOCUMENT),
    "NUL in a string": ('{"a": "\\u0000"}', Reason.BAD_DOCUMENT),
    "a lone surrogate": ('{"a": "\\ud800"}', Reason.BAD_DOCUMENT),
    "a duplicate key": ('{"a": 1, "a": 2}', Reason.BAD_DOCUMENT),
    "an id that is no string": ('{"_id": 5}', Reason.BAD_DOCUMENT),
    "an empty id": ('{"_id": ""}', Reason.BAD_DOCUMENT),
    "a long id": (json.dumps({"_id": LONG}), Reason.BAD_DOCUMENT),
}

BAD_FILTERS = {
    "malformed": '{"a": ',
    "no object": "[]",
    "unknown operator": '{"a": {"$near": 1}}',
    "unknown top operator": '{"$nor": [{"a": 1}]}',
    "$in without a list": '{"a": {"$in": 1}}',
    "$gt with an object": '{"a": {"$gt": {"b": 1}}}',
    "$gt with null": '{"a": {"$gt": null}}',
    "$exists without a boolean": '{"a": {"$exists": 1}}',
    "$and without a list": '{"$and": {"a": 1}}',
    "empty $or": '{"$or": []}',
    "$regex without a string": '{"a": {"$regex": 5}}',
    "a regex that RE2 refuses": '{"a": {"$regex": "(a"}}',
    "a back-reference": '{"a": {"$regex": "(a)\\\\1"}}',
    "look-ahead": '{"a": {"$regex": "(?=a)"}}',
    "unknown regex option": '{"a": {"$regex": "a", "$options": "x"}}',
    "mixed keys": '{"a": {"$gt": 1, "b": 2}}',
    "$where": '{"$where": "sleep(1000)"}',
    "too deep": '{"$not": ' * 20 + '{"a": 1}' + "}" * 20,
    "absurdly deep": '{"$not": ' * 5000 + '{"a": 1}' + "}" * 5000,
    "too many nodes": json.dumps({"$and": [{"a": 1}] * 300}),
    "a path with NUL": '{"a\\u0000": 1}',
    "an over-long path": json.dumps({".".join("abcdefghijklmnopqrstuvwxyz"): 1}),
    "an empty path": '{"": 1}',
    "an unknown reserved name": '{"_secret": 1}',
    "10,000 elements in $in": json.dumps({"a": {"$in": list(range(10_000))}}),
}


@pytest.fixture(params=["frames", "unary"])
async def stub(broker: RunningBroker, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A raw stub, over each transport; the service has a collection with one document, the neighbour too."""
    async with grpc.aio.insecure_channel(broker.endpoint) as channel:
        framed = FramesChannel(channel, max_frame_bytes=2 * REQUEST_MAX_BYTES)
        stub: Any = DataBrokerStub(framed if request.param == "frames" else channel)  # type: ignore[no-untyped-call]
        for service in (SERVICE, NEIGHBOUR):
            headers = (("aol-service", service),)
            await stub.RequestCollection(pb.RequestCollectionRequest(name="things"), metadata=headers)
            one = pb.StoreDataRequest(collection="things", document='{"_id": "one", "a": 1}')
            await stub.StoreData(one, metadata=headers)
        yield stub
        whole = await stub.QueryData(pb.QueryDataRequest(collection="things"), metadata=HEADERS)
        assert list(whole.page.id) == ["one"], "bad input changed something"
        assert list(whole.page.version) == [1]
        await framed.close()


async def refusal(call: Any) -> DataError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailers = dict(caught.value.trailing_metadata() or ())
    details = trailers["grpc-status-details-bin"]
    error = from_status(details if isinstance(details, bytes) else details.encode())
    assert error is not None
    assert error.code == caught.value.code().value[0]
    assert trailers["aol-request-id"]
    assert error.reason is not Reason.INTERNAL_BUG, error.message
    return error


@pytest.mark.parametrize("case", BAD_DOCUMENTS)
async def test_a_bad_document_is_refused(stub: Any, case: str) -> None:
    text, reason = BAD_DOCUMENTS[case]
    request = pb.StoreDataRequest(collection="things", document=text)
    error = await refusal(stub.StoreData(request, metadata=HEADERS))
    assert error.reason is reason
    assert error.applied == "no"


async def test_a_bad_document_of_a_batch_fails_alone(stub: Any) -> None:
    request = pb.StoreBatchRequest(collection="things", documents=['{"_id": "one", "a": 1}', "{nope"])
    response = await stub.StoreBatch(request, metadata=HEADERS)
    assert response.stored_count == 1
    assert [failure.index for failure in response.failures] == [1]
    failure = from_status(response.failures[0].status)
    assert failure is not None
    assert failure.reason is Reason.BAD_DOCUMENT


async def test_a_bad_document_of_an_atomic_batch_refuses_all(stub: Any) -> None:
    request = pb.StoreBatchRequest(collection="things", documents=['{"_id": "two"}', "{nope"], atomic=True)
    error = await refusal(stub.StoreBatch(request, metadata=HEADERS))
    assert error.reason is Reason.BAD_DOCUMENT
    assert error.metadata["index"] == "1"


async def test_a_batch_with_too_many_documents_or_ids_is_refused(stub: Any) -> None:
    many = pb.StoreBatchRequest(collection="things", documents=["{}"] * 10_001)
    assert (await refusal(stub.StoreBatch(many, metadata=HEADERS))).reason is Reason.TOO_LARGE
    ids = pb.StoreBatchRequest(collection="things", documents=["{}"], document_ids=["a", "b"])
    assert (await refusal(stub.StoreBatch(ids, metadata=HEADERS))).reason is Reason.BAD_REQUEST


def _query(text: str) -> pb.QueryDataRequest:
    return pb.QueryDataRequest(collection="things", filter=text)


def _count(text: str) -> pb.CountDataRequest:
    return pb.CountDataRequest(collection="things", filter=text)


def _update(text: str) -> pb.UpdateDataRequest:
    return pb.UpdateDataRequest(collection="things", filter=text, update='{"a": 2}')


def _delete(text: str) -> pb.DeleteDataRequest:
    return pb.DeleteDataRequest(collection="things", filter=text)


@pytest.mark.parametrize("case", BAD_FILTERS)
@pytest.mark.parametrize("make", [_query, _count, _update, _delete])
async def test_a_bad_filter_is_refused(stub: Any, case: str, make: Callable[[str], Any]) -> None:
    request = make(BAD_FILTERS[case])
    method = {
        "QueryDataRequest": stub.QueryData,
        "CountDataRequest": stub.CountData,
        "UpdateDataRequest": stub.UpdateData,
        "DeleteDataRequest": stub.DeleteData,
    }[type(request).__name__]
    error = await refusal(method(request, metadata=HEADERS))
    assert error.reason in {Reason.BAD_FILTER, Reason.BAD_PATH, Reason.TOO_LARGE}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_hostile_collection_name_is_refused_everywhere(stub: Any, name: str) -> None:
    calls = [
        stub.RequestCollection(pb.RequestCollectionRequest(name=name), metadata=HEADERS),
        stub.StoreData(pb.StoreDataRequest(collection=name, document="{}"), metadata=HEADERS),
        stub.StoreBatch(pb.StoreBatchRequest(collection=name, documents=["{}"]), metadata=HEADERS),
        stub.QueryData(pb.QueryDataRequest(collection=name), metadata=HEADERS),
        stub.CountData(pb.CountDataRequest(collection=name), metadata=HEADERS),
        stub.UpdateData(pb.UpdateDataRequest(collection=name, filter='{"a":1}', update='{"a":2}'), metadata=HEADERS),
        stub.DeleteData(pb.DeleteDataRequest(collection=name, filter='{"a":1}'), metadata=HEADERS),
        stub.DescribeCollection(pb.DescribeCollectionRequest(collection=name), metadata=HEADERS),
    ]
    for call in calls:
        assert (await refusal(call)).reason is Reason.BAD_PATH


@pytest.mark.parametrize("name", ["", LONG, "a/b", "a;b", "Service", "a_b", ".."])
async def test_a_hostile_grantee_is_refused(stub: Any, name: str) -> None:
    request = pb.GrantAccessRequest(collection="things", target_service=name, permission=collection_pb2.PERMISSION_READ)
    assert (await refusal(stub.GrantAccess(request, metadata=HEADERS))).reason is Reason.BAD_PATH
    revoke = pb.RevokeAccessRequest(collection="things", target_service=name)
    assert (await refusal(stub.RevokeAccess(revoke, metadata=HEADERS))).reason is Reason.BAD_PATH


async def test_a_grant_to_oneself_or_of_nothing_is_refused(stub: Any) -> None:
    own = pb.GrantAccessRequest(collection="things", target_service=SERVICE, permission=collection_pb2.PERMISSION_READ)
    assert (await refusal(stub.GrantAccess(own, metadata=HEADERS))).reason is Reason.BAD_REQUEST
    nothing = pb.GrantAccessRequest(collection="things", target_service=NEIGHBOUR)
    assert (await refusal(stub.GrantAccess(nothing, metadata=HEADERS))).reason is Reason.BAD_REQUEST


@pytest.mark.parametrize("name", ["", "Bad", "a/b", "a;b", "x" * 64])
async def test_a_hostile_service_name_is_refused(stub: Any, name: str) -> None:
    metadata = (("aol-service", name),)
    error = await refusal(stub.QueryData(pb.QueryDataRequest(collection="things"), metadata=metadata))
    assert error.reason in {Reason.BAD_CREDENTIALS, Reason.NO_CREDENTIALS}


async def test_a_forged_page_token_is_refused(stub: Any) -> None:
    request = pb.QueryDataRequest(collection="things", page_token="Zm9yZ2VkIHRva2VuIGZvcmdlZCB0b2tlbg==")
    assert (await refusal(stub.QueryData(request, metadata=HEADERS))).reason is Reason.BAD_PAGE_TOKEN


async def test_a_page_token_of_another_query_or_caller_is_refused(stub: Any) -> None:
    collection = pb.RequestCollectionRequest(name="pages")
    for service in (SERVICE, NEIGHBOUR):
        await stub.RequestCollection(collection, metadata=(("aol-service", service),))
    batch = pb.StoreBatchRequest(collection="pages", documents=["{}"] * 3, document_ids=["1", "2", "3"])
    await stub.StoreBatch(batch, metadata=HEADERS)
    first = pb.QueryDataRequest(collection="pages", page_size=1)
    token = (await stub.QueryData(first, metadata=HEADERS)).next_page_token
    assert token
    swapped = pb.QueryDataRequest(collection="pages", page_size=1, page_token=token, filter='{"a": 1}')
    assert (await refusal(stub.QueryData(swapped, metadata=HEADERS))).reason is Reason.BAD_PAGE_TOKEN
    stolen = pb.QueryDataRequest(collection="pages", page_size=1, page_token=token)
    thief = (("aol-service", NEIGHBOUR),)
    assert (await refusal(stub.QueryData(stolen, metadata=thief))).reason is Reason.BAD_PAGE_TOKEN


async def test_anothers_collection_is_denied_whether_it_exists_or_not(stub: Any) -> None:
    there = pb.QueryDataRequest(collection=f"{NEIGHBOUR}.things")
    absent = pb.QueryDataRequest(collection=f"{NEIGHBOUR}.absent")
    errors = [await refusal(stub.QueryData(request, metadata=HEADERS)) for request in (there, absent)]
    assert [error.reason for error in errors] == [Reason.GRANT_MISSING] * 2
    assert errors[0].message.replace("things", "absent") == errors[1].message


async def test_a_missing_collection_says_how_to_make_it(stub: Any) -> None:
    error = await refusal(stub.QueryData(pb.QueryDataRequest(collection="absent"), metadata=HEADERS))
    assert error.reason is Reason.COLLECTION_NOT_FOUND
    assert "request_collection('absent')" in error.message


@pytest.mark.parametrize(
    "request_",
    [
        pb.QueryDataRequest(collection="things", limit=-1),
        pb.QueryDataRequest(collection="things", skip=-1),
        pb.QueryDataRequest(collection="things", skip=1_000_001),
        pb.QueryDataRequest(collection="things", page_size=10_001),
        pb.QueryDataRequest(collection="things", page_size=-1),
        pb.QueryDataRequest(collection="things", deleted=77),  # type: ignore[arg-type]
        pb.QueryDataRequest(collection="things", sort=[document_pb2.SortKey(path="")]),
        pb.QueryDataRequest(collection="things", sort=[document_pb2.SortKey(path=f"k{n}") for n in range(5)]),
        pb.QueryDataRequest(collection="things", projection=["$a"]),
        pb.QueryDataRequest(collection="things", projection=["a.0"]),
        pb.QueryDataRequest(collection="things", request_id="r" * 129),
        pb.QueryDataRequest(collection="things", request_id="line\nbreak"),
    ],
    ids=lambda request: str(request).replace("\n", " ")[20:60],
)
async def test_a_bad_query_is_refused(stub: Any, request_: pb.QueryDataRequest) -> None:
    error = await refusal(stub.QueryData(request_, metadata=HEADERS))
    assert error.reason in {Reason.BAD_REQUEST, Reason.TOO_LARGE, Reason.BAD_PATH, Reason.BAD_FILTER}


async def test_a_change_without_a_filter_needs_allow_all(stub: Any) -> None:
    for text in ("", "{}"):
        update = pb.UpdateDataRequest(collection="things", filter=text, update='{"a": 2}')
        assert (await refusal(stub.UpdateData(update, metadata=HEADERS))).reason is Reason.FILTER_REQUIRED
        delete = pb.DeleteDataRequest(collection="things", filter=text)
        assert (await refusal(stub.DeleteData(delete, metadata=HEADERS))).reason is Reason.FILTER_REQUIRED


@pytest.mark.parametrize(
    "update",
    [
        "",
        "{}",
        "[]",
        "{nope",
        '{"$rename": {"a": "b"}}',
        '{"$set": {"a": 1}, "b": 2}',
        '{"$set": {"a": 1}, "$inc": {"a.b": 1}}',
        '{"$inc": {"a": "one"}}',
        '{"$inc": {"a": true}}',
        '{"_id": "two"}',
        '{"_version": 7}',
        '{"$set": {"_owner": "me"}}',
        '{"a": NaN}',
        f'{{"a": {2**63 + 1}}}',
        '{"$set": 5}',
        '{"$push": {"a": 1}}',  # the document's `a` is a number
        f'{{"$inc": {{"a": {2**63 - 1}}}}}',  # 1 + int64's greatest
    ],
)
async def test_a_bad_update_is_refused(stub: Any, update: str) -> None:
    request = pb.UpdateDataRequest(collection="things", filter='{"_id": "one"}', update=update)
    error = await refusal(stub.UpdateData(request, metadata=HEADERS))
    assert error.reason in {Reason.BAD_FILTER, Reason.BAD_DOCUMENT, Reason.BAD_PATH}
    assert error.applied == "no"


async def test_if_version_needs_a_filter_of_just_the_id(stub: Any) -> None:
    request = pb.UpdateDataRequest(collection="things", filter='{"a": 1}', update='{"a": 2}', if_version=1)
    assert (await refusal(stub.UpdateData(request, metadata=HEADERS))).reason is Reason.BAD_FILTER
    wrong = pb.UpdateDataRequest(collection="things", filter='{"_id": "one"}', update='{"a": 2}', if_version=9)
    assert (await refusal(stub.UpdateData(wrong, metadata=HEADERS))).reason is Reason.VERSION_MISMATCH


async def test_max_affected_makes_too_broad_a_change_fail(stub: Any) -> None:
    request = pb.DeleteDataRequest(collection="things", filter='{"a": 1}', max_affected=0)
    error = await refusal(stub.DeleteData(request, metadata=HEADERS))
    assert error.reason is Reason.MAX_AFFECTED_EXCEEDED


async def test_bytes_that_are_no_message_are_refused_and_recorded(broker: RunningBroker) -> None:
    async with grpc.aio.insecure_channel(broker.endpoint) as channel:
        for garbage in (b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x02\xff\xfe", bytes(range(256))):
            call: Any = channel.unary_unary("/aol.data.v1.DataBroker/QueryData")
            error = await refusal(call(garbage, metadata=HEADERS))
            assert error.reason is Reason.BAD_REQUEST
    record = broker.audit()[-1]
    assert (record["operation"], record["outcome"], record["reason"]) == ("query", "failed", "BAD_REQUEST")


async def test_a_request_over_the_limit_is_refused_by_name_and_recorded(stub: Any, broker: RunningBroker) -> None:
    request = pb.StoreDataRequest(collection="things", document="x" * (20 << 20))
    error = await refusal(stub.StoreData(request, metadata=HEADERS))
    assert error.reason is Reason.TOO_LARGE
    assert broker.audit()[-1]["reason"] == "TOO_LARGE"


async def test_a_request_over_the_transports_limit_leaves_the_broker_well(stub: Any) -> None:
    request = pb.StoreDataRequest(collection="things", document="x" * (40 << 20))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.StoreData(request, metadata=HEADERS)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_existing_id_with_another_document_is_a_duplicate(stub: Any) -> None:
    request = pb.StoreDataRequest(collection="things", document='{"_id": "one", "a": 2}')
    assert (await refusal(stub.StoreData(request, metadata=HEADERS))).reason is Reason.DUPLICATE_ID
    repeated = pb.StoreDataRequest(collection="things", document='{"_id": "one", "a": 1.0}')
    assert (await stub.StoreData(repeated, metadata=HEADERS)).was_duplicate


async def test_two_ids_that_differ_are_refused(stub: Any) -> None:
    request = pb.StoreDataRequest(collection="things", document='{"_id": "two"}', document_id="three")
    assert (await refusal(stub.StoreData(request, metadata=HEADERS))).reason is Reason.BAD_DOCUMENT


async def test_nothing_bad_was_ever_a_bug(broker: RunningBroker, stub: Any) -> None:
    await stub.ListCollections(pb.ListCollectionsRequest(), metadata=HEADERS)
    assert [record for record in broker.audit() if record["reason"] == "INTERNAL_BUG"] == []
