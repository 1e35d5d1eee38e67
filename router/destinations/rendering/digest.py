"""A digest: one mail for all alerts of a window of time (pure).

Alerts are grouped by rule, the most severe rules first, the resolved alerts last. A limited number
of each rule is listed, so that the mail stays readable; the others are counted.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.resources import files
from typing import Final

import msgspec

from router.alerts import Alert, AlertStatus, Delivery, Severity
from router.datatypes import Duration
from router.destinations.contract import Links
from router.destinations.rendering.life import ending
from router.destinations.rendering.notes import notes, status_line
from router.destinations.rendering.templates import TemplateTarget, render

LIMIT: Final = 1000
"""Alerts of one mail; more alerts make another mail."""
ROWS_LIMIT: Final = 20
"""Listed alerts of one rule."""
SECTIONS_LIMIT: Final = 20
"""Listed rules."""

# Rendered in three parts, because the limit on a rendering's length applies to each.
_HEAD, _SECTION, _FOOT = (
    files("router.destinations.rendering")
    .joinpath("digest.html.jinja")
    .read_text("utf-8")
    .split("<!-- section -->\n")
)
_MIN_WINDOW: Final = 60.0
_MAX_WINDOW: Final = 7 * 86400.0
_RANKS: Final = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_ENDS: Final = {AlertStatus.ACKNOWLEDGED: 3, AlertStatus.RESOLVED: 4}


class DigestConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The windows of a digest. They are aligned to midnight UTC, shifted by ``offset``."""

    every: Duration
    """The length of a window, from 1m to 7d."""
    offset: Duration = Duration(0)
    """The time by which windows begin after midnight UTC, less than ``every``."""

    def __post_init__(self) -> None:
        if not _MIN_WINDOW <= self.every <= _MAX_WINDOW:
            raise ValueError("every must be from 1m to 7d")
        if not 0 <= self.offset < self.every:
            raise ValueError("offset must be shorter than every")

    def end(self, now: float) -> float:
        """Return the end of the window that contains ``now`` (both Unix time in seconds)."""
        return float((math.floor((now - self.offset) / self.every) + 1) * self.every + self.offset)


class DigestEntry(msgspec.Struct, frozen=True):
    """One alert of a digest."""

    delivery: Delivery
    summary: str
    """Plain text."""
    links: Links


class _Row(msgspec.Struct, frozen=True):
    time: str
    summary: str
    note: str
    url: str
    delivery: str


class _Section(msgspec.Struct, frozen=True):
    rule: str
    word: str
    colour: str
    count: int
    rows: tuple[_Row, ...]
    more: int


class Digest(msgspec.Struct, frozen=True):
    """The content of the mail."""

    mail_id: str
    """The same for the same deliveries."""
    subject: str
    text: str
    html: str
    at: float
    """Unix time in seconds of the last alert."""
    urgent: bool
    """Whether it contains a critical alert that is not resolved."""


def digest(entries: Sequence[DigestEntry]) -> Digest:
    """Return the mail about one or more alerts."""
    alerts = [each.delivery.alert for each in entries]
    sections = _sections(entries)
    title = _title(alerts)
    first, last = (pick(alert.raised_at for alert in alerts) for pick in (min, max))
    span = f"{_minute(first)} to {_minute(last)} UTC"
    return Digest(
        mail_id=_mail_id([each.delivery.id for each in entries]),
        subject=title,
        text=_text(title, span, sections),
        html=_html(title, span, sections),
        at=last,
        urgent=any(_is_urgent(alert) for alert in alerts),
    )


def _title(alerts: Sequence[Alert]) -> str:
    counts = dict.fromkeys(("critical", "warning", "info", "acknowledged", "resolved"), 0)
    for alert in alerts:
        counts[status_line(alert).word] += 1
    kinds = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{len(alerts)} alert{'s' if len(alerts) > 1 else ''}: {kinds}"


def _sections(entries: Sequence[DigestEntry]) -> list[_Section]:
    by_rule: dict[tuple[int, str, str], list[DigestEntry]] = {}
    for each in entries:
        alert = each.delivery.alert
        rank = _ENDS.get(alert.status, _RANKS[alert.severity])
        by_rule.setdefault((rank, alert.rule, status_line(alert).word), []).append(each)
    return [_section(by_rule[key]) for key in sorted(by_rule)]


def _section(entries: Sequence[DigestEntry]) -> _Section:
    in_order = sorted(entries, key=lambda each: each.delivery.alert.raised_at)
    status = status_line(in_order[0].delivery.alert)
    rows = tuple(_row(each) for each in in_order[:ROWS_LIMIT])
    rule = in_order[0].delivery.alert.rule
    return _Section(rule, status.word, status.colour, len(entries), rows, len(entries) - len(rows))


def _row(each: DigestEntry) -> _Row:
    alert = each.delivery.alert
    is_resolved = alert.status is AlertStatus.RESOLVED
    return _Row(
        f"{datetime.fromtimestamp(alert.raised_at, UTC):%d %b %H:%M}",
        each.summary,
        (ending(alert) if alert.since else "") if is_resolved else " ".join(notes(alert)),
        each.links.show,
        each.delivery.id,
    )


def _text(title: str, span: str, sections: Sequence[_Section]) -> str:
    parts = [f"{title}\n{span}"]
    for section in sections[:SECTIONS_LIMIT]:
        lines = [f"{section.word.upper()} {section.rule} ({section.count})"]
        for row in section.rows:
            lines.append(f"  {row.time}  {row.summary}  [{row.delivery}]")
            lines += [f"            {more}" for more in (row.note, row.url) if more]
        if section.more:
            lines.append(f"  and {section.more} more")
        parts.append("\n".join(lines))
    left = len(sections) - SECTIONS_LIMIT
    if left > 0:
        parts.append(f"and alerts of {left} more rules")
    return "\n\n".join(parts) + "\n"


def _html(title: str, span: str, sections: Sequence[_Section]) -> str:
    left = len(sections) - SECTIONS_LIMIT
    shown = {"title": title, "span": span, "colour": sections[0].colour, "left": max(0, left)}
    middle = [
        render(_SECTION, {"data": msgspec.to_builtins(section)}, TemplateTarget.HTML)
        for section in sections[:SECTIONS_LIMIT]
    ]
    ends = [render(part, {"data": shown}, TemplateTarget.HTML) for part in (_HEAD, _FOOT)]
    return "".join([ends[0], *middle, ends[1]])


def _is_urgent(alert: Alert) -> bool:
    return alert.severity is Severity.CRITICAL and alert.status is AlertStatus.FIRING


def _mail_id(ids: Sequence[str]) -> str:
    return f"digest_{blake2b(' '.join(sorted(ids)).encode(), digest_size=12).hexdigest()}"


def _minute(unix_time: float) -> str:
    return f"{datetime.fromtimestamp(unix_time, UTC):%Y-%m-%d %H:%M}"
