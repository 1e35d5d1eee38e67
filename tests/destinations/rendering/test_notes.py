"""The state of an alert in words, the same for all kinds."""

import msgspec
import pytest

from router.alerts import Alert, AlertId, AlertStatus, Measurement, Member, Severity
from router.destinations.rendering.notes import (
    MEMBER_LIMIT,
    MEMBERS_LIMIT,
    below_title,
    members,
    notes,
    status_line,
)
from router.destinations.rendering.templates import TemplateTarget

MEASURED = Measurement(value=41 / 512, of=41, total=512, text="41 of 512 in the last 10m, 8.0 %")
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def changed(alert: Alert, **values: object) -> Alert:
    return msgspec.structs.replace(alert, **values)


def member(number: int, summary: str = "Another one") -> Member:
    return Member(
        id=AlertId(f"al_{number}"),
        event_id=f"NO{number}",
        raised_at=1_700_000_000.0 + number,
        summary=summary,
    )


@pytest.mark.parametrize(
    ("severity", "status", "expected"),
    [
        (Severity.INFO, FIRING, ("info", "🔵", "#2563eb")),
        (Severity.WARNING, FIRING, ("warning", "🟠", "#d97706")),
        (Severity.CRITICAL, FIRING, ("critical", "🔴", "#dc2626")),
        (Severity.CRITICAL, RESOLVED, ("resolved", "✅", "#16a34a")),
    ],
)
def test_the_status_line(severity, status, expected, alert):
    line = status_line(changed(alert, severity=severity, status=status))
    assert (line.word, line.sign, line.colour) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"status": RESOLVED}, ["Resolved. It was an alert of severity warning."]),
        ({"escalation": 2}, ["Escalated (level 2): it is not acknowledged yet."]),
        (
            {"escalation": 2, "status": RESOLVED},
            ["Resolved. It was an alert of severity warning."],
        ),
        ({"grouped": 3}, ["3 alerts in one message."]),
        ({"grouped": 1}, []),
        ({"count": 5}, ["5 events brought it about."]),
        ({"measure": MEASURED}, ["Measured: 41 of 512 in the last 10m, 8.0 %."]),
        ({"measure": MEASURED, "count": 5}, ["Measured: 41 of 512 in the last 10m, 8.0 %."]),
        (
            {"measure": MEASURED, "status": RESOLVED},
            [
                "Resolved. It was an alert of severity warning.",
                "Measured: 41 of 512 in the last 10m, 8.0 %.",
            ],
        ),
        ({"held_back": 1}, ["1 more alert was suppressed since the last message."]),
        ({"held_back": 2}, ["2 more alerts were suppressed since the last message."]),
        (
            {"escalation": 1, "since": 1_699_992_200.0, "acknowledged_by": "Ann\n<b>"},
            [
                "Escalated (level 1): it is not acknowledged yet.",
                "Since 2023-11-14 20:03:20 UTC (2 h 10 min ago at 22:13:20 UTC).",
                "Acknowledged by Ann <b>.",
            ],
        ),
        (
            {"escalation": 1, "grouped": 2, "count": 2, "held_back": 2},
            [
                "Escalated (level 1): it is not acknowledged yet.",
                "2 alerts in one message.",
                "2 events brought it about.",
                "2 more alerts were suppressed since the last message.",
            ],
        ),
    ],
)
def test_the_notes(values, expected, alert):
    assert notes(changed(alert, **values)) == expected


def test_members_are_listed_in_their_order_and_the_others_counted(alert):
    group = tuple(member(number) for number in range(MEMBERS_LIMIT + 2))
    lines = members(changed(alert, members=group, grouped=20))
    assert len(lines) == MEMBERS_LIMIT + 1
    assert lines[0] == "2023-11-14 22:13:20 UTC · Another one"
    assert lines[1] == "2023-11-14 22:13:21 UTC · Another one"
    assert lines[-1] == "and 9 more"


@pytest.mark.parametrize(
    ("recorded", "grouped", "last"),
    [(0, 1, None), (1, 2, None), (2, 2, None), (1, 3, "and 1 more"), (12, 1, "and 2 more")],
)
def test_members_that_are_not_listed_are_counted(recorded, grouped, last, alert):
    group = tuple(member(number) for number in range(recorded))
    lines = members(changed(alert, members=group, grouped=grouped))
    counted = [line for line in lines if line.startswith("and ")]
    assert counted == ([last] if last else [])


def test_a_members_summary_is_one_short_line(alert):
    lines = members(changed(alert, members=(member(0, "two\nlines " + "x" * 1000),)))
    (line,) = lines
    assert line.startswith("2023-11-14 22:13:20 UTC · two lines xxx")
    assert len(line) == len("2023-11-14 22:13:20 UTC · ") + MEMBER_LIMIT


@pytest.mark.parametrize(
    ("summary", "shown"),
    [
        ("bad-call: com.example.a", "com.example.a"),
        ("bad-calls: 3", "bad-calls: 3"),
        ("Two calls failed", "Two calls failed"),
        ("bad-call: ", "bad-call: "),
    ],
)
def test_a_summary_below_a_title_does_not_repeat_the_rules_name(
    alert: Alert, summary: str, shown: str
) -> None:
    named = changed(alert, rule="bad-call")
    assert below_title(named, summary, TemplateTarget.TEXT) == shown
