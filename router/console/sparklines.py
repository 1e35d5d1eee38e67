"""Small plots as SVG, made on the server (pure).

Coordinates are attributes, because the content security policy allows no style attributes. The
plots have no axis: the last value stands as text beside them.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

_PADDING: Final = 2.0
"""Room for half the width of the line and for the point at its end."""


class Sparkline(msgspec.Struct, frozen=True, kw_only=True):
    """The coordinates of a plot."""

    width: int
    height: int
    line: str
    """The attribute ``points`` of a polyline; empty without values."""
    area: str
    """The attribute ``points`` of the polygon below the line."""
    last: tuple[float, float]
    """The point of the last value."""
    highest: float


def sparkline(
    values: Sequence[float], *, width: int = 120, height: int = 32, top: float = 0.0
) -> Sparkline:
    """Return the plot of values from left to right.

    Args:
        values: The values, oldest first; negative ones count as 0.
        width: Units of the SVG's view box.
        height: The same.
        top: The value at the upper edge, if no value is higher.
    """
    highest = max([top, *values, 0.0])
    scale = (height - 2 * _PADDING) / highest if highest > 0 else 0.0
    step = (width - 2 * _PADDING) / max(len(values) - 1, 1)
    points = [
        (_PADDING + index * step, height - _PADDING - max(value, 0.0) * scale)
        for index, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    base = f"{height - _PADDING:.1f}"
    area = f"{points[0][0]:.1f},{base} {line} {points[-1][0]:.1f},{base}" if points else ""
    return Sparkline(
        width=width,
        height=height,
        line=line,
        area=area,
        last=points[-1] if points else (width - _PADDING, height - _PADDING),
        highest=highest,
    )
