"""Quantities as people read them: numbers, durations, sizes, shares (pure)."""

import math
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def number(value: float) -> str:
    """Return a number with commas between thousands; a fraction has one digit below 100."""
    if abs(value) < 100 and value != int(value):
        return f"{value:.1f}" if abs(value) >= 0.1 else f"{value:.2f}"
    return f"{value:,.0f}"


def counted(amount: int, singular: str, plural: str = "") -> str:
    """Return an amount with its noun: ``1 delivery``, ``12 deliveries``."""
    return f"{number(amount)} {singular if amount == 1 else plural or singular + 's'}"


def size(value: int) -> str:
    """Return a number of bytes in the unit that fits: ``512 B``, ``1.5 KiB``, ``64 MiB``."""
    for unit_bytes, unit in _SIZES:
        if value >= unit_bytes:
            amount = value / unit_bytes
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{value} B"


def share(ratio: float) -> str:
    """Return a share: ``65 %``."""
    return f"{100 * ratio:.0f} %"


def duration(seconds: float | None) -> str:
    """Return a duration in one or two units: ``82 ms``, ``4.2 s``, ``5 min``, ``1 h 20 m``."""
    if seconds is None or math.isnan(seconds):
        return ""
    if seconds < _MINUTE:
        return _below_a_minute(max(seconds, 0.0))
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < _DAY:
        return _two(seconds, (_HOUR, "h"), (_MINUTE, "m"))
    if seconds < 100 * _DAY:
        return _two(seconds, (_DAY, "d"), (_HOUR, "h"))
    return f"{int(seconds // _DAY)} d"


def _below_a_minute(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _two(seconds: float, large: tuple[int, str], small: tuple[int, str]) -> str:
    first, rest = divmod(int(seconds), large[0])
    second = rest // small[0]
    return f"{first} {large[1]} {second} {small[1]}" if second else f"{first} {large[1]}"


def milliseconds(seconds: float) -> str:
    """Return a short time: ``0.3 ms``."""
    value = 1000 * seconds
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
