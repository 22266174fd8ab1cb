"""Does a manifest say what it says, and is everything that is wrong with it found at once?"""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.manifest.parse import PROBLEMS_SHOWN, parse_manifest, read_manifest
from aol_broker.registry.snapshot import Permission, Validation
from aol_wire.errors import DataError, Reason
from aol_wire.indexes import IndexField, IndexSpec, IndexType

# The manifest of the requirement, and what is ours beside it.
WHOLE = """\
kind: "AOLAgent"
apiVersion: "v1"
metadata:
  name: "my-service"
  version: "1.0.0"

spec:
  endpoints: [{port: 80, anything: {goes: here}}]
  dataRequirements:
    enabled: true
    collections:
      - name: "events"
        description: "Application event log"
        schemaHint:
          event_id: "string"
          timestamp: "datetime"
          data: "object"
          user.joined: "datetime"
          place: {city: "string", seen: {last: "datetime"}}
        indexes:
          - fields: ["timestamp"]
            type: "ascending"
          - fields: ["event_type", {timestamp: desc}]
            type: "compound"
          - fields: ["timestamp"]
            type: "ttl"
            expireAfterSeconds: 86400
        sharing:
          - service: "other-service"
            permission: "read"
        softDelete: true
        validation: "strict"
      - name: "metrics"
    accessRequests:
      - collection: "other-service.shared_data"
        permission: "read"
        reason: "Need to correlate with external events"
"""


def _requirements(text: str) -> str:
    """Return a manifest with this under `dataRequirements`, which begins on line 4."""
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return f"metadata: {{name: my-service}}\nspec:\n  dataRequirements:\n{indented}"


def _refusal(text: str) -> DataError:
    with pytest.raises(DataError) as refused:
        parse_manifest(text, "manifest.yaml")
    assert refused.value.reason is Reason.BAD_MANIFEST
    return refused.value


def _problems(text: str) -> list[tuple[str, str]]:
    return [(violation.path, violation.description) for violation in _refusal(text).violations]


def test_a_manifest_is_read_whole() -> None:
    hint = {
        "event_id": "string",
        "timestamp": "datetime",
        "data": "object",
        "user.joined": "datetime",
        "place.city": "string",
        "place.seen.last": "datetime",
    }
    timestamp = IndexField(("timestamp",))
    indexes = (
        IndexSpec((timestamp,), IndexType.ASCENDING),
        IndexSpec((IndexField(("event_type",)), IndexField(("timestamp",), descending=True)), IndexType.COMPOUND),
        IndexSpec((timestamp,), IndexType.TTL, 86400),
    )
    sharing = (Sharing("other-service", Permission.READ),)
    events = DeclaredCollection("events", "Application event log", hint, indexes, True, Validation.STRICT, sharing)
    reason = "Need to correlate with external events"
    assert parse_manifest(WHOLE, "manifest.yaml") == Manifest(
        "my-service",
        "1.0.0",
        (events, DeclaredCollection("metrics")),
        (AccessRequest("other-service.shared_data", Permission.READ, reason),),
    )


@pytest.mark.parametrize("kind", ["AOLAgent", "AOLService", "anything"])
def test_a_manifest_of_any_kind_and_without_data_declares_nothing(kind: str) -> None:
    text = f"kind: {kind}\napiVersion: v7\nmetadata: {{name: a, labels: [x]}}\nspec: {{tools: {{of: others}}}}\nmore: 1"
    assert parse_manifest(text, "m") == Manifest("a")


@pytest.mark.parametrize("spec", ["spec:", "spec: {}", "spec: {dataRequirements: }", "spec: {dataRequirements: {}}"])
def test_an_empty_part_declares_nothing(spec: str) -> None:
    assert parse_manifest(f"metadata: {{name: a, version: 1.10}}\n{spec}", "m") == Manifest("a", "1.10")


def test_lists_whose_lines_are_all_commented_out_are_empty() -> None:
    text = _requirements("collections:\n- name: a\n  indexes:\n  sharing:\n  schemaHint:\naccessRequests:")
    assert parse_manifest(text, "m") == Manifest("my-service", "", (DeclaredCollection("a"),))


def test_with_enabled_false_nothing_is_declared_but_mistakes_are_found() -> None:
    assert parse_manifest(WHOLE.replace("enabled: true", "enabled: false"), "m") == Manifest("my-service", "1.0.0")
    assert len(_problems(_requirements("enabled: false\ncolections: []"))) == 1


C = "spec.dataRequirements.collections[0]"


@pytest.mark.parametrize(
    ("text", "path", "word"),
    [
        ("colections: []", "manifest.yaml:4 spec.dataRequirements.colections", "did you mean 'collections'?"),
        ("enabled: maybe", "manifest.yaml:4 spec.dataRequirements.enabled", "boolean"),
        ("collections: {}", "manifest.yaml:4 spec.dataRequirements.collections", "list"),
        ("collections: [x]", f"manifest.yaml:4 {C}", "dictionary"),
        ("collections:\n- description: x", f"manifest.yaml:5 {C}.name", "required"),
        ("collections:\n- name: 5", f"manifest.yaml:5 {C}.name", "quotes"),
        ("collections:\n- name: a\n  indexs: []", f"manifest.yaml:6 {C}.indexs", "did you mean 'indexes'?"),
        ("collections:\n- name: a\n  softDelete: 1", f"manifest.yaml:6 {C}.softDelete", "boolean"),
        ("collections:\n- name: a\n  validation: stric", f"manifest.yaml:6 {C}.validation", "did you mean 'strict'?"),
        ("collections:\n- name: a\n  schemaHint: {x: strng}", f"manifest.yaml:6 {C}.schemaHint.x", "'string'?"),
        ("collections:\n- name: a\n  schemaHint: {x: {y: 1}}", f"manifest.yaml:6 {C}.schemaHint.x.y", "type"),
        ("collections:\n- name: a\n  schemaHint: {x..y: string}", f"manifest.yaml:6 {C}.schemaHint.x..y", "empty"),
        ("collections:\n- name: a\n  schemaHint: [x]", f"manifest.yaml:6 {C}.schemaHint", "dictionary"),
        (
            "collections:\n- name: a\n  schemaHint:\n    x:\n      type: string\n      pattern: '('",
            f"manifest.yaml:9 {C}.schemaHint.x.pattern",
            "RE2",
        ),
        (
            "collections:\n- name: a\n  schemaHint:\n    x:\n      type: number\n      enum:\n      - 1\n      - b",
            f"manifest.yaml:11 {C}.schemaHint.x.enum[1]",
            "number",
        ),
        (
            "collections:\n- name: a\n  schemaHint: {x: {type: object, properties: {\n    y: {type: string, min: 1}}}}",
            f"manifest.yaml:7 {C}.schemaHint.x.properties.y.min",
            "number",
        ),
        (
            "collections:\n- name: a\n  schemaHint: {x: {type: string, requird: true}}",
            f"manifest.yaml:6 {C}.schemaHint.x.requird",
            "did you mean 'required'?",
        ),
        ("collections:\n- name: a\n  secrets: ofd", f"manifest.yaml:6 {C}.secrets", "did you mean 'off'?"),
        (
            "collections:\n- name: a\n  indexes:\n  - {fields: [x], type: ascnding}",
            f"manifest.yaml:7 {C}.indexes[0].type",
            "did you mean 'ascending'?",
        ),
        ("collections:\n- name: a\n  indexes: [{fields: [x]}]", f"manifest.yaml:6 {C}.indexes[0].type", "required"),
        (
            "collections:\n- name: a\n  indexes: [{fields: [], type: text}]",
            f"manifest.yaml:6 {C}.indexes[0].fields",
            "at least 1",
        ),
        (
            "collections:\n- name: a\n  indexes:\n  - fields:\n    - x\n    - on\n    type: compound",
            f"manifest.yaml:9 {C}.indexes[0].fields[1]",
            "path",
        ),
        (
            "collections:\n- name: a\n  indexes: [{fields: [x..y], type: text}]",
            f"manifest.yaml:6 {C}.indexes[0].fields",
            "x..y",
        ),
        (
            "collections:\n- name: a\n  indexes: [{fields: [_id], type: unique}]",
            f"manifest.yaml:6 {C}.indexes[0].fields",
            "metadata",
        ),
        (
            "collections:\n- name: a\n  indexes: [{fields: [x, y], type: ascending}]",
            f"manifest.yaml:6 {C}.indexes[0]",
            "one field",
        ),
        (
            "collections:\n- name: a\n  indexes: [{fields: [x], type: ttl}]",
            f"manifest.yaml:6 {C}.indexes[0]",
            "expireAfterSeconds",
        ),
        (
            "collections:\n- name: a\n  indexes: [{fields: [x], type: ttl, expireAfterSeconds: 1.5}]",
            f"manifest.yaml:6 {C}.indexes[0].expireAfterSeconds",
            "integer",
        ),
        (
            "collections:\n- name: a\n  indexes:\n  - {fields: [x], type: text}\n  - {type: text, fields: [x]}",
            f"manifest.yaml:8 {C}.indexes[1].type",
            "same",
        ),
        (
            "collections:\n- name: a\n  sharing: [{service: b}]",
            f"manifest.yaml:6 {C}.sharing[0].permission",
            "required",
        ),
        (
            "collections:\n- name: a\n  sharing: [{service: b, permission: reed}]",
            f"manifest.yaml:6 {C}.sharing[0].permission",
            "did you mean 'read'?",
        ),
        (
            "collections:\n- name: a\n  sharing: [{service: my-service, permission: read}]",
            f"manifest.yaml:6 {C}.sharing[0].service",
            "itself",
        ),
        (
            "collections:\n- name: a\n- name: b\n- name: a",
            "manifest.yaml:7 spec.dataRequirements.collections[2].name",
            "same name",
        ),
        (
            "accessRequests: [{collection: my-service.x, permission: read}]",
            "manifest.yaml:4 spec.dataRequirements.accessRequests[0].collection",
            "owns",
        ),
        (
            "accessRequests: [{collection: x, permission: read}]",
            "manifest.yaml:4 spec.dataRequirements.accessRequests[0].collection",
            "other-service.collection",
        ),
        (
            "accessRequests:\n- {collection: b.x, permission: read}\n- {collection: b.x, permission: read, reason: y}",
            "manifest.yaml:6 spec.dataRequirements.accessRequests[1].collection",
            "same collection and permission",
        ),
        ("collections: [{name: other.b}]", f"manifest.yaml:4 {C}.name", "collection name"),
        ("<<: {collections: []}", "manifest.yaml:4 spec.dataRequirements.<<", "unknown key"),
        ("collections: [{name: 99999999999999999999999}]", f"manifest.yaml:4 {C}.name", "text"),
        ("collections: [{name: .nan}, {name: b}]", f"manifest.yaml:4 {C}.name", "quotes"),
    ],
)
def test_a_mistake_is_reported_with_its_line_its_path_and_the_nearest_name(text: str, path: str, word: str) -> None:
    ((found, description),) = _problems(_requirements(text))
    assert found == path
    assert word in description


@pytest.mark.parametrize(
    "name",
    ["", "A", "1a", "a/b", "..", "a'b", "a;b", "a b", "\u0430", "\uff41", "x" * 64, "x" * 1000, "a\n", "-", "_a"],
)
def test_a_bad_name_is_refused_wherever_it_stands(name: str) -> None:
    quoted = yaml.safe_dump(name, default_style='"', width=10_000).strip()
    assert len(_problems(f"metadata: {{name: {quoted}}}")) == 1
    assert len(_problems(_requirements(f"collections: [{{name: {quoted}}}]"))) == 1
    assert len(_problems(_requirements(f"accessRequests: [{{collection: {quoted}, permission: read}}]"))) == 1
    sharing = f"collections: [{{name: a, sharing: [{{service: {quoted}, permission: read}}]}}]"
    assert len(_problems(_requirements(sharing))) == 1


@pytest.mark.parametrize(
    ("text", "path", "word"),
    [
        ("", "m.yaml:1 metadata", "required"),
        ("metadata: {}", "m.yaml:1 metadata.name", "required"),
        ("metadata: {name: a, version: [1]}", "m.yaml:1 metadata.version", "text or a number"),
        ("metadata: {name: a}\nspec: [x]", "m.yaml:2 spec", "dictionary"),
        ("metadata: {name: a}\nkind: {}", "m.yaml:2 kind", "string"),
        ("metadata: {name: a}\nspec:\n  dataRequirement: {}", "m.yaml:3 spec.dataRequirement", "'dataRequirements'?"),
        ("metadata: {name: a}\ndataRequirements: {}", "m.yaml:2 dataRequirements", "under spec"),
        ("[1, 2]", "m.yaml:1", "mapping"),
        ("a: 1\na: 2", "m.yaml:2 a", "already"),
        ("a: !!python/name:os.system x", "m.yaml:1 a", "tags"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(text: str, path: str, word: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_manifest(text, "m.yaml")
    (violation,) = refused.value.violations
    assert violation.path == path
    assert word in violation.description


def test_all_mistakes_are_in_one_error_in_the_order_of_the_file() -> None:
    text = _requirements(
        "accessRequests: [{collection: x, permission: read}]\n"
        "colections: 1\n"
        "collections:\n"
        "- name: a\n"
        "  schemaHint: {x: nope}\n"
        "  indexes: [{fields: [x], type: ttl}, {fields: [x], type: nope}]\n"
        "- name: a\n"
    )
    error = _refusal(text)
    lines = [violation.path.split(" ")[0] for violation in error.violations]
    assert lines == [f"manifest.yaml:{line}" for line in (4, 5, 8, 9, 9, 10)]
    assert error.message.startswith("6 problems in manifest.yaml:\n  manifest.yaml:4 ")
    assert all(violation.path in error.message for violation in error.violations)


def test_mistakes_without_end_make_an_error_of_bounded_length() -> None:
    error = _refusal(_requirements("\n".join(f"{'k' * 500}{number}: 1" for number in range(200))))
    assert len(error.violations) == PROBLEMS_SHOWN
    assert error.message.endswith(f"and {200 - PROBLEMS_SHOWN} more")
    assert len(error.message) < 20_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "read", "text", "b.c", "", "$x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "fields",
                    "type",
                    "indexes",
                    "sharing",
                    "service",
                    "permission",
                    "collection",
                    "schemaHint",
                    "a",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["enabled", "collections", "accessRequests", "x"]), JSON | st.lists(JSON)))
def test_whatever_stands_there_is_a_manifest_or_a_bad_one(requirements: dict[str, object]) -> None:
    text = yaml.safe_dump({"metadata": {"name": "a"}, "spec": {"dataRequirements": requirements}})
    try:
        assert parse_manifest(text, "m.yaml").service == "a"
    except DataError as error:
        refused = error
    else:
        return
    assert refused.reason is Reason.BAD_MANIFEST
    assert refused.violations


def test_a_file_that_cannot_be_read_is_a_bad_manifest(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_bytes(b"name: \xff")
    for path in (file, tmp_path / "missing.yaml"):
        with pytest.raises(DataError) as refused:
            read_manifest(path)
        assert refused.value.reason is Reason.BAD_MANIFEST
        assert str(path) in refused.value.message
