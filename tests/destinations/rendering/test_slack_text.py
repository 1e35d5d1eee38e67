"""A message as text: it reads as in Slack, without its markup."""

import pytest

from router.destinations.rendering.slack_text import as_text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("*Rule* is `x`", "Rule is `x`"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("&lt;b&gt; &amp;amp;", "<b> &amp;"),
        ("<!here> <@U1> <#C1|ops>", "@here @U1 #ops"),
        ("<https://x/?a=1&amp;b=2|the call>", "the call (https://x/?a=1&b=2)"),
        ("<https://x/>", "https://x/"),
    ],
)
def test_mrkdwn_is_read_as_slack_shows_it(written: str, expected: str) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": written}}
    assert as_text({"blocks": [block]}) == expected


def test_each_block_has_its_lines() -> None:
    plain = {"type": "plain_text", "text": "*Title* <https://x|y>"}
    fields = [{"type": "mrkdwn", "text": text} for text in ("*Rule*\nloud", "*Severity*\na\nb")]
    button = {"text": {"type": "plain_text", "text": "Acknowledge"}, "url": "https://x/a"}
    attached = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "one\ntwo"}, "fields": fields},
        {"type": "actions", "elements": [button]},
        {"type": "divider"},
        {"type": "context", "elements": [plain, plain]},
        {"type": "video"},
    ]
    message = {"blocks": [{"type": "header", "text": plain}], "attachments": [{"blocks": attached}]}

    assert as_text(message).splitlines() == [
        "*Title* <https://x|y>",
        "┃ one",
        "┃ two",
        "┃ Rule      loud",
        "┃ Severity  a b",
        "┃ [Acknowledge] https://x/a",
        "┃ ───",
        "┃ *Title* <https://x|y> *Title* <https://x|y>",
        "┃ (video)",
    ]
