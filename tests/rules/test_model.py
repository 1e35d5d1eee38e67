"""Names and event types, as far as they can be judged by themselves."""

import pytest

from router.rules.model import events_problem, name_problem


@pytest.mark.parametrize("name", ["a", "0", "call-quality", "a--b", "9-", "x" * 64])
def test_names_that_are_fine(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", ""),
        ("-a", 'write "a"'),
        ("Call Quality!", 'write "call-quality"'),
        ("call_quality", 'write "call-quality"'),
        ("über", 'write "ber"'),
        ("会議", ""),
        ("a\n", 'write "a"'),
        ("x" * 65, ""),
    ],
)
def test_names_that_are_none_with_what_could_be_meant(name: str, hint: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert problem[1] == hint


@pytest.mark.parametrize(
    "pattern", ["*", "a", "com.example.*", "com.example.a*", "a/b:c", "ü", "x" * 512]
)
def test_event_types_that_are_fine(pattern: str) -> None:
    assert events_problem(pattern) is None


@pytest.mark.parametrize(
    "pattern", ["", "**", "*a", "a*b", "a.*.*", "a b", "a\n", " a", "a\x00", "x" * 513]
)
def test_event_types_that_are_none(pattern: str) -> None:
    assert events_problem(pattern) is not None
