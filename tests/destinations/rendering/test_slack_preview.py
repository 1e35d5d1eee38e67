"""A message as a page: it looks as in Slack, and no event text becomes markup."""

import pytest

from router.destinations.rendering.slack_preview import page


def shown(text: str, kind: str = "mrkdwn") -> str:
    """The page's part that shows one section."""
    block = {"type": "section", "text": {"type": kind, "text": text}}
    whole = page({"text": "x", "blocks": [block]})
    return whole.split('<div class="section">')[1].split("</div>")[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("*Rule*\nx", "<b>Rule</b><br>x"),
        ("a _b_ `c` d", "a <i>b</i> <code>c</code> d"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("3 * 4 and 5 * 6, a _ b _ c", "3 * 4 and 5 * 6, a _ b _ c"),
        ('&lt;b&gt; &amp;amp; "q"', "&lt;b&gt; &amp;amp; &quot;q&quot;"),
        ("<!here> <@U1>", '<span class="mention">@here</span> <span class="mention">@U1</span>'),
        ("<https://x/?a=1&amp;b=2|a &lt;b>", '<a href="https://x/?a=1&amp;b=2">a &lt;b</a>'),
        ("<https://x/>", '<a href="https://x/">https://x/</a>'),
        ("<javascript:alert(1)|x>", "<a >x</a>"),
        ('<https://x/" onclick="y|x>', '<a href="https://x/&quot; onclick=&quot;y">x</a>'),
    ],
)
def test_mrkdwn_is_shown_as_slack_shows_it(written, expected):
    assert shown(written) == expected


def test_plain_text_is_shown_as_it_stands():
    assert shown("*x* <b> & <https://x>", "plain_text") == "*x* &lt;b&gt; &amp; &lt;https://x&gt;"


def test_odd_colours_titles_and_blocks_become_no_markup():
    whole = page(
        {
            "text": "</title><script>",
            "blocks": [{"type": "<script>"}],
            "attachments": [{"color": '"><script>', "blocks": [{"type": "divider"}]}],
        },
        app="<script>",
    )
    assert "<script" not in whole
    assert "<hr>" in whole
