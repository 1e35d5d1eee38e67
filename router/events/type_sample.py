"""Sample events of Twilio's types, composed from the examples of their documented fields.

SIDs have the right prefix and form and are the same wherever they name the same kind of thing. A field
without an example is left out, as Twilio leaves out what does not apply.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from router.events.sample import DOCUMENTED_TYPE, documented_event
from router.events.schemas.definitions import (
    SID,
    EventType,
    FieldDefinition,
    Product,
    SampleEnvelope,
    StructDefinition,
    product,
    structs,
)
from router.events.schemas.type_index import TYPES
from router.media_types import JSON

SCHEMA_URL: Final = "https://events-schemas.twilio.com"
_TIME: Final = "2025-01-01T00:00:00.000Z"
_DIGITS: Final = "0" * 31 + "1"
"""Digits of a SID."""
_PATH: Final = re.compile(r"\{([\w.]+)\}")
_OMITTED: Final = object()


class TypeLine(msgspec.Struct, frozen=True):
    """A documented type as a list shows it."""

    type: str
    product: str
    about: str
    status: str
    schema: str
    """Twilio's name of the schema; empty if it is not known."""
    is_checked: bool
    """Whether the fields of its data are known."""


def type_lines() -> Iterator[TypeLine]:
    """Yield all documented types, by product."""
    for event_type in TYPES:
        of, described = _described(event_type)
        yield TypeLine(
            event_type,
            of.product,
            described.about,
            described.status,
            schema_of(event_type),
            bool(described.data),
        )


def schema_of(event_type: str) -> str:
    """Return Twilio's name and version of a type's schema; empty if it is not known."""
    _, described = _described(event_type)
    if described.schema or not described.data:
        return described.schema
    return structs()[described.data][1].schema


def type_sample(event_type: str, event_id: str = "") -> dict[str, Any]:
    """Return a sample event of a documented type.

    ``data`` is empty if its fields are not known.

    Args:
        event_type: One of ``TYPES``.
        event_id: 32 hexadecimal digits for the event's id, after its prefix. Empty for the same
            ones each time, which differ by type so that no sample is a duplicate of another one.
    """
    of, described = _described(event_type)
    envelope = described.envelope or of.envelope
    sid = envelope.id + (event_id or hashlib.sha256(event_type.encode()).hexdigest()[:32])
    if event_type == DOCUMENTED_TYPE:
        return {**documented_event(), "id": sid}
    data = _data(described, event_type) if described.data else {}
    schema = schema_of(event_type)
    return {
        "specversion": "1.0",
        "type": event_type,
        "source": _source(envelope, data) if data else "/sample",
        "id": sid,
        **({"dataschema": f"{SCHEMA_URL}/{schema}"} if schema else {}),
        "datacontenttype": JSON,
        "time": _TIME,
        "data": data,
    }


def _described(event_type: str) -> tuple[Product, EventType]:
    """Return the description of a type, with its product's."""
    found = product(TYPES[event_type].partition(":")[0])
    return found, found.types[event_type]


def _data(described: EventType, event_type: str) -> dict[str, Any]:
    definition = structs()[described.data][1]
    data = _object(definition, event_type)
    for path, value in described.sample.items():
        _set(data, path.split("."), value)
    return _in_order(data, definition)


def _in_order(data: dict[str, Any], definition: StructDefinition) -> dict[str, Any]:
    """Return ``data`` with its members in the order of the description."""
    ordered = {}
    for name, field in definition.fields.items():
        if name in data:
            value, inner = data[name], structs().get(field.type)
            ordered[name] = _in_order(value, inner[1]) if inner else value
    return ordered | data


def _object(definition: StructDefinition, event_type: str) -> dict[str, Any]:
    found = {
        name: _value(field, field.type, event_type) for name, field in definition.fields.items()
    }
    return {name: value for name, value in found.items() if value is not _OMITTED}


def _value(field: FieldDefinition, type_: str, event_type: str) -> Any:
    if field.example is not msgspec.UNSET:
        return {"$type": event_type, "$none": _OMITTED}.get(str(field.example), field.example)
    if field.enum:
        return field.enum[0]
    if sid := SID.fullmatch(type_):
        return sid[1] + _DIGITS
    if type_ == "time":
        return _TIME
    return _composed(field, type_, event_type)


def _composed(field: FieldDefinition, type_: str, event_type: str) -> Any:
    """Return the value of a Struct, or a list with one; omitted if it would be empty."""
    if type_.startswith("["):
        element = _value(field, type_[1:-1], event_type)
        return _OMITTED if element is _OMITTED else [element]
    found = structs().get(type_)
    if found is None:
        return _OMITTED
    return _object(found[1], event_type) or _OMITTED


def _set(data: dict[str, Any], path: list[str], value: Any) -> None:
    """Set the value at a path, or leave it out if it is None."""
    for name in path[:-1]:
        data = data.setdefault(name, {})
    if value is None:
        data.pop(path[-1], None)
    else:
        data[path[-1]] = value


def _source(envelope: SampleEnvelope, data: dict[str, Any]) -> str:
    def value_at(path: re.Match[str]) -> str:
        value: Any = data
        for name in path[1].split("."):
            value = value.get(name, "unknown") if isinstance(value, dict) else "unknown"
        return str(value)

    return _PATH.sub(value_at, envelope.source)
