"""Text from senders and receivers as it may stand in a log line or on a terminal.

A terminal obeys control characters: ESC begins a command, BEL rings, CR overwrites the line. U+2028
starts a line in some viewers, and the bidirectional controls show text in an order that it does not
have. All of them are written as escapes.

Source: Unicode Standard Annex 9, section 2; Trojan Source (CVE-2021-42574); CWE-117 and CWE-150.
"""

import re
import unicodedata
from typing import Final

_UNPRINTABLE: Final = (
    r"\x00-\x1f\x7f-\x9f"  # C0 and C1 controls
    r"\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # format controls
    r"\ud800-\udfff"  # lone surrogates, which no encoding has
    r"\U000e0000-\U000e007f"  # tags, which are invisible
)
_ANY: Final = re.compile(f"[{_UNPRINTABLE}]")
_IN_LINES: Final = re.compile(f"(?![\n\t])[{_UNPRINTABLE}]")
_NAMED: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def one_printable_line(text: str) -> str:
    """Return ``text`` with its control and format characters as escapes, line ends included."""
    return text if text.isascii() and text.isprintable() else _ANY.sub(_escape, text)


def printable_lines(text: str) -> str:
    """Return ``text`` with its control and format characters as escapes, except LF and tab."""
    return _IN_LINES.sub(_escape, text)


def printable_json(text: str) -> str:
    """Return JSON with its control and format characters as JSON escapes, except LF.

    Args:
        text: JSON, in which such characters stand within strings only.
    """
    is_plain = text.isascii() and "\x7f" not in text  # the one control character that JSON leaves
    return text if is_plain else _IN_LINES.sub(_json_escape, text)


def shortened(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, and how many are missing."""
    missing = len(text) - limit
    return text if missing <= 0 else f"{text[:limit]}… ({missing} more characters)"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _json_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def columns_of(text: str) -> int:
    """Return the columns that a terminal uses for a text without control characters.

    East Asian characters take two, combining ones none.
    """
    return len(text) if text.isascii() else sum(map(_columns_of_character, text))


def _columns_of_character(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
