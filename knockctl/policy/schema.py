"""The JSON Schema of a policy file, for editors and for whoever generates policies."""

from __future__ import annotations

import json

from knockctl.policy.model import Policy


def policy_schema() -> str:
    """Return the schema as text, the form committed as ``docs/schema/policy.schema.json``."""
    schema = Policy.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "knockctl policy"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
