"""What do records say of calls that have no filter?"""

import json

from hypothesis import given
from hypothesis import strategies as st

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.audit.record import recorded_arguments, with_details


def test_a_record_of_a_grant_says_who_may_do_what() -> None:
    grant = pb.GrantAccessRequest(
        collection="events", target_service="spy", permission=collection_pb2.PERMISSION_WRITE, reason="secret-4711"
    )
    assert recorded_arguments("grant_access", grant) == b'{"permission":"write","target_service":"spy"}'
    revoke = pb.RevokeAccessRequest(collection="events", target_service="spy")
    assert recorded_arguments("revoke_access", revoke) == b'{"permission":"all","target_service":"spy"}'


def test_a_record_of_a_manifest_says_where_it_comes_from_and_then_what_it_was() -> None:
    filters = recorded_arguments("apply_manifest", admin_pb2.ApplyManifestRequest(source="shop.yaml", manifest="x: y"))
    assert filters == b'{"source":"shop.yaml"}'
    assert json.loads(with_details(filters, {"service": "shop", "version": 2})) == {
        "source": "shop.yaml",
        "service": "shop",
        "version": 2,
    }


def test_details_stand_alone_where_there_is_no_filter() -> None:
    assert with_details(b"null", {"failures": {"BAD_DOCUMENT": 100}}) == b'{"failures":{"BAD_DOCUMENT":100}}'
    assert with_details(b'{"a":1}', {}) == b'{"a":1}'


@given(st.text(), st.integers(-(2**31), 2**31 - 1))
def test_whatever_a_caller_writes_makes_one_short_line(text: str, number: int) -> None:
    text = text.encode(errors="ignore").decode() * 50
    grant = pb.GrantAccessRequest(target_service=text)
    grant.permission = number  # type: ignore[assignment]
    manifest = admin_pb2.ApplyManifestRequest(source=text)
    for line in (recorded_arguments("grant_access", grant), recorded_arguments("apply_manifest", manifest)):
        json.loads(line)
        assert b"\n" not in line
        assert len(line) < 3000
