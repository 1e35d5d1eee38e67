"""CEL values as JSON."""

import pytest

from router.cel import ERROR, as_json, as_text, compile_expression


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        ("data.a", {"b": [1, None]}, '{"b":[1,null]}'),
        ("5u", 5, "5"),
        ("[timestamp(0), 1.5]", ["1970-01-01T00:00:00Z", 1.5], '["1970-01-01T00:00:00Z",1.5]'),
        ("duration('1h')", "3600s", '"3600s"'),
        ("data.?a.b", [1, None], "[1,null]"),
        ("{1: true, false: 2u}", {"1": True, "false": 2}, '{"1":true,"false":2}'),
        ("b'a\\xff'", "a\ufffd", '"a\ufffd"'),
        ("type(1)", "int", '"int"'),
    ],
)
def test_a_value_as_json_has_it(source: str, value: object, text: str) -> None:
    found = compile_expression(source).value({"data": {"a": {"b": [1, None]}}})

    assert as_json(found) == value
    assert as_text(found) == text


@pytest.mark.parametrize("source", ["data.missing", "optional.none()", "data.?missing"])
def test_what_has_no_value_stays_an_error(source: str) -> None:
    found = compile_expression(source).value({"data": {}})

    assert as_json(found) is ERROR
    assert as_text(found) == '"error"'


def test_what_is_too_deep_to_be_written_is_said_to_be() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]

    assert as_text(deep) == "nested too deeply to be shown"
