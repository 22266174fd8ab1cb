"""Is a query read to its end, and no further?"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, DataClientError, UnavailableError
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
