"""Is a query read to its end, and no further?"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, DataClientError, InvalidRequestError, UnavailableError
from aol_client.encoding import check_id
from aol_client.queries import get_request, query_request
from aol_wire.errors import DataError, Reason

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker

PageOf = Callable[..., pb.QueryDataResponse]


async def test_a_query_without_a_limit_follows_the_tokens_to_the_end(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, 2, token="t1"), page_of(token="t2"), page_of(3))
    found = await client.query("events", {"n": {"$gt": 0}}, sort={"n": "asc"})
    assert [document["n"] for document in found] == [1, 2, 3]
    requests = broker.requests("QueryData")
    assert [request.page_token for request in requests] == ["", "t1", "t2"]
    for request in requests:
        request.page_token = ""
    assert requests[0] == requests[1] == requests[2], "but for the token, every page is asked for alike"


async def test_a_query_stops_at_its_limit_even_if_the_broker_has_more(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, 2, token="t1"), page_of(3, 4, token="t2"))
    assert [document["n"] for document in await client.query("events", limit=3)] == [1, 2, 3]
    assert len(broker.calls) == 2


async def test_a_broker_that_does_not_move_on_is_not_asked_for_ever(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, token="t1"), page_of(2, token="t1"))
    with pytest.raises(DataClientError, match="malformed"):
        await client.query("events")


async def test_a_stream_asks_for_a_page_only_when_it_is_needed(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, 2, token="t1"), page_of(3))
    seen = []
    async with aclosing(client.stream("events", page_size=2)) as documents:
        async for document in documents:
            seen.append((document["n"], len(broker.calls)))
    assert seen == [(1, 1), (2, 1), (3, 2)]
    assert [request.page_size for request in broker.requests("QueryData")] == [2, 2]


async def test_a_stream_that_is_read_on_has_one_page_more_on_its_way(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, token="t1"), page_of(2, token="t2"), page_of(3, token="t3"), page_of(4))
    async with asyncio.timeout(20), aclosing(client.stream("events")) as documents:
        assert [(await anext(documents))["n"], (await anext(documents))["n"]] == [1, 2]
        while len(broker.calls) < 3:
            await asyncio.sleep(0)
    assert [request.page_token for request in broker.requests("QueryData")] == ["", "t1", "t2"]


async def test_a_stream_that_is_left_early_asks_for_no_more(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, 2, token="t1"), page_of(3))
    async with aclosing(client.stream("events")) as documents:
        async for _ in documents:
            break
    assert len(broker.calls) == 1


async def test_a_page_that_fails_for_a_moment_is_asked_for_again(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    away = DataError(Reason.ADAPTER_DOWN, "away", retry_after_s=0.0)
    broker.answer("QueryData", page_of(1, token="t1"), away, page_of(2))
    assert [document["n"] for document in await client.query("events")] == [1, 2]
    assert [request.page_token for request in broker.requests("QueryData")] == ["", "t1", "t1"]


async def test_a_page_that_fails_for_good_gives_an_error_and_never_half_an_answer(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, token="t1"), DataError(Reason.ADAPTER_DOWN, "away", retry_after_s=999.0))
    with pytest.raises(UnavailableError):
        await client.query("events")


@given(st.text(max_size=260) | st.uuids() | st.none() | st.just("null"), st.text(max_size=5) | st.none())
def test_a_document_is_asked_for_by_its_id_as_by_a_query_of_one(document_id: Any, collection: Any) -> None:
    def asked(make: Callable[[], pb.QueryDataRequest]) -> object:
        try:
            request = make()
        except InvalidRequestError as error:
            return str(error)
        request.request_id = ""
        return request.SerializeToString()

    def by_query() -> pb.QueryDataRequest:
        filters = {"_id": check_id(document_id)}
        return query_request(collection, filters, projection=None, sort=None, limit=1, skip=0, deleted="exclude")

    assert asked(lambda: get_request(collection, document_id)) == asked(by_query)


async def test_a_document_that_comes_with_the_second_page_is_found(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(token="t1"), page_of(7))
    assert (await client.get("events", "id7") or {})["n"] == 7
    broker.answer("QueryData", page_of(token="t1"), page_of(8))
    assert (await client.find_one("events") or {})["n"] == 8
    assert [request.page_token for request in broker.requests("QueryData")] == ["", "t1"] * 2


async def test_more_than_was_asked_for_is_cut_off(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf
) -> None:
    broker.answer("QueryData", page_of(1, 2, 3), page_of(1, 2, 3, token="t1"), page_of(1), page_of(1, token="t1"))
    assert [document["n"] for document in await client.query("events", limit=2)] == [1, 2]
    assert [document["n"] for document in await client.query("events", limit=2)] == [1, 2]
    assert await client.query("events", limit=0) == await client.query("events", limit=0) == []
    assert len(broker.calls) == 4


@pytest.mark.parametrize("token", ["", "t1"])
async def test_a_page_that_breaks_the_contract_is_a_malformed_answer(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: PageOf, token: str
) -> None:
    for read in (client.get("events", "id1"), client.find_one("events"), client.query("events", limit=5)):
        broken = page_of(1, 2, token=token)
        broken.page.version.append(3)
        broker.answer("QueryData", broken)
        with pytest.raises(DataClientError, match="malformed") as caught:
            await read
        assert caught.value.request_id == broker.calls[-1].request.request_id
        broker.script.clear()
