"""A JSON schema of portal.toml, made of the same shape that reads it, so that editors complete and check the file."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from portal.config.settings import SECRETS, Settings
from portal.config.values import PROVIDER_NAME
from portal.setup.descriptions import DESCRIPTIONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = r"^\s*(\d{1,9}\s*[wdhmsWDHMS]\s*)+$"


class _Generator(GenerateJsonSchema):
    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
        return {"type": "string", "pattern": _DURATION}


def make_schema() -> dict[str, Any]:
    """The schema, as JSON Schema 2020-12."""
    made = Settings.model_json_schema(schema_generator=_Generator)
    tables = made.pop("$defs")
    root = _table(made, "")
    providers = root["properties"]["providers"]
    providers["propertyNames"] = {"pattern": f"^({PROVIDER_NAME.pattern})$"}
    shapes = {name: _table(table, name) for name, table in tables.items() if "properties" in table}
    shapes |= {name: table for name, table in tables.items() if "properties" not in table}
    return {"$schema": DIALECT, "title": "portal.toml", **root, "$defs": shapes}


def _table(table: dict[str, Any], name: str) -> dict[str, Any]:
    """A table of TOML: no null, a list also as a text, a secret also by its file."""
    properties = {}
    for key, shape in table["properties"].items():
        description = DESCRIPTIONS.get((name, key))
        told = {"description": description} if description else {}
        properties[key] = {**_value(shape), **told}
        if key in SECRETS:
            properties[f"{key}_file"] = {"type": "string", "description": f"The path of a file that holds {key}."}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(shape: dict[str, Any]) -> dict[str, Any]:
    shape = {key: value for key, value in shape.items() if key not in ("title", "default", "writeOnly", "format")}
    if "anyOf" in shape:
        kinds = [_value(each) for each in shape["anyOf"] if each != {"type": "null"}]
        shape = {"anyOf": kinds} if len(kinds) > 1 else kinds[0]
    if shape.get("type") == "array":
        shape = {"anyOf": [{"type": "string"}, {"type": "array", "items": _value(shape["items"])}]}
    return shape
