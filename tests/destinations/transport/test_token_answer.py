"""The meaning of a token server's answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.destinations.transport.token_answer import (
    DeniedToken,
    GrantedToken,
    read_token_answer,
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"access_token": "a", "expires_in": "60"}', GrantedToken("a", "bearer", 60.0)),
        (b"access_token=a%2Fb&expires_in=60", GrantedToken("a/b", "bearer", 60.0)),
        (b'{"access_token": "a", "token_type": "MAC"}', GrantedToken("a", "mac", 3600.0)),
        (b'{"error": "invalid_grant"}', DeniedToken("invalid_grant", is_temporary=False)),
        (b'{"error": "slow_down"}', DeniedToken("slow_down", is_temporary=True)),
        (b"[]", None),
        (b"", None),
        (b"<html>", None),
        (b"[" * 100_000, None),
        (b"a=b&" * 1000, None),
    ],
)
def test_an_answer_is_a_token_an_error_or_neither(content, expected):
    """Case D10."""
    assert read_token_answer(content) == expected


@given(st.binary(max_size=100))
def test_any_bytes_are_read_without_an_exception(content):
    read_token_answer(content)
