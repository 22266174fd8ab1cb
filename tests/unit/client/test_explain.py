"""Does explain ask about the query that it is given, and return what is answered?"""

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest

from aol.data.v1 import collection_pb2, document_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, InvalidRequestError, QueryPlan, UnsupportedError
from aol_wire.errors import DataError, Reason

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker


async def test_explain_sends_all_that_it_is_given(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    await client.explain(
        collection="metrics",
        filters={"value": {"$gt": 100}},
        sort={"at": "desc", "value": "asc"},
        limit=50,
        skip=7,
        deleted="only",
    )
    (request,) = broker.requests("ExplainQuery")
    assert (request.collection, request.filter) == ("metrics", '{"value":{"$gt":100}}')
    assert [(key.path, key.descending) for key in request.sort] == [("at", True), ("value", False)]
    assert (request.limit, request.skip, request.deleted) == (50, 7, document_pb2.DELETED_MODE_ONLY)
    assert request.request_id


async def test_explain_without_more_is_about_all_documents(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    plan = await client.explain("metrics")
    assert plan == QueryPlan(False, False, "", 0, 0, 0, "")
    (request,) = broker.requests("ExplainQuery")
    assert (request.filter, list(request.sort), request.skip) == ("", [], 0)
    assert not request.HasField("limit")
    assert request.deleted == document_pb2.DELETED_MODE_EXCLUDE


async def test_a_plan_has_what_the_broker_answered_with_the_proposal_as_a_manifest_s_line(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    line = "- {fields: [at], type: descending}"
    field = collection_pb2.IndexField(path="at", descending=True)
    answer = pb.ExplainQueryResponse(
        filter_pushed_down=True,
        sort_pushed_down=False,
        index="ascending(stars)",
        estimated_documents=1 << 40,
        examined_documents=3,
        returned_documents=2,
        proposed_index=collection_pb2.IndexSpec(fields=[field], type=collection_pb2.INDEX_TYPE_DESCENDING),
        proposed_line=line,
    )
    broker.answer("ExplainQuery", answer)
    plan = await client.explain("metrics", {"stars": 5})
    assert plan == QueryPlan(
        filter_pushed_down=True,
        sort_pushed_down=False,
        index="ascending(stars)",
        estimated_documents=1 << 40,
        examined_documents=3,
        returned_documents=2,
        proposed_index=line,
    )
    with pytest.raises(FrozenInstanceError):
        plan.index = "key"  # type: ignore[misc]


async def test_explain_is_made_again_while_the_broker_is_unavailable(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    away = DataError(Reason.ADAPTER_DOWN, "away", retry_after_s=0.0)
    broker.answer("ExplainQuery", away, away, pb.ExplainQueryResponse(index="key"))
    assert (await client.explain("metrics")).index == "key"


async def test_a_database_that_cannot_explain_says_so(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("ExplainQuery", DataError(Reason.CAPABILITY_UNSUPPORTED, "no"))
    with pytest.raises(UnsupportedError):
        await client.explain("metrics")


@pytest.mark.parametrize(
    "arguments",
    [
        {"collection": 5},
        {"collection": "a", "filters": ["n"]},
        {"collection": "a", "sort": "n"},
        {"collection": "a", "sort": {"n": "down"}},
        {"collection": "a", "limit": -1},
        {"collection": "a", "limit": True},
        {"collection": "a", "skip": 1.5},
        {"collection": "a", "deleted": "yes"},
        {"collection": "a", "timeout": float("nan")},
    ],
)
async def test_an_argument_of_a_wrong_kind_is_refused_before_the_call(
    broker: "ScriptedBroker", client: AOLDataClient, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError):
        await client.explain(**arguments)
    assert not broker.calls
