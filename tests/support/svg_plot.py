"""Line charts as SVG, one below the other, for figures that no package draws in the tests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

import msgspec

_WIDTH: Final = 900
_HEIGHT: Final = 170
_LEFT: Final = 70
_RIGHT: Final = 150
_TOP: Final = 28
_BOTTOM: Final = 26
_COLORS: Final = ("#2a7d4f", "#b3402e", "#2d5fa6", "#a8761d", "#6b4a9a", "#555555")

Points = Sequence[tuple[float, float]]


class Chart(msgspec.Struct, kw_only=True):
    """Lines over minutes. ``marks`` are moments with a name, drawn as vertical lines."""

    title: str
    lines: Mapping[str, Points]
    marks: Sequence[tuple[float, str]] = ()


def svg(charts: Sequence[Chart], *, minutes: float) -> str:
    """Return all charts as one picture, each from 0 to ``minutes``."""
    height = len(charts) * _HEIGHT
    parts = [part for place, chart in enumerate(charts) for part in _chart(chart, place, minutes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="11">'
        '<rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n"
    )


def _chart(chart: Chart, place: int, minutes: float) -> Iterator[str]:
    top, bottom = place * _HEIGHT + _TOP, (place + 1) * _HEIGHT - _BOTTOM
    right = _WIDTH - _RIGHT
    largest = max((y for line in chart.lines.values() for _, y in line), default=0.0) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (right - _LEFT) * x / minutes,
            bottom - (bottom - top) * y / largest,
        )

    yield f'<text x="{_LEFT}" y="{top - 10}" font-weight="bold">{escape(chart.title)}</text>'
    yield f'<path d="M{_LEFT},{top}V{bottom}H{right}" fill="none" stroke="#888"/>'
    yield f'<text x="{_LEFT - 6}" y="{top + 4}" text-anchor="end">{largest:.4g}</text>'
    yield f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
    yield f'<text x="{right}" y="{bottom + 14}" text-anchor="end">{minutes:.3g} min</text>'
    for minute, name in chart.marks:
        x, _ = at(minute, 0)
        yield f'<path d="M{x:.1f},{top}V{bottom}" stroke="#ccc" stroke-dasharray="3 3"/>'
        yield f'<text x="{x + 2:.1f}" y="{top + 8}" font-size="8" fill="#999">{escape(name)}</text>'
    for number, (name, line) in enumerate(chart.lines.items()):
        color = _COLORS[number % len(_COLORS)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.3"/>'
        y = top + 12 + 14 * number
        yield f'<text x="{right + 10}" y="{y}" fill="{color}">{escape(name)}</text>'
