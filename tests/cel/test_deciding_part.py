"""The part of a condition that decided it, and its operands."""

import pytest

from router.cel import compile_condition, compile_expression
from router.cel.deciding_part import condition_parts, deciding_part

EVENT = {"data": {"status": "completed", "count": 2, "tags": ["silent"], "nested": {"a": 1}}}


@pytest.mark.parametrize(
    ("source", "part", "reason"),
    [
        ("data.count > 3", "data.count > 3", "false: data.count = 2"),
        ("data.count > 1 && data.count > 3", "data.count > 3", "false: data.count = 2"),
        ("data.count > 1 || data.count > 3", "data.count > 1", "true: data.count = 2"),
        (
            "data.count > 3 || data.status == 'x'",
            "data.count > 3 || data.status == 'x'",
            'false: data.count = 2, data.status = "completed"',
        ),
        ("!(data.count > 1 && data.count > 3)", "data.count > 3", "false: data.count = 2"),
        (
            "data.x == 1 && data.count > 1",
            "data.x == 1",
            "neither true nor false: data.x = nothing",
        ),
        ("data.x == 1 && data.count > 3", "data.count > 3", "false: data.count = 2"),
        ("'a' in data.tags", "'a' in data.tags", 'false: data.tags = ["silent"]'),
        ("has(data.x)", "has(data.x)", "false"),
        (
            "data.tags.exists(t, t == 'x')",
            "data.tags.exists(t, t == 'x')",
            'false: data.tags = ["silent"]',
        ),
        (
            "data.count == 2 ? data.status.startsWith('x') : true",
            "data.status.startsWith('x')",
            'false: data.status = "completed"',
        ),
        ("data.status && true", "data.status", "neither true nor false"),
        (
            "size(data.tags) > 3",
            "size(data.tags) > 3",
            'false: data.tags = ["silent"], size(data.tags) = 1',
        ),
    ],
)
def test_the_deciding_part(source: str, part: str, reason: str) -> None:
    found = deciding_part(compile_condition(source), EVENT)
    assert source[found.offset : found.offset + found.length] == part
    assert found.verdict == reason


def test_a_part_behind_a_name_stands_where_the_name_does() -> None:
    names = {"many": compile_expression("data.count > 3 && data.nested.a == 1")}
    found = deciding_part(compile_condition("data.count > 1 && many", names), EVENT)
    assert (found.offset, found.length) == (18, 4)
    assert (found.text, found.verdict) == ("data.count > 3", "false: data.count = 2")


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("data.count > 3", ["data.count > 3 is false: data.count = 2"]),
        (
            "data.count > 1 && (data.x == 1 && !(data.count > 3 && true))",
            [
                "data.count > 1 is true: data.count = 2",
                "data.x == 1 is neither true nor false: data.x = nothing",
                "!(data.count > 3 && true) is true: data.count = 2",
            ],
        ),
        (
            "many && (data.count > 1 || data.x == 1)",
            [
                "data.count > 3 is false: data.count = 2",
                "data.nested.a == 1 is true: data.nested.a = 1",
                "data.count > 1 || data.x == 1 is true: data.count = 2, data.x = nothing",
            ],
        ),
    ],
)
def test_the_parts_that_must_all_be_true(source: str, parts: list[str]) -> None:
    names = {"many": compile_expression("data.count > 3 && data.nested.a == 1")}
    found = condition_parts(compile_condition(source, names), EVENT)
    assert [f"{each.text} is {each.verdict}" for each in found] == parts
