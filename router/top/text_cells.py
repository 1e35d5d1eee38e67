"""Text in columns of a terminal (pure)."""

from collections.abc import Sequence
from typing import Final

from router.printable import columns_of, one_printable_line

_BARS: Final = "▁▂▃▄▅▆▇█"
_CUT: Final = "…"


def shortened_to(text: str, width: int) -> str:
    """Return a text on one line that takes ``width`` columns at most; control characters are escaped."""
    text = one_printable_line(text)
    if columns_of(text) <= width:
        return text
    if width < 1:
        return ""
    taken, kept = 1, []
    for character in text:
        taken += columns_of(character)
        if taken > width:
            break
        kept.append(character)
    return "".join(kept) + _CUT


def left(text: str, width: int) -> str:
    """Return a text that takes ``width`` columns, filled up at its end."""
    text = shortened_to(text, width)
    return text + " " * (width - columns_of(text))


def right(text: str, width: int) -> str:
    """Return a text that takes ``width`` columns, filled up at its beginning."""
    text = shortened_to(text, width)
    return " " * (width - columns_of(text)) + text


def sparkline_text(values: Sequence[float], width: int) -> str:
    """Return the last ``width`` values as bars of one line; the highest one is full."""
    shown = values[-width:] if width > 0 else ()
    highest = max([1e-9, *shown])
    # Anything above 0 is drawn higher than 0.
    tallest = len(_BARS) - 1
    steps = (0 if value <= 0 else max(1, round(tallest * value / highest)) for value in shown)
    return "".join(_BARS[step] for step in steps)
