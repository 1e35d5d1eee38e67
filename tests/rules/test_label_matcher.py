"""Tests of labels in ``match`` of routes."""

import itertools
from typing import Any

import msgspec
import pytest

from router.rules.label_matcher import LabelMatcher, MatcherText, label_matcher


def matcher(text: Any) -> LabelMatcher:
    if isinstance(text, list):
        return LabelMatcher(frozenset(text))
    return label_matcher(msgspec.convert(text, MatcherText))


@pytest.mark.parametrize(
    ("text", "values", "others"),
    [
        (["a", "b"], ["a", "b"], ["", "ab"]),
        ({"==": "a"}, ["a"], ["", "aa"]),
        ({"!=": "a"}, ["", "b"], ["a"]),
        ({"!=": ""}, ["a"], [""]),
        ({"in": ["a", ""]}, ["a", ""], ["b"]),
        ({"in": ["a", "b"], "==": "b"}, ["b"], ["a"]),
        ({"in": ["a", "b"], "!=": "b"}, ["a"], ["b"]),
        ({"in": ["a"], "==": "b"}, [], ["a", "b"]),
        ({"prefix": "voi"}, ["voi", "voice"], ["", "invoice"]),
        ({"suffix": "ce"}, ["voice"], ["ceiling"]),
        ({"substring": "oi"}, ["voice"], ["vice"]),
        ({"matches": "oi"}, ["voice"], ["vice"]),
        ({"matches": "^voi"}, ["voice"], ["invoice"]),
        ({"matches": "(?i)^VOICE$"}, ["Voice"], ["voices", "voice\n"]),
        ({"prefix": "v", "matches": "e$", "!=": "vice"}, ["voice"], ["vice", "dice", "void"]),
    ],
)
def test_which_values_match(text: Any, values: list[str], others: list[str]) -> None:
    one = matcher(text)
    assert [value for value in [*values, *others] if one.holds(value)] == values


TEXTS: list[Any] = [
    *(["a"], ["a", "ab"], {"==": "ab"}, {"!=": "a"}, {"!=": "b"}, {"in": ["a"], "!=": "a"}),
    *({"prefix": "a"}, {"prefix": "ab"}, {"suffix": "b"}, {"substring": "b"}, {"matches": "b"}),
    *({"prefix": "a", "!=": "a"}, {"prefix": "a", "suffix": "b"}, {"matches": "b", "prefix": "a"}),
]
VALUES = ["".join(each) for count in range(5) for each in itertools.product("ab", repeat=count)]


def test_a_matcher_covers_another_one_only_if_it_matches_all_that_it_matches() -> None:
    covered = 0
    for one, two in itertools.product(map(matcher, TEXTS), repeat=2):
        includes = all(one.holds(value) for value in VALUES if two.holds(value))
        if one.covers(two):
            assert includes
            covered += 1
    assert covered == 67
    assert matcher({"prefix": "a"}).covers(matcher({"prefix": "ab", "suffix": "b"}))
    assert matcher({"!=": "b"}).covers(matcher({"prefix": "a"}))
    assert not matcher({"prefix": "ab"}).covers(matcher({"prefix": "a"}))
