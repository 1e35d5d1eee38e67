"""Text in columns of a terminal: East Asian characters take two, combining ones none (pure)."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from router.printable import one_printable_line

_BARS: Final = "▁▂▃▄▅▆▇█"
_CUT: Final = "…"


def width_of(text: str) -> int:
    """Return the columns of a text."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def shortened_to(text: str, width: int) -> str:
    """Return a text on one line that takes ``width`` columns at most; control characters are escaped."""
    text = one_printable_line(text)
    if width_of(text) <= width:
        return text
    if width < 1:
        return ""
    taken, kept = 1, []
    for character in text:
        taken += _width(character)
        if taken > width:
            break
        kept.append(character)
    return "".join(kept) + _CUT


def left(text: str, width: int) -> str:
    """Return a text that takes ``width`` columns, filled up at its end."""
    text = shortened_to(text, width)
    return text + " " * (width - width_of(text))


def right(text: str, width: int) -> str:
    """Return a text that takes ``width`` columns, filled up at its beginning."""
    text = shortened_to(text, width)
    return " " * (width - width_of(text)) + text


def sparkline_text(values: Sequence[float], width: int) -> str:
    """Return the last ``width`` values as bars of one line; the highest one is full."""
    shown = values[-width:] if width > 0 else ()
    highest = max([1e-9, *shown])
    # Anything above 0 is drawn higher than 0.
    tallest = len(_BARS) - 1
    steps = (0 if value <= 0 else max(1, round(tallest * value / highest)) for value in shown)
    return "".join(_BARS[step] for step in steps)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
