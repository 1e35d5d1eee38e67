"""Draws a snapshot as lines of a terminal (pure).

A line is a sequence of pieces with a style each. No line is wider than the screen, and there are not more of
them than it has rows: destinations and alerts share what the rates leave, and the rest is counted.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from router.printable import columns_of
from router.quantities import duration, size
from router.timestamps import utc_second
from router.top.snapshot import FiringLine, Rates, TopDestination, TopSnapshot
from router.top.text_cells import left, right, shortened_to, sparkline_text

T = TypeVar("T")
_MIN_COLUMNS: Final = 40
_LABEL: Final = 13
_NARROWEST_RATE: Final = 6
_GAP: Final = "  "


class Style(enum.Enum):
    """The style of a piece: SGR parameters (ECMA-48, 8.3.117)."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    GOOD = "32"
    WARNING = "33"
    CRITICAL = "1;31"
    HEADING = "7"


class StyledText(msgspec.Struct, frozen=True):
    """Text in one style."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[StyledText, ...]


class ScreenSize(msgspec.Struct, frozen=True):
    """The size of a screen, in characters."""

    columns: int
    rows: int | None = None
    """None for as many as are needed."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    snapshot: TopSnapshot | None = None
    """The last one that could be read; None before the first one."""
    error: str = ""
    """Why Redis does not answer; ``""`` if it does."""
    interval: float = 2.0
    is_live: bool = True
    """Whether there is another snapshot after this one."""


def render(view: View, screen: ScreenSize) -> list[Line]:
    """Return the lines of a view."""
    columns = max(screen.columns, _MIN_COLUMNS)
    lines = [_heading(view, columns)]
    if view.error:
        lines += [_text(f"Redis does not answer: {view.error}", columns, Style.CRITICAL)]
        lines += [_text(f"tried again every {view.interval:g} s", columns, Style.DIM)]
    if view.snapshot is not None:
        lines += _body(view.snapshot, view, ScreenSize(columns, screen.rows), len(lines))
    lines = [_fitted(line, screen.columns) for line in lines]
    return lines if screen.rows is None else lines[: screen.rows]


def plain(lines: Iterable[Line]) -> str:
    """Return lines as text without styles."""
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)


def _body(of: TopSnapshot, view: View, screen: ScreenSize, used: int) -> list[Line]:
    columns = screen.columns
    head = [
        *([] if view.error else _state(of, columns)),
        (),
        *_rates(of, columns),
        (),
        _queues(of, columns),
        (),
    ]
    room = None if screen.rows is None else max(0, screen.rows - used - len(head))
    wanted = len(of.destinations) + 1
    # Alerts get what destinations leave, at least half of the rows.
    share = None if room is None else min(wanted, max(2, room // 2))
    destinations = _destinations(of.destinations, columns, share)
    rest = None if room is None else room - len(destinations) - 1
    return [*head, *destinations, (), *_firing(of, columns, rest)]


def _heading(view: View, columns: int) -> Line:
    parts = ["router top"]
    of = view.snapshot
    if of is not None:
        redis = of.redis
        parts.append(("as of " if view.error else "") + utc_second(of.at)[11:19] + " UTC")
        limit = f" of {size(redis.memory_limit_bytes)}" if redis.memory_limit_bytes else ""
        parts.append(f"Redis {1000 * redis.latency_seconds:.1f} ms")
        parts.append(f"{size(redis.memory_bytes)}{limit}")
        if abs(redis.clock_offset_seconds) >= 1:
            parts.append(f"clock off by {duration(abs(redis.clock_offset_seconds))}")
    keys = f"every {view.interval:g} s, q quits " if view.is_live else ""
    text = " " + " · ".join(parts)
    keys = keys if columns_of(text) + columns_of(keys) + 1 <= columns else ""
    return (StyledText(left(text, columns - columns_of(keys)) + keys, Style.HEADING),)


_OF_ATTENTION: Final = {
    "good": Style.GOOD,
    "unknown": Style.WARNING,
    "warning": Style.WARNING,
    "critical": Style.CRITICAL,
}


def _state(of: TopSnapshot, columns: int) -> list[Line]:
    lines = [_text(of.state, columns, _OF_ATTENTION.get(of.attention, Style.PLAIN))]
    if of.advice:
        lines.append(_text(of.advice, columns, Style.DIM))
    leftovers = [
        f"{count} {noun}"
        for count, noun in (
            (of.dead_letters, "dead letters"),
            (of.quarantined, "in quarantine"),
        )
        if count
    ]
    if leftovers:
        lines.append(_text(", ".join(leftovers), columns, Style.WARNING))
    return lines


_RATES: Final[Sequence[tuple[str, Callable[[Rates], float]]]] = (
    ("accepted", lambda of: of.accepted),
    ("filtered", lambda of: of.filtered),
    ("suppressed", lambda of: of.suppressed),
    ("matched", lambda of: of.matched),
    ("notified", lambda of: of.notified),
    ("delivered", lambda of: of.delivered),
    ("dead", lambda of: of.dead),
    ("duplicate", lambda of: of.duplicate),
    ("quarantined", lambda of: of.quarantined),
)
"""By importance: a narrow screen leaves out the last ones."""


def _rates(of: TopSnapshot, columns: int) -> list[Line]:
    shown = _rates_that_fit(columns - _LABEL)
    heading = left("per second", _LABEL) + "".join(right(name, width) for name, width, _ in shown)
    rows: list[Line] = [(StyledText(heading, Style.BOLD),)]
    for label, rates in (("now", of.rates), ("last minute", of.rates_of_minute)):
        if rates is None:
            continue
        text = left(label, _LABEL) + "".join(
            right(_rate(get(rates)), width) for _, width, get in shown
        )
        rows.append((StyledText(text),))
    width = columns - _LABEL
    for label, points in (("events in", of.accepted), ("deliveries", of.delivered)):
        bars = sparkline_text(points, width - len(_GAP) - 22)
        highest = f"{_GAP}15 min, up to {max(points, default=0) / 10:g}/s"
        rows.append(
            (
                StyledText(left(label, _LABEL)),
                StyledText(bars, Style.GOOD),
                StyledText(highest, Style.DIM),
            )
        )
    return rows


def _rates_that_fit(room: int) -> list[tuple[str, int, Callable[[Rates], float]]]:
    """Return the rates that have room, each with the width of its column."""
    fitting = []
    for name, get in _RATES:
        width = max(len(name), _NARROWEST_RATE) + len(_GAP)
        room -= width
        if room < 0:
            break
        fitting.append((name, width, get))
    return fitting


def _rate(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 0.1 else f"{value:.3f}"


def _queues(of: TopSnapshot, columns: int) -> Line:
    parts = []
    for each in of.queues:
        age = f", oldest {duration(each.oldest_age_seconds)}" if each.depth else ""
        parts.append(f"{each.name} {each.depth}{age}")
    return (
        StyledText(left("queues", _LABEL), Style.BOLD),
        StyledText(shortened_to(" · ".join(parts), columns - _LABEL)),
    )


_OF_HEALTH: Final = {
    "ok": Style.GOOD,
    "failing": Style.CRITICAL,
    "circuit open": Style.CRITICAL,
    "paused": Style.WARNING,
    "disabled": Style.WARNING,
}
_HEALTH: Final = 12
_NUMBER: Final = 8
_AGE: Final = 9


def _destinations(all_of: Sequence[TopDestination], columns: int, rows: int | None) -> list[Line]:
    if not all_of:
        return [_text("no destination is known", columns, Style.DIM)]
    names = max(len("destination"), *(columns_of(each.name) for each in all_of))
    name = min(names, max(11, columns // 4))
    rest = columns - name - _HEALTH - 3 * _NUMBER - _AGE - 3 * len(_GAP)
    heading = _GAP.join(
        (
            left("destination", name),
            left("health", _HEALTH),
            right("queue", _NUMBER)
            + right("oldest", _AGE)
            + right("sent/s", _NUMBER)
            + right("dead", _NUMBER),
            "" if rest < 10 else "reason",
        )
    )
    ranked = sorted(all_of, key=lambda each: (each.health == "ok", not each.pending, each.name))
    shown, more = _cut(ranked, None if rows is None else rows - 1)
    lines: list[Line] = [(StyledText(heading, Style.BOLD),)]
    lines += [_destination(each, name, rest) for each in shown]
    if more:
        lines.append(_text(f"… and {more} more", columns, Style.DIM))
    return lines


def _destination(of: TopDestination, name: int, rest: int) -> Line:
    age = duration(of.oldest_age_seconds) if of.pending else ""
    sent = "" if of.delivered_per_second is None else _rate(of.delivered_per_second)
    numbers = (
        right(str(of.pending), _NUMBER)
        + right(age, _AGE)
        + right(sent, _NUMBER)
        + right(str(of.dead), _NUMBER)
    )
    reason = left(of.reason, rest) if rest >= 10 else ""
    return (
        StyledText(left(of.name, name) + _GAP),
        StyledText(left(of.health, _HEALTH), _OF_HEALTH.get(of.health, Style.PLAIN)),
        StyledText(_GAP + numbers + _GAP),
        StyledText(reason, Style.DIM),
    )


_OF_SEVERITY: Final = {"critical": Style.CRITICAL, "warning": Style.WARNING}
_SEVERITY: Final = 8


def _firing(of: TopSnapshot, columns: int, rows: int | None) -> list[Line]:
    count = f"{of.firing_count}{'' if of.is_firing_complete else ' or more'}"
    taken = f", {of.acknowledged_count} acknowledged" if of.acknowledged_count else ""
    if not of.firing:
        return [_text("nothing fires", columns, Style.DIM)]
    lines = [_text(f"firing: {count}{taken}", columns, Style.BOLD)]
    shown, more = _cut(of.firing, None if rows is None else rows - 1)
    more += of.firing_count - len(of.firing)
    lines += [_alert(each, columns) for each in shown]
    if more:
        lines.append(_text(f"… and {more} more", columns, Style.DIM))
    return lines


def _alert(of: FiringLine, columns: int) -> Line:
    age = "" if of.age_seconds is None else duration(of.age_seconds)
    notes = [f"by {of.acknowledged_by}"] if of.acknowledged_by else []
    notes += [of.suppressed] if of.suppressed else []
    note = shortened_to(", ".join(notes), columns // 4)
    rest = columns - _SEVERITY - _AGE - 2 * len(_GAP) - (columns_of(note) + 2 if note else 0)
    text = f"{of.rule}: {of.summary}" if of.summary else of.rule
    return (
        StyledText(left(of.severity, _SEVERITY), _OF_SEVERITY.get(of.severity, Style.PLAIN)),
        StyledText(f"{_GAP}{right(age, _AGE)}{_GAP}"),
        StyledText(left(text, rest)),
        StyledText(f"{_GAP}{note}" if note else "", Style.DIM),
    )


def _cut(items: Sequence[T], rows: int | None) -> tuple[Sequence[T], int]:
    """Return the items that have a row, and how many have none: one row is for their number."""
    if rows is None or len(items) <= rows:
        return items, 0
    shown = items[: max(0, rows - 1)]
    return shown, len(items) - len(shown)


def _text(text: str, columns: int, style: Style) -> Line:
    return (StyledText(shortened_to(text, columns), style),)


def _fitted(line: Line, columns: int) -> Line:
    """Return a line without what a screen is too narrow for."""
    pieces, room = [], columns
    for piece in line:
        text = piece.text if columns_of(piece.text) <= room else shortened_to(piece.text, room)
        room -= columns_of(text)
        pieces.append(StyledText(text, piece.style))
    return tuple(pieces)
