"""Expressions: values of any type, or ERROR."""

import pytest

from router.cel import ERROR, ConditionError, compile_expression


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("data.account_sid", "AC1"),
        ("data.issues + 1", 4),
        ("[data.issues, event.id]", [3, "e1"]),
        ("data.missing", ERROR),
    ],
)
def test_an_expression_gives_its_value(source: str, value: object) -> None:
    event = {"id": "e1", "data": {"account_sid": "AC1", "issues": 3}}

    found = compile_expression(source).value(event)

    assert found is value if value is ERROR else found == value


def test_what_is_no_expression_is_refused_with_its_place() -> None:
    with pytest.raises(ConditionError) as caught:
        compile_expression("data.a +")

    assert caught.value.offset == 8
