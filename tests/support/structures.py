"""The structure of a rendered message, as a parser of its format reads it, without its texts.

Two messages of one alert that differ in the texts of its event only must have one structure. Each
judge reads the format by a parser that is not ours where there is one: Python's e-mail and HTML
parsers, markdown-it for Markdown, msgspec for JSON. Slack and Rocket.Chat publish no parser; theirs
are models of the documented syntax.
"""

import email
import email.policy
import html
import re
from collections.abc import Callable, Hashable
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import msgspec
from markdown_it import MarkdownIt

Structure = Hashable
Judge = Callable[[Any], Structure]


class _Markup(HTMLParser):
    """Collects all but the text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.found.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.found.append(("instruction", data))

    def unknown_decl(self, data: str) -> None:
        self.found.append(("unknown", data))


def markup(page: str) -> Structure:
    """Return the tags of an HTML page with their attributes, and its comments."""
    parser = _Markup()
    parser.feed(page)
    parser.close()
    return tuple(parser.found)


def tags(page: str) -> Structure:
    """Return the tags of an HTML page and the names of their attributes."""
    parser = _Markup()
    parser.feed(page)
    parser.close()
    return tuple(
        (each[0], tuple(name for name, _ in each[1])) if isinstance(each, tuple) else each
        for each in parser.found
    )


# A delimiter formats what it encloses, at the borders of words. Source: Slack, "Formatting text".
_RUNS: Final = (
    re.compile(r"```.*?```", re.DOTALL),
    re.compile(r"`[^`\n]+`"),
    re.compile(r"(?<!\w)\*(?=\S)[^*\n]*(?<=\S)\*(?!\w)"),
    re.compile(r"(?<!\w)_(?=\S)[^_\n]*(?<=\S)_(?!\w)"),
    re.compile(r"(?<!\w)~(?=\S)[^~\n]*(?<=\S)~(?!\w)"),
)
_LINE_START: Final = re.compile(r"^(?:>|&gt;)", re.MULTILINE)


def mrkdwn(text: str) -> Structure:
    """Return what Slack makes of a text besides letters: ``<…>`` and formatted runs."""
    special = re.findall(r"<[^<>]*>?|>", text)
    runs = [(number, len(each.findall(text))) for number, each in enumerate(_RUNS)]
    return tuple(special), tuple(runs), len(_LINE_START.findall(text))


_MARKDOWN: Final = MarkdownIt("gfm-like", {"linkify": False})


def markdown(text: str) -> Structure:
    """Return the tokens of GitHub-flavoured Markdown, and the mentions that chat servers know."""
    found: list[Structure] = []
    for token in _MARKDOWN.parse(text):
        found += [
            (each.type, each.tag, tuple(sorted(each.attrs.items())))
            for each in (token, *(token.children or ()))
            if each.type not in {"text", "text_special"}
        ]
    return tuple(found), tuple(re.findall(r"@\w+|<[@!#][^>]*>|<https?:", text))


def json_form(content: bytes | str | dict[str, Any]) -> Structure:
    """Return the keys and types of JSON, its numbers, and no text."""
    value = content if isinstance(content, dict) else msgspec.json.decode(content)
    return _form(value)


def _form(value: Any) -> Structure:
    if isinstance(value, dict):
        return tuple((name, _form(each)) for name, each in value.items())
    if isinstance(value, list):
        return ("list", *map(_form, value))
    return "text" if isinstance(value, str) else repr(value)


def slack_message(message: dict[str, Any]) -> Structure:
    """Return the form of a Block Kit message, and what Slack makes of each of its texts."""
    return json_form(message), _texts(message, mrkdwn, plain_types=frozenset({"plain_text"}))


def chat_message(message: dict[str, Any]) -> Structure:
    """Return the form of a message for Mattermost or Rocket.Chat, with the Markdown of its texts."""
    return json_form(message), _texts(message, markdown)


def card(message: dict[str, Any]) -> Structure:
    """Return the form of an Adaptive Card, with the Markdown of its texts."""
    return json_form(message), _texts(message, markdown, plain_types=frozenset({"TextRun"}))


def _texts(value: Any, judge: Judge, *, plain_types: frozenset[str] = frozenset()) -> Structure:
    """Return what a judge says of each text in JSON, but for those of objects of plain types."""
    if isinstance(value, dict):
        if value.get("type") in plain_types:
            return ()
        return tuple(_texts(each, judge, plain_types=plain_types) for each in value.values())
    if isinstance(value, list):
        return tuple(_texts(each, judge, plain_types=plain_types) for each in value)
    return judge(value) if isinstance(value, str) else ()


_LIMIT: Final = 998
"""Bytes of a line of a mail. Source: RFC 5322, section 2.1.1."""


def mail(content: bytes) -> Structure:
    """Return the header names of a mail in order, its types and its parts, with the HTML's markup."""
    head, separator, _ = content.partition(b"\r\n\r\n")
    assert separator, "a mail without an empty line"
    lines = content.split(b"\r\n")
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    loose = [line for line in lines if b"\r" in line or b"\n" in line or b"\0" in line]
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    parts: list[Structure] = []
    for part in parsed.walk():
        named = tuple(name for name, _ in part.items())
        shown: Structure = ()
        if part.get_content_type() == "text/html":
            shown = markup(part.get_content())
        parts.append((part.get_content_type(), part.get_content_charset(), named, shown))
    subject = str(parsed["subject"])
    addresses = tuple(
        (name, tuple(str(each) for each in parsed[name].addresses))
        for name in ("from", "to", "cc", "reply-to")
        if parsed[name] is not None
    )
    is_long = any(len(line) > _LIMIT for line in lines)
    return (
        tuple(names),
        len(loose),
        is_long,
        tuple(parts),
        addresses,
        subject.splitlines()[1:] == [],
    )


def url(text: str) -> Structure:
    """Return the parts of a URL: the origin, how many segments, the names in the query."""
    parts = urlsplit(text)
    names = tuple(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return parts.scheme, parts.netloc, parts.path.count("/"), names, parts.fragment, text.isascii()


def form(text: str) -> Structure:
    """Return the names of a form's fields."""
    names = tuple(name for name, _ in parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    return names, text.isascii()


def headers_value(text: str) -> Structure:
    """Return whether a text is one value of an HTTP header. Source: RFC 9110, section 5.5."""
    return re.fullmatch(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?", text) is not None


def xml(text: str) -> Structure:
    """Return the elements of XML and the names of their attributes."""
    root = ET.fromstring(text)  # noqa: S314 - our own text, without a document type
    return tuple((each.tag, tuple(each.attrib)) for each in root.iter())


def one_line(text: str) -> Structure:
    """Return whether a text is one line that moves no cursor."""
    return len(text.splitlines()), bool(
        re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
    )


def log_line(text: str) -> Structure:
    """Return the keys of a log line in JSON, which is one line."""
    return one_line(text), tuple(msgspec.json.decode(text))


def plain(text: str) -> Structure:
    """Return what a terminal or a text message makes of a text besides letters: its lines."""
    controls = re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
    return len(text.split("\n")), tuple(controls)


def unescaped(text: str) -> str:
    """Return a text of HTML or of Slack without entities."""
    return html.unescape(text)
