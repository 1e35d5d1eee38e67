"""The figures of a window, in the words of the store -> what an alert says of them.

A store returns figures as words, because Redis and Python must write a number in the same way:
what was measured, the window in ms, and the numbers. Alerts that are stored before their figures
are known have the words appended to them.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import Alert, Measurement, Member
from router.rules.state.chain import StoredAlert
from router.rules.state.feature import span_text
from router.rules.state.sketch import value_of
from router.timestamps import rfc3339_utc
from router.tracing.contexts import recorded

RATIO: Final = "ratio"
SPIKE: Final = "spike"
DISTINCT: Final = "distinct"
COUNT: Final = "count"
ROW: Final = "row"
FOLLOWS: Final = "follows"
SEEN_LAST: Final = "seen"
EXPECTED: Final = "expected"
MEMBERS: Final = "members"
"""The word before the members of an alert, which come after its figures."""
_SUMMARY_LIMIT: Final = 500
"""Characters of a member's summary."""
_decode_member: Final = msgspec.json.Decoder(Member).decode
ABOVE: Final = "above"


def measured(alert: Alert, words: Sequence[str]) -> Alert:
    """Return the alert with what was measured and kept, if something was."""
    if not words:
        return alert
    ends = words.index(MEMBERS) if MEMBERS in words else len(words)
    return msgspec.structs.replace(
        alert,
        measure=measurement(words[:ends]) if ends else None,
        members=tuple(map(_decode_member, words[ends + 1 :])),
    )


def member_text(alert: Alert, at: int, summary: str) -> str:
    """Return the event of an alert as a member of a later alert. ``at`` is its time, in Unix ms."""
    member = Member(
        id=alert.id,
        event_id=alert.event_id,
        raised_at=at / 1000,
        summary=summary[:_SUMMARY_LIMIT],
        trace=recorded(alert.trace),
    )
    return msgspec.json.encode(member).decode()


def restored(stored: StoredAlert) -> Alert:
    """Return a stored alert with what was measured for it."""
    return measured(stored.alert, stored.words)


def measurement(words: Sequence[str]) -> Measurement:
    """Return what words of a store say."""
    kind, within, *numbers = words
    span = span_text(int(within) / 1000)
    match kind:
        case "ratio":
            return _ratio(span, *map(int, numbers))
        case "spike":
            return _spike(span, *map(int, numbers))
        case "distinct":
            return _distinct(span, int(numbers[0]))
        case "count" | "row" | "follows":
            return _count(_COUNTS[kind], span, *map(int, numbers))
        case "seen" | "expected":
            return _moment(kind, int(within), int(numbers[0]))
        case _:
            return _statistic(kind, span, numbers)


def _statistic(kind: str, span: str, numbers: Sequence[str]) -> Measurement:
    if len(numbers) > 2:
        value, total = _percentile(*numbers), int(numbers[1])
    else:
        value, total = float(numbers[0]), int(numbers[1])
    events = "1 event" if total == 1 else f"{total} events"
    text = f"{kind} {number_text(value)} of {events} in the last {span}"
    return Measurement(value=value, total=total, text=text)


def _ratio(span: str, part: int, total: int) -> Measurement:
    value = part / total
    text = f"{part} of {total} in the last {span}, {100 * value:.1f} %"
    return Measurement(value=value, of=part, total=total, text=text)


def _spike(span: str, before: int, total: int) -> Measurement:
    value = total / max(1, before)
    text = f"{total} in the last {span}, {before} in the {span} before"
    if before:
        text += f", {number_text(value)} times as many"
    return Measurement(value=value, of=before, total=total, text=text)


def _distinct(span: str, count: int) -> Measurement:
    values = "1 value" if count == 1 else f"{count} different values"
    return Measurement(value=count, total=count, text=f"{values} within {span}")


_COUNTS: Final = {
    COUNT: "within",
    ROW: "in a row within",
    FOLLOWS: "before it, within",
}
"""Counts that no alert shows -> the words between the count and the span."""


def _count(words: str, span: str, count: int, at_least: int) -> Measurement:
    return Measurement(value=count, total=count, text=f"{count} of {at_least} {words} {span}")


def _moment(kind: str, span_ms: int, at_ms: int) -> Measurement:
    """Return when the last event was, or until when another one is awaited after it."""
    at = at_ms + (span_ms if kind == EXPECTED else 0)
    words = "waits until" if kind == EXPECTED else "seen last at"
    return Measurement(value=at / 1000, total=1, text=f"{words} {rfc3339_utc(at // 1000)}")


def _percentile(number: str, _total: str, side: str, limit: str) -> float:
    """Return the value of a bin, on the side of the limit on which the value itself is."""
    nearest = max if side == ABOVE else min
    return nearest(value_of(int(number)), float(limit))


def number_text(value: float) -> str:
    """Return a number for a reader: five digits, none after the point of a large one."""
    return f"{value:.0f}" if 10_000 <= abs(value) < 1e15 else f"{value:.5g}"
