"""Is the published JSON Schema that of the models, and does it judge as the parser does?"""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from aol_broker.manifest.json_schema import manifest_json_schema, schema_text
from aol_broker.manifest.parse import parse_manifest
from aol_wire.errors import DataError

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "manifest.schema.json"


def _valid(text: str) -> bool:
    return Draft202012Validator(manifest_json_schema()).is_valid(yaml.safe_load(text))


def test_the_published_schema_is_that_of_the_models() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        "docs/manifest.schema.json is not what `python -m aol_broker.manifest.json_schema` prints"
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(manifest_json_schema())


def test_every_key_that_a_user_writes_is_described() -> None:
    schema: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    for name in (
        "DataRequirementsModel",
        "CollectionModel",
        "IndexModel",
        "StorageModel",
        "SharingModel",
        "AccessRequestModel",
    ):
        for key, value in schema["$defs"][name]["properties"].items():
            assert value.get("description"), f"{name}.{key}"


@pytest.mark.parametrize(
    "file", sorted((ROOT / "manifests").glob("*/manifest.yaml")), ids=lambda file: file.parent.name
)
def test_the_examples_keep_to_the_schema_and_the_parser(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert _valid(text)
    assert parse_manifest(text, str(file)).service == file.parent.name
    assert text.startswith("# yaml-language-server: $schema=../../docs/manifest.schema.json\n")


@pytest.mark.parametrize(
    "requirements",
    [
        "{colections: []}",
        "{enabled: 5}",
        "{collections: [{}]}",
        "{collections: [{name: A}]}",
        "{collections: [{name: a, schemaHint: {x: strng}}]}",
        "{collections: [{name: a, schemaHint: {x: {y: strng}}}]}",
        "{collections: [{name: a, indexes: [{fields: [x], type: ascnding}]}]}",
        "{collections: [{name: a, indexes: [{fields: [{x: down}], type: unique}]}]}",
        "{collections: [{name: a, indexes: [{fields: [], type: unique}]}]}",
        "{collections: [{name: a, sharing: [{service: b, permission: reed}]}]}",
        "{collections: [{name: a, validation: stric}]}",
        "{collections: [{name: a, secrets: always}]}",
        "{collections: [{name: a, schemaHint: {x: {type: strng, required: true}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: string, requird: true}}}]}",
        "{collections: [{name: a, schemaHint: {x: {required: true}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: number, pattern: x}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: string, enum: [1]}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: string, maxLength: -1}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: array, items: {type: array, items: strng}}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: object, properties: {y: strng}}}}]}",
        "{collections: [{name: a, storage: [x]}]}",
        "{collections: [{name: a, storage: {adapter: No Name}}]}",
        "{collections: [{name: a, storage: {partitionBy: ''}}]}",
        "{collections: [{name: a, storage: {partitionBy: created_at, partitionInterval: week}}]}",
        "{collections: [{name: a, storage: {partitionBy: created_at, retainFor: 90}}]}",
        "{collections: [{name: a, storage: {partitionBy: created_at, retainFor: 3w}}]}",
        "{collections: [{name: a, storage: {tenancy: alone}}]}",
        "{collections: [{name: a, storage: {partition: created_at}}]}",
        "{collections: [{name: a, security: [tenant]}]}",
        "{collections: [{name: a, security: {tenant: needed}}]}",
        "{collections: [{name: a, security: {owner: yes please}}]}",
        "{collections: [{name: a, security: {attributes: {region: eu}}}]}",
        "{collections: [{name: a, security: {teams: true}}]}",
        "{accessRequests: [{collection: a, permission: read}]}",
        "{accessRequests: [{collection: a.b, permission: bypass-security}]}",
        "{accessRequests: [{collection: a.b}]}",
    ],
)
def test_the_schema_and_the_parser_refuse_the_same_form(requirements: str) -> None:
    text = f"metadata: {{name: my-service}}\nspec: {{dataRequirements: {requirements}}}"
    assert not _valid(text)
    with pytest.raises(DataError):
        parse_manifest(text, "m.yaml")


@pytest.mark.parametrize(
    "requirements",
    [
        "{}",
        "{enabled: false}",
        "{collections: , accessRequests: }",
        "{collections: [{name: a, schemaHint: {x: {y: string}}, indexes: [{fields: [x, {y: desc}], type: compound}]}]}",
        "{collections: [{name: a, schemaHint: {x: datetime}, softDelete: true, "
        "indexes: [{fields: [x], type: ttl, expireAfterSeconds: 1}]}]}",
        "{collections: [{name: a, schemaHint: {x: {type: string}, y: {type: string, min: number}}, secrets: 'off'}]}",
        "{collections: [{name: a, schemaHint: {x: {type: array, items: {sku: {type: string, required: true}}}}}]}",
        "{collections: [{name: a, schemaHint: {x: {type: object, properties: {y: string}}, "
        "z: {type: array, items: string}}}]}",
        "{collections: [{name: a, storage: }, {name: b, storage: {}}, {name: c, storage: {adapter: , partitionBy: }}]}",
        "{collections: [{name: a, storage: {adapter: pg, partitionBy: created_at, retainFor: 36h, tenancy: schema}}]}",
        "{collections: [{name: a, security: }, {name: b, security: {tenant: , owner: true, attributes: []}}]}",
        "{accessRequests: [{collection: a.b, permission: assert-context, reason: because}]}",
    ],
)
def test_the_schema_and_the_parser_let_the_same_form_pass(requirements: str) -> None:
    text = f"metadata: {{name: my-service, version: 1.0, x: y}}\nspec: {{dataRequirements: {requirements}, other: 1}}"
    assert _valid(text)
    parse_manifest(text, "m.yaml")


def test_the_example_of_the_documentation_is_a_manifest_that_uses_every_key() -> None:
    text = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
    first, hint, storage, security = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    example = first.replace(
        "        softDelete: false\n", textwrap.indent(storage + security, " " * 8) + "        softDelete: false\n"
    )
    ruled = re.sub(r"        schemaHint:\n(          .*\n)+", textwrap.indent(hint, " " * 8), example)
    assert _valid(ruled)
    assert parse_manifest(ruled, "manifest.yaml").collections[0].field_rules["stock"].min == 0
    assert _valid(example)
    assert parse_manifest(example, "manifest.yaml").service == "my-service"
    definitions = manifest_json_schema()["$defs"]
    keys = {key for name in definitions for key in definitions[name].get("properties", {})}
    assert [key for key in sorted(keys - {"expireAfterSeconds"}) if f"{key}:" not in example] == []
