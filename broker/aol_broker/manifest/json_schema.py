"""How do editors and other tools learn the form of manifests? As a JSON Schema, made from the models.

`python -m aol_broker.manifest.json_schema` prints it; `docs/manifest.schema.json` is what it prints.
"""

import json
import sys
from typing import Any

from aol_broker.manifest.models import ManifestModel
from aol_wire.schema_hint import TYPES

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HINT = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"enum": list(TYPES)}, {"$ref": "#/$defs/SchemaHint"}]},
}


def manifest_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a manifest (draft 2020-12)."""
    schema = _without_titles(ManifestModel.model_json_schema(by_alias=True))
    # Hints nest, which the model leaves to `parse_schema_hint`.
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
