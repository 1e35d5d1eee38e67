"""Matchers of silences, as operators write them."""

from typing import Any

import pytest

from router.api.silence_matchers import matcher_texts, parse_matchers


@pytest.mark.parametrize(
    ("matchers", "match", "when"),
    [
        (["rule=call-quality"], {"rule": {"==": "call-quality"}}, None),
        (
            ["data.count=3", "labels.limit=3"],
            {"data.count": {"==": 3}, "labels.limit": {"==": "3"}},
            None,
        ),
        (["data.region=~^de"], {"data.region": {"matches": "^de"}}, None),
        (["rule!=a", "rule=~b"], {"rule": {"!=": "a", "matches": "b"}}, None),
        (['key=["ak_1","ak_2"]'], {"key": {"in": ["ak_1", "ak_2"]}}, None),
        (["data.text=[no list"], {"data.text": {"==": "[no list"}}, None),
        (["rule!~x"], {}, '!rule.matches("x")'),
    ],
)
def test_a_matcher_is_read_and_written_again(
    matchers: list[str], match: dict[str, Any], when: str | None
) -> None:
    assert parse_matchers(matchers) == (match, when)
    assert parse_matchers(matcher_texts(match))[0] == match


def test_a_condition_holds_beside_the_matchers() -> None:
    assert parse_matchers(["rule!~x"], "data.a")[1] == '(data.a) && !rule.matches("x")'


@pytest.mark.parametrize(
    ("matchers", "message"),
    [(["loud"], "'loud': write for example"), (["rule=a", "rule=b"], "rule= is given twice")],
)
def test_a_wrong_matcher_is_named(matchers: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_matchers(matchers)
