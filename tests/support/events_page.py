"""``docs/reference/events.md``: each documented event type with its fields and a sample, for readers."""

import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.events.schemas.definitions import (
    SID,
    EventType,
    FieldDefinition,
    Product,
    StructDefinition,
    products,
    structs,
)
from router.events.type_sample import schema_of, type_sample

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "events.md"
_INTRODUCTION: Final = """\
# Twilio's event types

What the router knows of the events that Twilio Event Streams sends: each type, the fields of its `data` with
their units and values, and a sample. `router check` compares conditions with these fields
([rules.md](rules.md#what-is-checked-before-any-event-comes)); an event that differs from them is evaluated all the same.

- `router sample TYPE` prints a sample of any type, `router dev --sample TYPE` and `router send --sample TYPE` send it.
- `router schema events TYPE` prints the JSON Schema of a type.
- A field that is not *always* there may be absent or null. Twilio adds fields before they are listed here: read such
  a field by `data["name"]`, which is not checked.
- Types without fields are documented by Twilio, but what they contain could not be read; their conditions are not
  checked. Types whose status is *discontinued*, *restricted* or *deprecated* are so called by Twilio.
- `{a,b}` in a path stands for either name, `[]` for an element of a list, and `*` for any name.

`make schemas` writes this page from `router/events/schemas/twilio/*.yaml`, which name Twilio's pages from which the
fields were taken.
"""
_TYPES: Final = {
    "text": "text",
    "time": "time (ISO 8601)",
    "phone": "phone number or address",
    "int": "whole number",
    "number": "number",
    "bool": "bool",
    "any": "not checked",
}


class _Row(msgspec.Struct, frozen=True):
    path: str
    type: str
    about: str


def events_page() -> str:
    """Return the text of the page."""
    by_product: dict[str, list[Product]] = {}
    for product in products().values():
        by_product.setdefault(product.product, []).append(product)
    index = "\n".join(index_line(name, files) for name, files in by_product.items())
    sections = "\n".join(
        section for name, files in by_product.items() for section in product_section(name, files)
    )
    return f"{_INTRODUCTION}\n{index}\n\n{sections}".rstrip() + "\n"


def index_line(name: str, files: list[Product]) -> str:
    types = [each for file in files for each in file.types]
    kinds = "; ".join(file.about for file in files if file.types)
    count = "1 type" if len(types) == 1 else f"{len(types)} types"
    return f"- [{name}](#{anchor(name)}), {count}: {kinds}"


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def product_section(name: str, files: list[Product]) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| type | `data` | event |\n|---|---|---|"
    for file in files:
        for event_type, described in file.types.items():
            yield type_row(event_type, described)
    yield ""
    for file in files:
        shown: set[str] = set()
        for event_type, described in file.types.items():
            if described.data and described.data not in shown:
                shown.add(described.data)
                yield from struct_section(described.data, event_type, file)


def type_row(event_type: str, described: EventType) -> str:
    about = described.about
    if described.status != "available":
        about = f"*{described.status}* {about}"
    data = f"[{described.data}](#{anchor(described.data)})" if described.data else "not known"
    return f"| `{event_type}` | {data} | {cell(about)} |"


def struct_section(name: str, event_type: str, file: Product) -> Iterator[str]:
    """Yield the fields of a Struct and a sample of one type that has it."""
    definition = file.structs[name]
    schemas = dict.fromkeys(schema_of(each) for each, of in file.types.items() if of.data == name)
    named = [f"`{schema}`" for schema in schemas if schema]
    twilio = f" Twilio's schema: {', '.join(named)}." if named else ""
    yield f"### {name}\n"
    yield textwrap.fill(f"{definition.about}{twilio}", 116, break_on_hyphens=False) + "\n"
    yield "| field | type | meaning |\n|---|---|---|"
    for row in rows(definition.fields, ""):
        yield f"| `{row.path}` | {row.type} | {cell(row.about)} |"
    sample = msgspec.json.encode(type_sample(event_type))
    text = msgspec.json.format(sample, indent=2).decode()
    yield f"\n<details><summary>A sample</summary>\n\n```json\n{text}\n```\n\n</details>\n"


def rows(fields: Mapping[str, FieldDefinition], prefix: str) -> Iterator[_Row]:
    """Yield a row for each field; fields of one Struct that follow each other share its rows."""
    for inner, group in itertools.groupby(fields.items(), key=lambda item: item[1].inner):
        found = dict(group)
        nested = structs().get(inner)
        for name, field in found.items():
            path = f"{prefix}{name}{suffix(field.type)}"
            if nested and is_flat(nested[1]):
                parts = ",".join(nested[1].fields)
                yield _Row(f"{path}.{{{parts}}}", type_text(field, "number"), field.about)
            else:
                yield _Row(path, type_text(field), about_text(field))
        if nested and not is_flat(nested[1]):
            names = [f"{name}{suffix(field.type)}" for name, field in found.items()]
            yield from rows(nested[1].fields, f"{prefix}{joined(names)}.")


def joined(names: list[str]) -> str:
    """Return the names as a shell would expand them: ``{sdk,sip}_edge``."""
    if len(names) == 1:
        return names[0]
    ending = "_" + names[0].rpartition("_")[2]
    if not all(name.endswith(ending) for name in names):
        ending = ""
    return f"{{{','.join(name.removesuffix(ending) for name in names)}}}{ending}"


def is_flat(definition: StructDefinition) -> bool:
    """Whether a Struct is a few figures of one quantity, such as an average and a maximum."""
    return {"avg", "max"} <= definition.fields.keys() and all(
        field.type in {"number", "int"} for field in definition.fields.values()
    )


def suffix(type_: str) -> str:
    if type_.startswith("["):
        return "[]"
    return ".*" if type_.startswith("{") else ""


def type_text(field: FieldDefinition, name: str = "") -> str:
    """Return the type of a field in words, with unit and values."""
    text = name or _TYPES.get(field.inner) or sid_text(field.inner)
    if field.enum:
        text = "one of " + ", ".join(f"`{value}`" for value in field.enum)
    text += f", {field.unit}" if field.unit else ""
    return text + (", always" if field.required else "")


def sid_text(inner: str) -> str:
    sid = SID.fullmatch(inner)
    return f"SID, `{sid[1]}…`" if sid else "object"


def about_text(field: FieldDefinition) -> str:
    return f"{field.about} Not checked: {field.unchecked}." if field.unchecked else field.about


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
