"""Event text in chat formats: a model of each format finds nothing but text."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.destinations.rendering.escapes import markdown, slack_mrkdwn

PIECES = st.lists(
    st.sampled_from(
        [*"*_~`<>&@!#|[]()\\ab1.:-+ ", "\n", "&amp;", "http://e.x", "here", "__", "**", "```"]
    ),
    max_size=30,
).map("".join)

# A delimiter formats a text that it encloses, unless it stands within a word or before a space.
SLACK_FORMATS = [
    re.compile(rf"(?<!\w)({mark})(?=\S)[^\n]*?(?<=\S)\1(?!\w)") for mark in (r"\*", "_", "~")
] + [re.compile("`[^`\n]+`")]


@given(PIECES)
def test_slack_finds_nothing_but_text(text):
    escaped = slack_mrkdwn(text)
    assert not re.search("[<>]|&(?!amp;|lt;|gt;)", escaped)
    assert [found[0] for each in SLACK_FORMATS for found in each.finditer(escaped)] == []


@pytest.mark.parametrize(
    "text",
    [
        "conference_sid of call_summary_complete",
        "3 * 4 = 12, 2 * 6 too",
        "3*4 and a~b",
        "/2010-04-01/Accounts/AC_1/x",
        "a__b__c",
    ],
)
def test_text_that_formats_nothing_arrives_as_it_is(text):
    assert slack_mrkdwn(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1 <b>down</b> & 3 < 4", "web-1 &lt;b&gt;down&lt;/b&gt; &amp; 3 &lt; 4"),
        (
            "*down* _now_ ~not~ `rm`",
            "\u2217down\u2217 \u02cdnow\u02cd \u223cnot\u223c \u02cbrm\u02cb",
        ),
        ("<!channel>", "&lt;!channel&gt;"),
        ("*67", "\u221767"),  # the other one may be in another field
    ],
)
def test_what_slack_is_sent(text, shown):
    assert slack_mrkdwn(text) == shown


@given(PIECES)
def test_markdown_finds_nothing_but_text(text):
    escaped = markdown(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`#|]", escaped)
    assert not re.search(r"@\w|<[^\u200b]|\]\(|\]\[|!\[", escaped)
    assert not re.search(r"(?m)^\s*(?:>|[-+]\s|\d+[.)]\s)", escaped)


@given(PIECES)
def test_markdown_shows_the_same_text(text):
    shown = re.sub(r"\\(.)", r"\1", markdown(text)).replace("\u200b", "")
    assert shown == text


@given(PIECES)
def test_slack_shows_the_same_text_but_for_delimiters(text):
    alike = str.maketrans("*_~`", "\u2217\u02cd\u223c\u02cb")
    assert html.unescape(slack_mrkdwn(text)).translate(alike) == text.translate(alike)


@pytest.mark.parametrize("text", ["&lt;b&gt;", "&#60;b&#62;", "&amp;lt;", "a&copy;b"])
def test_markdown_decodes_no_entity(text):
    """Case D20: CommonMark, "Entity and numeric character references"."""
    shown = re.sub(r"\\(.)", r"\1", html.unescape(markdown(text)))
    assert shown.replace("\u200b", "") == text
