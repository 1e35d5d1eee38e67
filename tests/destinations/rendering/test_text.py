import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.destinations.rendering.text import clean, cut, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  plain  ", "plain"),
        ("two\r\nlines\ttab", "two lines tab"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("pay\u202eevil\u2066", "pay evil"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("family \U0001f468\u200d\U0001f469 stays", "family \U0001f468\u200d\U0001f469 stays"),
        ("", ""),
    ],
)
def test_one_line(text, expected):
    assert one_line(text, 100) == expected


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abc   defg", 6, "abc…"),
        ("ab&amp;cd", 6, "ab…"),
        ("ab&amp;cdef", 8, "ab&amp;…"),
        ("a & b c d e f g", 10, "a & b c d…"),
        ("&quot;&quot;", 8, "&quot;…"),
    ],
)
def test_cut_leaves_no_half_of_an_entity(text, limit, expected):
    assert cut(text, limit) == expected


@given(st.text(), st.integers(1, 50))
def test_the_limit_is_kept_and_what_comes_out_can_be_written(text, limit):
    assert len(clean(text, limit)) <= limit
    assert one_line(text, limit).encode().decode() == one_line(text, limit)


@given(st.text())
def test_one_line_of_one_line_is_the_same(text):
    assert one_line(one_line(text, 500), 500) == one_line(text, 500)
