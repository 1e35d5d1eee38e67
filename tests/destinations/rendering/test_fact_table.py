"""The table of facts reads fields that Twilio documents, and the guide lists its types."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from router.destinations.rendering.fact_table import ANY, FACTS, FactPart, labels_of
from router.events.schemas import KNOWN_TYPES, SCHEMAS

GUIDE = (Path(__file__).parents[3] / "docs" / "reference" / "rules.md").read_text()
DOCUMENTED = [prefix for prefix in FACTS if any(name.startswith(prefix) for name in SCHEMAS)]


def has_field(kind: inspect.Type, path: tuple[str, ...]) -> bool:
    """Return whether a type has a field, or may have it because it is not described further."""
    match kind:
        case inspect.UnionType(types=types):
            return any(has_field(each, path) for each in types)
        case inspect.StructType(fields=fields) if path:
            named = {field.encode_name: field.type for field in fields}
            return path[0] in named and has_field(named[path[0]], path[1:])
        case inspect.AnyType() | inspect.DictType():
            return True
        case inspect.StrType():  # JSON may stand in it
            return True
        case _:
            return not path


def is_documented(part: FactPart, schemas: set[type[msgspec.Struct]]) -> bool:
    kinds = [inspect.type_info(schema) for schema in schemas]
    return any(
        path[0] != "data" or has_field(kind, path[1:]) for path in part.fields for kind in kinds
    )


@pytest.mark.parametrize("prefix", [prefix for prefix in DOCUMENTED if prefix != ANY])
def test_each_fact_reads_a_field_that_the_schema_has(prefix: str) -> None:
    schemas = {schema for name, schema in SCHEMAS.items() if name.startswith(prefix)}
    unknown = [
        (row.label, [".".join(path) for path in part.fields])
        for row in FACTS[prefix]
        for part in row.parts
        if not is_documented(part, schemas)
    ]
    assert unknown == []


@pytest.mark.parametrize("prefix", [prefix for prefix in FACTS if prefix != ANY])
def test_the_guide_lists_each_pattern(prefix: str) -> None:
    section = GUIDE.split("## Facts of messages\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    name = prefix.removeprefix("com.twilio.voice.insights.").rstrip(".")
    product = ".".join(prefix.split(".")[:3])
    assert any(f".{name}.*" in row or f"{product}.*" in row or f"{name}.*" in row for row in rows)


@pytest.mark.parametrize("prefix", FACTS)
def test_labels_are_short_and_each_stands_once(prefix: str) -> None:
    labels: Any = labels_of(prefix)
    assert len(set(labels)) == len(labels)
    assert all(0 < len(label) <= 20 and label[0].isupper() for label in labels)


def test_a_type_has_the_rows_of_its_longest_pattern() -> None:
    assert labels_of("com.twilio.voice.insights.call-summary.partial")[0] == "Call"
    assert labels_of("com.example.call")[0] == "Conference"


def test_no_event_of_another_product_of_twilio_is_called_a_conference() -> None:
    named = [
        name for name in KNOWN_TYPES if "Conference" in labels_of(name) and ".voice." not in name
    ]
    assert named == []
