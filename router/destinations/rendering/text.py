"""Text from outside made safe to show: one line, no deceptive characters, limited length (pure)."""

import re
from typing import Final

# Control characters, line separators, lone surrogates (no encoding can write them), the two that XML
# forbids besides, and the marks that change the direction of writing, which can make a text look like
# another one.
_UNSAFE: Final = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]+"
)
_HALF_ENTITY: Final = re.compile(r"&[#\w]{0,6}\Z")
_ELLIPSIS: Final = "…"


def clean(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, each run of unsafe ones as one space."""
    # Nearly all texts are printable, and this check is faster than the search.
    if text.isprintable():
        return cut(text, limit)
    # Cut before the search, so that a long text costs no more than a short one.
    return cut(_UNSAFE.sub(" ", text[: 4 * limit]), limit)


def one_line(text: str, limit: int) -> str:
    """Return ``clean(text, limit)`` without spaces at the ends."""
    return clean(text.strip(), limit).strip()


def cut(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, the last an ellipsis if some are left out.

    An entity (``&amp;``) is left out as a whole, because readers would see half of one as text.
    """
    if len(text) <= limit:
        return text
    head = text[: limit - len(_ELLIPSIS)]
    return _HALF_ENTITY.sub("", head).rstrip() + _ELLIPSIS
