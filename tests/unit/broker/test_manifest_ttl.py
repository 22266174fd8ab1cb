"""A ttl index: only over a field whose values are stored as date-times."""

import pytest

from aol_broker.hints import check_expiring
from aol_broker.manifest import parse_manifest
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.errors import DataError, Reason
from aol_wire.index_parser import parse_index

MANIFEST = """
kind: AOLAgent
apiVersion: v1
metadata: {name: owner, version: "1"}
spec:
  dataRequirements:
    enabled: true
    collections:
      - name: things
        schemaHint: {%s}
        indexes:
          - {fields: [expires_at], type: ttl, expireAfterSeconds: 0}
"""


def test_a_ttl_index_over_a_datetime_is_fine() -> None:
    manifest = parse_manifest(MANIFEST % "expires_at: datetime", "manifest.yaml")
    assert manifest.collections[0].indexes[0].expire_after_s == 0


@pytest.mark.parametrize("hint", ["", "expires_at: string", "other: datetime"])
def test_a_ttl_index_over_anything_else_is_refused_with_its_line(hint: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_manifest(MANIFEST % hint, "manifest.yaml")
    assert caught.value.reason is Reason.BAD_MANIFEST
    assert "manifest.yaml:12 " in caught.value.message
    assert "datetime" in caught.value.message


def test_a_requested_ttl_index_needs_the_hint_too() -> None:
    index = parse_index({"fields": ["expires_at"], "type": "ttl", "expireAfterSeconds": 0}, "indexes.0")
    check_expiring(CollectionRecord("s", "c", "memory", schema_hint={"expires_at": "datetime"}, indexes=(index,)))
    with pytest.raises(DataError) as caught:
        check_expiring(CollectionRecord("s", "c", "memory", indexes=(index,)))
    assert caught.value.reason is Reason.BAD_REQUEST
