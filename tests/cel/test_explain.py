"""Explanations: the value of each part of a condition, and why a part has none."""

import pytest

from router.cel import compile_condition

EVENT = {
    "data": {"status": "completed", "count": 5, "tags": ["a"], "many": list(range(200)), "on": True}
}


def test_an_explanation_shows_each_part_in_order() -> None:
    condition = compile_condition('data.status == "x" || data.count >= 3 && has(data.missing)')

    steps = [(step.text, step.value) for step in condition.explain(EVENT)]

    assert steps == [
        ("data.status", "completed"),
        ('data.status == "x"', False),
        ("data.count", 5),
        ("data.count >= 3", True),
        ("has(data.missing)", False),
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("data.count == 5", ""),
        ("data.missing == 5", "no such field: data.missing"),
        ("data.count.x == 5", "data.count.x: number has no fields"),
        ("data.count < 'x'", "number < text has no value"),
        ("data.tags[3] == 'a'", "no such element in list: data.tags[3]"),
        ("data['x-kind'] == 'a'", 'no such element in map: data["x-kind"]'),
        ("data.tags[data.count] == 'a'", "no such element in list: data.tags[…]"),
        ("data.?missing.value() == 1", "data.?missing is absent"),
        ("data.count.startsWith('x')", "startsWith() takes no number, text"),
        ("data.tags.all(t, t.x == 1)", "all() has no value: its body fails, or"),
        ("data.many.all(a, data.many.all(b, a != b || true))", "it takes too many iterations"),
        ("data.count", "number is neither true nor false"),
        ("data.on ? data.missing : true", "no such field: data.missing"),
        ("event.missing.x == 1 || false", "no such field: event.missing"),
    ],
)
def test_the_reason_of_an_error_is_the_innermost_part_without_a_value(
    source: str, reason: str
) -> None:
    assert reason in compile_condition(source).reason(EVENT)
    assert bool(reason) is bool(compile_condition(source).reason(EVENT))


def test_an_event_without_data_has_a_reason_of_its_own() -> None:
    assert compile_condition("data.a == 1").reason({}) == "the event has no data"


def test_a_part_knows_its_position() -> None:
    source = "data.count > 3 && data.missing"

    parts = compile_condition(source).explain(EVENT)

    assert [source[part.offset : part.offset + part.length] for part in parts] == [
        part.text for part in parts
    ]
    assert [part.error for part in parts] == ["", "", "no such field: data.missing"]
