"""How do editors and other tools learn the form of manifests? As a JSON Schema, made from the models.

`python -m aol_broker.manifest.json_schema` prints it; `docs/manifest.schema.json` is what it prints.
"""

import json
import sys
from typing import Any

from aol_broker.manifest.models import ManifestModel
from aol_wire.field_rules import TYPES
from aol_wire.limits import ENUM_MAX_VALUES, REGEX_MAX_BYTES

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FIELD = {"anyOf": [{"enum": list(TYPES)}, {"$ref": "#/$defs/FieldRules"}, {"$ref": "#/$defs/SchemaHint"}]}
_HINT = {"type": "object", "additionalProperties": _FIELD}
_REQUIRED = {
    "type": "boolean",
    "description": "Wherever the object that has the field is there, the field is there and not null.",
}
_LENGTH = {"type": "integer", "minimum": 0}


def _enum(kind: str) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": kind},
        "minItems": 1,
        "maxItems": ENUM_MAX_VALUES,
        "uniqueItems": True,
        "description": "The values that it may have.",
    }


_RULES: dict[str, dict[str, Any]] = {
    "string": {
        "enum": _enum("string"),
        "pattern": {
            "type": "string",
            "minLength": 1,
            "maxLength": REGEX_MAX_BYTES,
            "description": "A regular expression (RE2) that matches somewhere in the text; anchor it with ^ and $.",
        },
        "minLength": {**_LENGTH, "description": "The fewest characters."},
        "maxLength": {**_LENGTH, "description": "The most characters."},
    },
    "number": {
        "enum": _enum("number"),
        "min": {"type": "number", "description": "The least value."},
        "max": {"type": "number", "description": "The greatest value."},
    },
    "boolean": {"enum": _enum("boolean")},
    "datetime": {},
    "object": {"properties": {"$ref": "#/$defs/SchemaHint", "description": "The fields in it."}},
    "array": {"items": {**_FIELD, "description": "What each element is."}},
}
_FIELD_RULES = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"type": {"const": kind}, "required": _REQUIRED, **rules},
            "required": ["type"],
            "additionalProperties": False,
        }
        for kind, rules in _RULES.items()
    ]
}


def manifest_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a manifest (draft 2020-12)."""
    schema = _without_titles(ManifestModel.model_json_schema(by_alias=True))
    # Hints nest, which the model leaves to `parse_schema_hint`.
    schema["$defs"]["FieldRules"] = _FIELD_RULES
    schema["$defs"]["SchemaHint"] = _HINT
    schema["$defs"]["CollectionModel"]["properties"]["schemaHint"]["anyOf"][0] = {"$ref": "#/$defs/SchemaHint"}
    return {"$schema": _DIALECT, "title": "AOL manifest", **schema}


def schema_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(manifest_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _without_titles(schema: Any) -> Any:
    """Leave out the titles that pydantic makes of names: editors would show them in place of the names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if isinstance(schema, dict):
        return {
            key: _without_titles(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return schema


if __name__ == "__main__":
    sys.stdout.write(schema_text())
