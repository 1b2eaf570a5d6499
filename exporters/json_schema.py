"""JSON Schema 2020-12 of each published file, made from its model: ``python -m tape.exporters.json_schema DIR``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema

from tape.exporters.contract import STATE_FILES, StateFile


def json_schema(file: StateFile) -> dict[str, Any]:
    """Return the schema of a published file."""
    schema = file.model.model_json_schema(by_alias=True, mode="serialization", schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{file.stem}.schema.json", **schema}


class _Generator(GenerateJsonSchema):
    """As pydantic has it, but an object whose keys have a pattern takes no other key."""

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        return {**found, "additionalProperties": False} if "patternProperties" in found else found


def schema_files() -> dict[str, bytes]:
    """Return file name and bytes of each schema."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {f"{file.stem}.schema.json": orjson.dumps(json_schema(file), option=option) for file in STATE_FILES}


if __name__ == "__main__":
    for name, content in schema_files().items():
        Path(sys.argv[1], name).write_bytes(content)
