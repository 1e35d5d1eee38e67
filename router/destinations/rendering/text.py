"""Text from strangers, made fit to be shown: one line, no tricks, not too long (pure)."""

import re
from typing import Final

# Control characters, line separators and lone surrogates (which no encoding can write), and the
# marks that turn the direction of writing, by which a text can show what it does not say.
_UNFIT: Final = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)
_HALF_ENTITY: Final = re.compile(r"&[#\w]{0,6}\Z")
_ELLIPSIS: Final = "…"


def clean(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``; each run of unfit characters becomes a space."""
    # Nearly all texts are fit, and this tells it without looking for what is not.
    if text.isprintable():
        return cut(text, limit)
    # Cut before the search, that a long text costs no more than a short one.
    return cut(_UNFIT.sub(" ", text[: 4 * limit]), limit)


def one_line(text: str, limit: int) -> str:
    """As clean, with no space at the ends."""
    return clean(text.strip(), limit).strip()


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, the last an ellipsis where some are left out.

    An entity (``&amp;``) is left out as a whole: half of one would be shown as it stands.
    """
    if len(text) <= limit:
        return text
    head = text[: limit - len(_ELLIPSIS)]
    return _HALF_ENTITY.sub("", head).rstrip() + _ELLIPSIS
