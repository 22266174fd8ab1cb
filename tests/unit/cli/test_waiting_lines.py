"""What a person is told, beside what was applied, of requests that wait or were refused, and of grants without any."""

from aol.admin.v1 import access_pb2
from aol.data.v1 import access_request_pb2, collection_pb2
from aol_cli.applying import Applied, waiting_lines
from aol_cli.grants import grant_as_json


def test_what_waits_was_refused_or_is_orphaned_is_told_with_what_to_do() -> None:
    asked = access_pb2.Grant(
        collection="shop.items",
        service="bank",
        permission=collection_pb2.PERMISSION_READ,
        state=access_pb2.GRANT_STATE_REFUSED,
        refusal=access_request_pb2.Refusal(
            refused_by="service:shop", reason="Use totals", created_us=1_800_000_000_000_000
        ),
    )
    held = access_pb2.Grant(collection="shop.old", service="bank", permission=collection_pb2.PERMISSION_ASSERT_CONTEXT)
    applied = Applied("m.yaml", "bank", 1, True, [], refused=[grant_as_json(asked)], orphaned=[grant_as_json(held)])
    assert waiting_lines(applied) == [
        "  refused  read on shop.items, by service:shop at 2027-01-15 08:00:00Z: Use totals",
        "           To ask anew, change the request's reason.",
        "  orphaned assert-context on shop.old: the request that it answered is gone; applying a plan removes it",
    ]
