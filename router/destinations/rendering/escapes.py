"""Event text escaped for chat formats, so that it is shown as text and formats nothing (pure).

Sources: Slack, "Formatting message text" (the three characters to escape, and the delimiters);
Mattermost, "Formatting messages using Markdown" and "Incoming webhooks" (Slack's ``<…>`` forms are
read); Rocket.Chat, "Format messages" and its grammar of messages (characters that a backslash
escapes); HTML Living Standard, "Tokenization" (what begins a tag or a character reference).
"""

import html
import re
from typing import Final

_ZERO_WIDTH_SPACE: Final = "\u200b"
# Slack has no escape for its delimiters, so they are replaced by letters that look alike.
_LOOKALIKES: Final = {"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"}
# A delimiter opens before, and closes after, a text that it borders on without a space.
_DELIMITER: Final = {
    char: re.compile(rf"(?<!\w){re.escape(char)}(?=\S)|(?<=\S){re.escape(char)}(?!\w)")
    for char in "*_~"
} | {"`": re.compile("`")}
_MARKDOWN: Final = re.compile(r"[\\*_~`#|]")
_MARKDOWN_MENTIONS: Final = re.compile(r"@|<|&(?=[A-Za-z#])|\](?=[(\[:])|!(?=\[)")
_HTML: Final = re.compile(r"<(?=[A-Za-z/!?])|&(?=[A-Za-z#])")
_QUOTE: Final = re.compile(r"^(\s*)([>+-]|\d{1,9}[.)])", re.MULTILINE)


def slack_mrkdwn(text: str) -> str:
    """Return ``text`` for Slack's mrkdwn: no mention, no link, no formatting.

    ``&``, ``<`` and ``>`` become entities. A delimiter of formatting (``*_~`` and the backtick) is
    replaced where it may open or close, so that ids keep their underscores; also a single one,
    because another text of the same message may have the other one.
    """
    for char, lookalike in _LOOKALIKES.items():
        if char in text:
            text = _DELIMITER[char].sub(lookalike, text)
    return html.escape(text, quote=False)


def markdown(text: str) -> str:
    """Return ``text`` for the Markdown of Mattermost and Rocket.Chat, as ``slack_mrkdwn`` does.

    A zero-width space separates what has no escape: mentions, links and Slack's ``<…>``.
    """
    text = _MARKDOWN.sub(r"\\\g<0>", text)
    text = _QUOTE.sub(rf"\1{_ZERO_WIDTH_SPACE}\2", text)
    return _MARKDOWN_MENTIONS.sub(lambda found: found[0] + _ZERO_WIDTH_SPACE, text)


def html_lines(text: str) -> str:
    """Return ``text`` as HTML that shows it, line by line."""
    return html.escape(text).replace("\n", "<br/>\n")


def inert_html(text: str) -> str:
    """Return ``text`` without HTML, for services that may read it as such or show it as it is.

    An entity would be shown as it is in a text message, so a zero-width space breaks what would be
    a tag or an entity.
    """
    return _HTML.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", text)
