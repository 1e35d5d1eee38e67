"""The sections of several documents, merged and read in order."""

from typing import Any

import pytest
from support.documents import problems

from router.configuration.sections import Section, SectionItem, Sections, SectionScope
from router.configuration.variables import MissingVariable
from router.configuration.yaml.document import ListNode, MapNode, Scalar, YamlDocument

INVALID_ITEM = "bad"


def text_of(item: SectionItem, _scope: SectionScope) -> str | None:
    """Return the text of an item, ``name=text`` if it has a key; None for INVALID_ITEM."""
    text = item.node.text if isinstance(item.node, Scalar) else "map"
    if text == INVALID_ITEM:
        return None
    return text if item.key is None else f"{item.key.text}={text}"


PLACES = Section(
    name="places", noun="place", kind=MapNode, wanted="a map of names", limit=3, read=text_of
)
STEPS = Section(name="steps", noun="step", kind=ListNode, wanted="a list", limit=3, read=text_of)


def read(*texts: str) -> tuple[dict[str, list[Any]], SectionScope, list[list[str]]]:
    documents = [YamlDocument("a.yaml", text) for text in texts]
    scope = SectionScope({}, MissingVariable.ERROR, lambda _: "no file")
    values = Sections([PLACES, STEPS], documents).read(scope)
    return values, scope, [problems(document) for document in documents]


def test_sections_of_several_documents_are_merged_in_order() -> None:
    values, _, reported = read("steps: [a]\nplaces: {x: 1}\n", "steps: [b, c]\n")
    assert values == {"places": ["x=1"], "steps": ["a", "b", "c"]}
    assert reported == [[], []]


def test_items_are_numbered_across_documents() -> None:
    numbers: list[int] = []

    def number(item: SectionItem, _scope: SectionScope) -> str:
        numbers.append(item.number)
        return ""

    steps = Section(name="steps", noun="step", kind=ListNode, wanted="a list", limit=9, read=number)
    documents = [YamlDocument("a.yaml", "steps: [a, b]"), YamlDocument("b.yaml", "steps: [c]")]
    Sections([steps], documents).read(SectionScope({}, MissingVariable.ERROR, lambda _: ""))
    assert numbers == [1, 2, 3]


def test_a_reader_sees_the_names_of_later_sections_and_the_values_of_earlier_ones() -> None:
    seen: list[tuple[set[str] | None, list[Any]]] = []

    def look(item: SectionItem, scope: SectionScope) -> str:
        seen.append((scope.names["steps"], scope.values.get("places", [])))
        return text_of(item, scope) or ""

    sections = [
        Section(name="places", noun="place", kind=MapNode, wanted="", limit=9, read=look),
        Section(name="steps", noun="step", kind=ListNode, wanted="", limit=9, read=look),
    ]
    document = YamlDocument("a.yaml", "places: {x: 1}\nsteps: [{name: a}]\n")
    Sections(sections, [document]).read(SectionScope({}, MissingVariable.ERROR, lambda _: ""))
    assert seen == [({"a"}, []), ({"a"}, ["x=1"])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step: []\n", '1:1: unknown section "step" (did you mean "steps"?)'),
        ("[a]\n", "1:1: expected the sections of a rules file, found a list"),
        ("steps: {a: 1}\n", "1:8: steps: expected a list, found a map of keys and values"),
        ("places: [a]\n", "1:9: places: expected a map of names, found a list"),
        ("steps: [a, b, c, d]\n", "1:18: more than 3 steps"),
        ("places: {a: 1, b: 1, c: 1, d: 1}\n", "1:28: more than 3 places"),
    ],
)
def test_a_wrong_section_is_reported(text: str, expected: str) -> None:
    _, _, ((reported,),) = read(text)
    assert reported.startswith(expected)


def test_a_name_that_two_documents_define_is_reported_with_the_first_position() -> None:
    _, _, reported = read("places: {x: 1}\n", "\nplaces: {x: 2}\n")
    assert reported == [[], ['2:10: place "x" is given twice (first at a.yaml:1:10)']]


@pytest.mark.parametrize(
    ("text", "names", "is_complete"),
    [
        ("places: {x: 1}\n", {"x"}, True),
        ("steps: []\n", set(), True),
        (f"places: {{x: {INVALID_ITEM}}}\n", {"x"}, False),
        ("places: [x]\n", None, False),
        ("places: *alias\n", None, False),
        ("place: {x: 1}\n", None, False),
        ("places: [\n", None, False),
    ],
)
def test_a_section_is_complete_if_all_items_are_valid(
    text: str, names: set[str] | None, *, is_complete: bool
) -> None:
    _, scope, _ = read(text, "places: {}\n")
    assert (scope.names["places"], scope.is_complete["places"]) == (names, is_complete)
