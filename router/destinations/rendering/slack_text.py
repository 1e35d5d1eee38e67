"""A Block Kit message as text that reads in a terminal as the message does in Slack (pure).

It knows the blocks and elements that ``slack_blocks`` makes; of any other it has the type.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from router.destinations.rendering.slack_preview import (
    BOLD,
    LINK,
    parts_of_reference,
    plain,
)

_BAR: Final = "┃ "
"""Stands before each line of an attachment, as its coloured bar does in Slack."""

Block = Mapping[str, Any]


def as_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message. Control characters of events are still in it."""
    lines = [line for block in message.get("blocks", []) for line in _block(block)]
    for attachment in message.get("attachments", []):
        for block in attachment.get("blocks", []):
            lines += [f"{_BAR}{line}" for line in _block(block)]
    return "\n".join(lines)


def _block(block: Block) -> Iterator[str]:
    make = _BLOCKS.get(str(block.get("type")), _unknown)
    return make(block)


def _header(block: Block) -> Iterator[str]:
    yield from _text(block["text"]).splitlines()


def _section(block: Block) -> Iterator[str]:
    if "text" in block:
        yield from _text(block["text"]).splitlines()
    pairs = [_text(field).partition("\n") for field in block.get("fields", [])]
    width = max((len(name) for name, _, _ in pairs), default=0)
    for name, _, value in pairs:
        yield f"{name:<{width}}  {' '.join(value.splitlines())}".rstrip()


def _context(block: Block) -> Iterator[str]:
    yield " ".join(" ".join(_text(element).splitlines()) for element in block["elements"])


def _actions(block: Block) -> Iterator[str]:
    for element in block["elements"]:
        url = str(element.get("url", ""))
        yield f"[{_text(element['text'])}] {url}".rstrip()


def _divider(_block: Block) -> Iterator[str]:
    yield "───"


def _unknown(block: Block) -> Iterator[str]:
    yield f"({block.get('type')})"


_BLOCKS: Final[Mapping[str, Callable[[Block], Iterator[str]]]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}


def _text(text: Mapping[str, Any]) -> str:
    written = str(text.get("text", ""))
    if text.get("type") != "mrkdwn":
        return written
    return plain(LINK.sub(_reference, BOLD.sub(r"\1", written)))


def _reference(found: re.Match[str]) -> str:
    url, text = parts_of_reference(found[1])
    return text if url in {None, text} else f"{text} ({url})"
