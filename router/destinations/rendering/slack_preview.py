"""A Block Kit message as an HTML page that looks as in Slack, for previews (pure).

The page loads nothing. It knows the blocks and elements that ``slack_blocks`` makes; of any other
it shows the type.
"""

import html
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

_PAGE: Final = (
    files("router.destinations.rendering").joinpath("slack_preview.html").read_text("utf-8")
)
LINK: Final = re.compile(r"<([^<>]*)>")
BOLD: Final = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+)(?<=\S)\*(?![\w*])")
_ITALIC: Final = re.compile(r"(?<![\w_])_(?=\S)([^_\n]+)(?<=\S)_(?![\w_])")
_CODE: Final = re.compile(r"`([^`\n]+)`")
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")

Block = Mapping[str, Any]


def page(message: Mapping[str, Any], *, app: str = "Event router") -> str:
    """Return the page of a message. No text of the message becomes markup or a script."""
    parts = [_block(block) for block in message.get("blocks", [])]
    for attachment in message.get("attachments", []):
        inside = "\n".join(_block(block) for block in attachment.get("blocks", []))
        colour = str(attachment.get("color", ""))
        bar = colour if _COLOUR.fullmatch(colour) else "#dddddd"
        parts.append(
            f'<div class="attachment"><div class="bar" style="background:{bar}"></div>'
            f'<div class="inside">{inside}</div></div>'
        )
    title = html.escape(plain(str(message.get("text", ""))))
    return (
        _PAGE.replace("{{title}}", title)
        .replace("{{app}}", html.escape(app))
        .replace("{{message}}", "\n".join(parts))
    )


def _block(block: Block) -> str:
    make = _BLOCKS.get(str(block.get("type")), _unknown)
    return make(block)


def _header(block: Block) -> str:
    return f'<div class="header">{_text(block["text"])}</div>'


def _section(block: Block) -> str:
    parts = []
    if "text" in block:
        parts.append(f'<div class="section">{_text(block["text"])}</div>')
    if "fields" in block:
        fields = "".join(f"<div>{_text(field)}</div>" for field in block["fields"])
        parts.append(f'<div class="fields">{fields}</div>')
    return "".join(parts)


def _context(block: Block) -> str:
    inside = " ".join(f"<span>{_text(element)}</span>" for element in block["elements"])
    return f'<div class="context">{inside}</div>'


def _actions(block: Block) -> str:
    return f'<div class="actions">{"".join(map(_button, block["elements"]))}</div>'


def _button(element: Block) -> str:
    label = _text(element["text"])
    return f'<a class="button" {_href(str(element.get("url", "")))}>{label}</a>'


def _divider(_block: Block) -> str:
    return "<hr>"


def _unknown(block: Block) -> str:
    return f'<div class="context">({html.escape(str(block.get("type")))})</div>'


_BLOCKS: Final[Mapping[str, Callable[[Block], str]]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}


def _text(text: Mapping[str, Any]) -> str:
    written = str(text.get("text", ""))
    if text.get("type") != "mrkdwn":
        return html.escape(written)
    pieces = []
    end = 0
    for found in LINK.finditer(written):
        pieces += [_formatted(written[end : found.start()]), _reference(found[1])]
        end = found.end()
    pieces.append(_formatted(written[end:]))
    return "".join(pieces)


def _formatted(written: str) -> str:
    text = html.escape(plain(written))
    for pattern, tag in ((_CODE, "code"), (BOLD, "b"), (_ITALIC, "i")):
        text = pattern.sub(rf"<{tag}>\1</{tag}>", text)
    return text.replace("\n", "<br>")


def parts_of_reference(inside: str) -> tuple[str | None, str]:
    """Return the URL and the text of a mrkdwn reference, ``<…>``; the URL of a mention is None."""
    target, _, label = inside.partition("|")
    if target[:1] in {"!", "@", "#"}:
        return None, f"{'#' if target[0] == '#' else '@'}{label or target[1:]}"
    return target, label or target


def _reference(inside: str) -> str:
    """Return the HTML of a mrkdwn reference: a link or a mention."""
    url, text = parts_of_reference(inside)
    shown = html.escape(plain(text))
    if url is None:
        return f'<span class="mention">{shown}</span>'
    return f"<a {_href(plain(url))}>{shown}</a>"


def _href(url: str) -> str:
    return (
        f'href="{html.escape(url)}"' if url.startswith(("https://", "http://", "mailto:")) else ""
    )


def plain(written: str) -> str:
    """Replace mrkdwn's three entities by their characters."""
    return written.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
