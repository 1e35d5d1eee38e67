"""JSON Schema of known events: the envelope and the data of each type.

It is generated from the Structs that conditions are checked against, so the two always agree.
"""

from typing import Any, Final

import msgspec

from router.events.model import CloudEvent
from router.events.schemas import SCHEMAS

_REFERENCES: Final = "#/$defs/{name}"


def json_schema() -> dict[str, Any]:
    """Return the schema in JSON Schema 2020-12; data of other types is unrestricted."""
    types = (CloudEvent, *SCHEMAS.values())
    (envelope, *shapes), definitions = msgspec.json.schema_components(
        types, ref_template=_REFERENCES
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events that the event router knows",
        **envelope,
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"properties": {"data": shape}},
            }
            for name, shape in zip(SCHEMAS, shapes, strict=True)
        ],
        "$defs": definitions,
    }
