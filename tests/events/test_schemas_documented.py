"""The Structs, the list of types and the YAML files that describe them agree."""

import re

import pytest
from support.events_page import PAGE, events_page
from support.schema_modules import FOLDER, modules

from router.events.schemas import KNOWN_TYPES, SCHEMAS, TEST_EVENT
from router.events.schemas.definitions import ORDER, products, structs
from router.events.schemas.type_index import TYPES


def test_what_make_schemas_writes_is_committed() -> None:
    stale = [name for name, text in modules().items() if (FOLDER / name).read_text() != text]

    assert stale == [], "run make schemas"


def test_the_page_of_events_is_current() -> None:
    assert PAGE.read_text() == events_page(), "run make schemas"


def test_the_page_of_events_has_each_type_and_its_links_lead_somewhere() -> None:
    text = events_page()
    headings = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }

    assert [name for name in KNOWN_TYPES if f"| `{name}` |" not in text] == []
    assert set(re.findall(r"\]\(#(.*?)\)", text)) <= headings


def test_each_module_of_structs_is_written() -> None:
    by_hand = {"__init__.py", "definitions.py"}

    assert {path.name for path in FOLDER.glob("*.py")} - by_hand == modules().keys()


def test_each_file_is_listed() -> None:
    assert sorted(ORDER) == sorted(path.stem for path in (FOLDER / "twilio").glob("*.yaml"))


@pytest.mark.parametrize("event_type", TYPES)
def test_a_type_has_the_struct_that_its_description_names(event_type: str) -> None:
    described = {
        name: each for product in products().values() for name, each in product.types.items()
    }
    named = described[event_type].data

    assert (SCHEMAS[event_type].__name__ if event_type in SCHEMAS else "") == named


def test_each_struct_is_reached_from_a_type() -> None:
    wanted = {each.data for product in products().values() for each in product.types.values()}
    reached: set[str] = set()
    while wanted - reached - {""}:
        name = (wanted - reached - {""}).pop()
        reached.add(name)
        wanted |= {f.inner for f in structs()[name][1].fields.values() if f.inner in structs()}

    assert structs().keys() == reached


def test_names_are_known_without_importing_a_product() -> None:
    assert TEST_EVENT in KNOWN_TYPES
    assert len(SCHEMAS) == len(list(SCHEMAS)) <= len(KNOWN_TYPES)
    assert "com.example.other" not in SCHEMAS
    assert SCHEMAS.get("com.example.other") is None


def test_a_field_of_unknown_shape_says_why() -> None:
    silent = [
        f"{name}.{field_name}"
        for name, (_, struct) in structs().items()
        for field_name, field in struct.fields.items()
        if (field.inner == "any") != bool(field.unchecked)
    ]

    assert silent == []
