"""``match``: fields and their required values, as a condition."""

import pytest

from router.cel import ConditionError, Verdict, compile_condition, compile_match

EVENT = {
    "id": "1",
    "data": {
        "status": "completed",
        "count": 5,
        "yes": True,
        "nothing": None,
        "tags": ["silent", "other"],
        "nested": {"a": {"b": 1}},
        "name": "Weekly Stand-up",
    },
}


@pytest.mark.parametrize(
    ("mapping", "source"),
    [
        ({"data.status": "completed"}, 'data.status == "completed"'),
        ({"data.count": [1, 5]}, "data.count in [1, 5]"),
        ({"data.count": {">=": 3, "<": 9}}, "data.count >= 3 && data.count < 9"),
        ({"data.tags": {"contains": "silent"}}, '"silent" in data.tags'),
        ({"data.name": {"prefix": "Wee", "suffix": "up"}}, "startsWith"),
        ({"data.name": {"substring": "Stand"}}, "contains"),
        ({"data.name": {"matches": "^W"}}, "matches"),
        ({"data.nothing": None}, "data.nothing == null"),
        ({"data.yes": True, "event.id": "1"}, "data.yes == true && "),
        ({"data.nested.a.b": {"exists": True}}, "has(data.nested)"),
        ({"data.missing.a.b": {"exists": False}}, "!("),
        ({"data.status": {"!=": "x"}}, "!="),
    ],
)
def test_match_is_another_spelling(mapping: dict[str, object], source: str) -> None:
    condition = compile_match(mapping)

    assert source in condition.source
    assert condition.verdict(EVENT) is Verdict.MATCH


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "match is empty"),
        ({"status": "x"}, "there is no 'status'"),
        ({"data": "x"}, "is no field"),
        ({"data.a == 1": "x"}, "is no field"),
        ({"data.a": {"bigger": 1}}, "there is no 'bigger'"),
        ({"data.a": {"exists": "yes"}}, "exists must be true or false"),
        ({"data": {"exists": True}}, "is no field"),
        ({"data.a": {}}, "has no test"),
        ({"data.a": {"==": {"x": 1}}}, "cannot compare with a dict"),
    ],
)
def test_a_wrong_match_is_refused(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        compile_match(mapping)


@pytest.mark.parametrize(
    ("mapping", "source"),
    [
        ({"data.a": [1, True]}, "data.a in [1, true]"),
        ({"data.a": {"in": [True, 1.0]}}, "data.a in [true, 1.0]"),
        ({"data.a": {"!=": False}}, "data.a != false"),
        ({"data.a": -0.0}, "data.a == -0.0"),
        ({"data.a": "\u00e9\n'\""}, 'data.a == "\u00e9\\n\'\\""'),
        ({"data.a": 1, "data.b": {"<": 2, ">": 0}}, "data.a == 1 && data.b < 2 && data.b > 0"),
        ({"data.a": {"exists": True}}, "(has(data.a))"),
        ({"data.a.b": {"exists": False}}, "!(has(data.a) && has(data.a.b))"),
    ],
)
def test_the_text_of_a_match_is_a_condition(mapping: dict[str, object], source: str) -> None:
    assert compile_match(mapping).source == source
    assert compile_condition(source)


def test_a_hint_names_what_to_write() -> None:
    with pytest.raises(ConditionError) as unknown:
        compile_match({"data.a": {"prefixx": "x"}})
    with pytest.raises(ConditionError) as empty:
        compile_match({"data.a": {}})

    assert unknown.value.hint == 'did you mean "prefix"?'
    assert empty.value.hint == 'write a value, or a test such as {">=": 3}'
