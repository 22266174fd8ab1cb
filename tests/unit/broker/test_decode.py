"""Decoding: what a request may say before anything is done."""

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.context_pb2 import SecurityContext
from aol_broker.decode import refuse_context
from aol_broker.verbs import VERBS
from aol_wire.errors import Applied, DataError, Reason

FULL = [
    SecurityContext(tenant="acme"),
    SecurityContext(user="ann"),
    SecurityContext(teams=[""]),
    SecurityContext(roles=["admin"]),
    SecurityContext(attributes="{}"),
    SecurityContext(token="a.b.c"),
]


@pytest.mark.parametrize("context", FULL, ids=str)
def test_a_context_that_would_not_be_kept_to_is_refused(context: SecurityContext) -> None:
    carrying = [verb.request for verb in VERBS.values() if "context" in verb.request.DESCRIPTOR.fields_by_name]
    assert len(carrying) > 10
    for request in carrying:
        with pytest.raises(DataError) as caught:
            refuse_context(request(context=context))
        assert (caught.value.reason, caught.value.applied) == (Reason.CAPABILITY_UNSUPPORTED, Applied.NO)
        assert "acme" not in caught.value.message


def test_a_request_without_one_or_with_an_empty_one_goes_on() -> None:
    refuse_context(pb.CountDataRequest())
    refuse_context(pb.CountDataRequest(context=SecurityContext()))
    refuse_context(admin_pb2.ListGrantsRequest())
