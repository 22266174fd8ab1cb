"""Does a manifest say what audit records show of a collection, and what is wrong with what it says?"""

import pytest

from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.manifest import parse_manifest
from aol_broker.manifest.declaration import DeclaredCollection
from aol_wire.errors import DataError, Reason

MANIFEST = """\
metadata: {name: owner}
spec:
  dataRequirements:
    collections:
      - {name: people, %s}
"""


def declared(said: str) -> DeclaredCollection:
    return parse_manifest(MANIFEST % said, "manifest.yaml").collections[0]


@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ("description: x", AuditPolicy()),
        ("audit: values", AuditPolicy()),
        ("audit: shape", AuditPolicy(AuditLevel.SHAPE)),
        ("audit: metadata, sensitive: []", AuditPolicy(AuditLevel.METADATA)),
        ("sensitive: [ssn, login.pin, ssn, _id]", AuditPolicy(sensitive=(("_id",), ("login", "pin"), ("ssn",)))),
        ("sensitive: [people.0.ssn]", AuditPolicy(sensitive=(("people", "0", "ssn"),))),
    ],
)
def test_it_says_what_audit_records_show(said: str, policy: AuditPolicy) -> None:
    assert declared(said).audit == policy


@pytest.mark.parametrize(
    ("said", "place", "word"),
    [
        ("audit: value", "audit", "did you mean 'values'?"),
        ("audit: none", "audit", "metadata, shape, values"),
        ("sensitive: ssn", "sensitive", "list"),
        ("sensitive: [1]", "sensitive[0]", "text"),
        ("sensitive: ['']", "sensitive[0]", "1 character"),
        ("sensitive: [a, b..c]", "sensitive[1]", "no empty segments"),
        ("sensitive: [$a]", "sensitive[0]", "does not start with '$'"),
        ("sensitive: [_other]", "sensitive[0]", "metadata"),
        (f"sensitive: [{'a' * 257}]", "sensitive[0]", "256"),
        (f"sensitive: [{', '.join(f'f{number}' for number in range(257))}]", "sensitive", "256"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(said: str, place: str, word: str) -> None:
    with pytest.raises(DataError) as refused:
        declared(said)
    assert refused.value.reason is Reason.BAD_MANIFEST
    assert f"manifest.yaml:5 spec.dataRequirements.collections[0].{place}: " in refused.value.message
    assert word in refused.value.message
