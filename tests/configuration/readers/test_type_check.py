"""Type problems of conditions and templates at their positions."""

import pytest
from support.documents import parse, problems

from router.cel import compile_condition, compile_match
from router.configuration.readers.type_check import (
    report_expression,
    report_problems,
    segment_of_test,
    segment_of_text,
    warn_of_fields,
)
from router.configuration.yaml.document import Entry, MapNode, Scalar

EVENTS = ("com.twilio.voice.insights.conference-summary.complete",)


def condition_problems(text: str, events: tuple[str, ...] = EVENTS) -> list[str]:
    document, node = parse(text + "\n")
    assert isinstance(node, Scalar)
    condition = compile_condition(node.text)
    segment = segment_of_text(document, node, condition.source)
    report_problems(document, condition, events, [segment])
    return problems(document)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("data.statuz == 'completed'", "1:6: "),
        ("data.status == 5", "1:1"),
        ("\"data.status == 'complete'\"", "1:1"),
        (">-\n  data.duration_seconds > 5 &&\n  data.statuz == 'x'", "3:8: "),
    ],
)
def test_a_problem_has_its_position_in_the_scalar(text: str, position: str) -> None:
    (reported,) = condition_problems(text)
    assert reported.startswith(position)


@pytest.mark.parametrize("events", [("com.example.unknown",), ("*",)])
def test_events_without_a_schema_have_no_problems(events: tuple[str, ...]) -> None:
    assert condition_problems("data.anything == 5", events) == []


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("{data.statuz: completed}", "1:7: "),
        ("{data.status: complete}", "1:15: "),
        ("{data.status: [completed, complete]}", "1:27: "),
    ],
)
def test_a_problem_of_a_match_has_the_position_of_its_field_or_value(
    text: str, position: str
) -> None:
    document, root = parse(text + "\n")
    assert isinstance(root, MapNode)
    (entry,) = root.entries
    assert isinstance(entry, Entry)
    value = (
        entry.value.text
        if isinstance(entry.value, Scalar)
        else [item.text for item in entry.value.items]  # type: ignore[union-attr]
    )
    condition = compile_match({entry.key.text: value})
    segment = segment_of_test(document, condition, entry.key, entry.key, entry.value)
    report_problems(document, condition, EVENTS, [segment])
    (reported,) = problems(document)
    assert reported.startswith(position)


def test_a_position_with_an_error_is_reported_once() -> None:
    document, node = parse("data.statuz == 'x'\n")
    assert isinstance(node, Scalar)
    condition = compile_condition(node.text)
    report_expression(document, node, condition, EVENTS)
    report_expression(document, node, condition, EVENTS)
    assert len(problems(document)) == 1


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ data.friendly_nam }}", ["1:10: summary"]),
        ("{{ data.friendly_name }} {{ alert.severity }}", []),
        ("a $${X} {{ data.friendly_nam }}", ["1:18: summary"]),
        ("{{ data.x }} {{ data.x }}", ["1:10: summary"]),
    ],
)
def test_an_unknown_field_of_a_template_is_a_warning(template: str, expected: list[str]) -> None:
    document, node = parse(f"'{template}'\n")
    assert isinstance(node, Scalar)
    warn_of_fields(document, node, node.text.replace("$${", "${"), EVENTS)
    assert not document.errors
    assert [": ".join(each.split(": ")[:2]) for each in problems(document)] == expected
