"""JSON Schema of known events: the envelope and the data of each type.

It is generated from the Structs that conditions are checked against, so the two always agree. What
the fields mean comes from the descriptions of which the Structs are written.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.events.model import CloudEvent
from router.events.schemas import SCHEMAS
from router.events.schemas.definitions import FieldDefinition, structs

_REFERENCES: Final = "#/$defs/{name}"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema in JSON Schema 2020-12; data of other types is unrestricted."""
    types: dict[type[msgspec.Struct], list[str]] = {}
    for name, struct in SCHEMAS.items():
        types.setdefault(struct, []).append(name)
    envelope, shapes, definitions = _components(tuple(types))
    return {
        "$schema": _DIALECT,
        "title": "Events that the event router knows",
        **envelope,
        "allOf": [
            {
                "if": {"properties": {"type": {"enum": names}}, "required": ["type"]},
                "then": {"properties": {"data": shape}},
            }
            for names, shape in zip(types.values(), shapes, strict=True)
        ],
        "$defs": definitions,
    }


def json_schema_of(event_type: str) -> dict[str, Any]:
    """Return the schema of the events of one type, with the definitions that it needs."""
    known = (SCHEMAS[event_type],) if event_type in SCHEMAS else ()
    envelope, shapes, definitions = _components(known)
    own = definitions.pop(envelope["$ref"].rpartition("/")[2])
    properties = {**own["properties"], "type": {"const": event_type}}
    if shapes:
        properties["data"] = shapes[0]
    return {
        "$schema": _DIALECT,
        "title": event_type,
        **{name: value for name, value in own.items() if name not in {"title", "properties"}},
        "properties": properties,
        "$defs": definitions,
    }


def _components(
    known: Sequence[type[msgspec.Struct]],
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return the schema of the envelope, those of Structs, and the definitions of both."""
    (envelope, *shapes), definitions = msgspec.json.schema_components(
        (CloudEvent, *known), ref_template=_REFERENCES
    )
    for name, definition in definitions.items():
        definition["description"] = inspect.cleandoc(definition["description"])
        if name in structs():
            _describe(definition, structs()[name][1].fields)
    return envelope, shapes, definitions


def _describe(definition: dict[str, Any], fields: dict[str, FieldDefinition]) -> None:
    """Add what the fields mean to the schema of a Struct."""
    for name, field in fields.items():
        text = " ".join(part for part in (field.about, _remarks(field)) if part)
        if text:
            definition["properties"][name]["description"] = text


def _remarks(field: FieldDefinition) -> str:
    remarks = [f"Unit: {field.unit}."] if field.unit else []
    remarks += [f"Not checked: {field.unchecked}."] if field.unchecked else []
    return " ".join(remarks)
