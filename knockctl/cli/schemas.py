"""The JSON Schema of what ``-o json`` prints; additive within a version of the envelope."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from knockctl.change.diff import Difference
from knockctl.change.job import Outcome
from knockctl.change.proof import Proof
from knockctl.cli.output import SCHEMA
from knockctl.journal.record import ChangeRecord

_LISTS: dict[str, tuple[str, type[BaseModel] | None]] = {
    "outcomes": ("devices", Outcome),
    "diff": ("devices", Difference),
    "verify": ("devices", Proof),
    "simulate": ("steps", None),
    "history": ("changes", ChangeRecord),
    "inventory": ("devices", None),
    "render": ("devices", None),
    "policy-check": ("policies", None),
    "lab-status": ("devices", None),
    "lab": ("devices", None),
    "init": ("files", None),
    "policy-graph": ("nodes", None),
    "error": ("errors", None),
}
_OTHERS = ("policy", "knock")


def output_schema() -> str:
    """Return the schema as text, the form committed as ``docs/schema/output.schema.json``."""
    definitions: dict[str, Any] = {}
    results = [_result(kind, name, model, definitions) for kind, (name, model) in _LISTS.items()]
    results += [_of_kind(kind, {}, []) for kind in _OTHERS]
    envelope = {
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            "command": {"type": "string"},
            "ok": {"type": "boolean"},
            "result": {"oneOf": results},
        },
        "required": ["schema", "command", "ok", "result"],
    }
    event = {
        "type": "object",
        "properties": {
            "event": {"enum": ["step", "note", "outcome"]},
            "device": {"type": "string"},
        },
        "required": ["event", "device"],
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "knockctl output, one JSON document a line",
        "oneOf": [envelope, event],
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _result(
    kind: str, name: str, model: type[BaseModel] | None, definitions: dict[str, Any]
) -> dict[str, Any]:
    items: dict[str, Any] = {}
    if model is not None:
        schema = model.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
        definitions.update(schema.pop("$defs", {}))
        definitions[model.__name__] = schema
        items = {"$ref": f"#/$defs/{model.__name__}"}
    return _of_kind(kind, {name: {"type": "array", "items": items}}, [name])


def _of_kind(kind: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"kind": {"const": kind}, **properties},
        "required": ["kind", *required],
    }
