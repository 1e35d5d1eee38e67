"""The lines of ``router dev`` about what happens."""

import logging

import pytest

from router.dev.activity import ActivityHandler

ROUTER = "router.ingress.reception"


def shown(message: str, level: int = logging.WARNING, **fields: object) -> list[str]:
    lines: list[str] = []
    record = logging.makeLogRecord(
        {"msg": message, "levelno": level, "levelname": logging.getLevelName(level), **fields}
    )
    ActivityHandler(lines.append).emit(record)
    return lines


def rejected(code: str, **more: object) -> list[str]:
    return shown("request rejected", status=403, code=code, reason="why", **more)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("wrong_signature", "why: sign it with one of ROUTER_TWILIO_AUTH_TOKENS for exactly"),
        ("no_signature", "why: router send EVENT.json --sign signs as Twilio does"),
        ("other", "403 other: why"),
    ],
)
def test_a_rejected_request_says_what_to_do(code: str, hint: str) -> None:
    (line,) = rejected(code)
    assert hint in line


def test_a_rejected_request_has_its_path_and_detail() -> None:
    (line,) = rejected("x", path="$[1].id", detail="signed URL http://h/")
    assert line == "Rejected  403 x: why at $[1].id; signed URL http://h/"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"rules": []}, "matches no rule: no rule has its type under events"),
        (
            {"rules": [], "candidates": list("abcdefg")},
            "matches no rule; its type has a, b, c, d, e and 2 more: router explain EVENT.json says why",
        ),
        (
            {"rules": ["a", "b"], "notified": ["noc"], "suppressed": ["b: cooldown"]},
            "matches a, b; sent to noc; suppressed: b: cooldown",
        ),
        ({"rules": ["a"]}, "matches a; nothing to send yet"),
        ({"rules": [], "ends": ["b"]}, "ends what b may wait for"),
        (
            {"rules": ["a"], "ends": ["b"], "notified": ["noc"]},
            "matches a; ends what b may wait for; sent to noc",
        ),
    ],
)
def test_an_event_has_its_outcome(fields: dict[str, object], line: str) -> None:
    outcome = shown("event evaluated", logging.DEBUG, event="E1", type="t", **fields)
    assert outcome == [f"Event     E1 (t) {line}"]


DELIVERY = {
    "destination": "noc",
    "delivery": "msg_1",
    "event": "E1",
    "rule": "r",
    "attempt": 2,
    "seconds": 0.1,
}


@pytest.mark.parametrize(
    ("message", "fields", "line"),
    [
        ("delivery succeeded", DELIVERY, "Delivered noc: event E1, rule r, attempt 2, 0.1 s"),
        (
            "delivery retried",
            {**DELIVERY, "reason": "HTTP 503", "in_seconds": 3.5},
            "Retry     noc: event E1, rule r: HTTP 503; attempt 2 failed, the next one is in 3.5 s",
        ),
        (
            "delivery dead-lettered",
            {**DELIVERY, "reason": "HTTP 404"},
            "Gave up   noc: event E1, rule r: HTTP 404: router dead-letters show msg_1",
        ),
        (
            "log lines left out",
            {"kind": "delivery succeeded", "count": 7},
            "          7 more lines like: delivery succeeded",
        ),
        (
            "request rejected",
            {"status": 404, "code": "not_found", "reason": "why", "method": "GET", "target": "/a"},
            "Rejected  404 GET /a not_found: why: events go to POST /events, or signed to POST /twilio",
        ),
        (
            "request rejected",
            {"status": 401, "method": "GET", "target": "/api/…"},
            (
                "Rejected  401 GET /api/…: send Authorization: Bearer and a token, ROUTER_ADMIN_TOKEN or the"
                " one shown at start as API"
            ),
        ),
        (
            "request has no events",
            {"source": "events"},
            "Request   to /events has no events: its array is empty",
        ),
        (
            "rules reloaded",
            {"rules": 2, "destinations": 1},
            "Rules     reloaded: 2 rules, 1 destinations",
        ),
        (
            "rules problem reported",
            {"diagnostic": "a.yaml:1:1: wrong"},
            "          a.yaml:1:1: wrong",
        ),
    ],
)
def test_each_line_says_what_happened_and_what_to_do(
    message: str, fields: dict[str, object], line: str
) -> None:
    assert shown(message, logging.INFO, **fields) == [line]


def test_rules_without_a_result_are_one_line_after_that_of_their_event() -> None:
    lines: list[str] = []
    handler = ActivityHandler(lines.append)

    def log(message: str, **fields: object) -> None:
        record = {"msg": message, "levelno": logging.DEBUG, "event": "E1", **fields}
        handler.emit(logging.makeLogRecord(record))

    for number in range(7):
        log("rule evaluation failed", rule=f"r{number}", reason="no such field: data.a")
    log("event evaluated", type="t", rules=["a"])
    log("event evaluated", type="t", rules=["a"])
    assert lines[0].startswith("Event     E1")
    assert lines[1].startswith(
        "          no result, which is no match: r0 (no such field: data.a), r1"
    )
    assert lines[1].endswith("r4 (no such field: data.a) and 2 more")
    assert len(lines) == 3


def test_a_delivery_that_was_shown_in_full_has_no_further_line() -> None:
    lines: list[str] = []
    handler = ActivityHandler(lines.append)
    for message in ("delivery captured", "delivery succeeded", "alert notified"):
        handler.emit(logging.makeLogRecord({"msg": message, "levelno": logging.INFO, **DELIVERY}))
    assert lines == []


def test_what_else_is_shown() -> None:
    assert "no. 1" not in shown("anything", logging.INFO)
    assert shown("disk full", count=3) == ["Warning   disk full count=3"]
    assert "another id" in shown("duplicate event dropped", logging.DEBUG, event="E1")[0]
    assert "EW1: the sink works" in shown("Twilio test event received", test_id="EW1")[0]
    assert "router quarantine list" in shown("event quarantined", event="E1", reason="r")[0]
    assert "router quarantine list" in shown("malformed events quarantined", count=1, reason="r")[0]
    test_event = {"type": "com.twilio.eventstreams.test-event"}
    assert shown("event evaluated", logging.DEBUG, **test_event) == []


def test_text_of_a_stranger_is_one_line_and_limited() -> None:
    """What senders write cannot move the cursor or fill the terminal."""
    (line,) = shown("event quarantined", event="\x1b[2J\nE", reason="x" * 10_000)
    assert "\x1b" not in line
    assert "\n" not in line
    assert len(line) < 1000


def test_an_error_has_its_traceback() -> None:
    error = ValueError("odd")
    record = logging.makeLogRecord(
        {
            "msg": "raised",
            "levelno": logging.ERROR,
            "levelname": "ERROR",
            "exc_info": (ValueError, error, None),
        }
    )
    lines: list[str] = []
    ActivityHandler(lines.append).emit(record)
    assert lines[0].startswith("Error     raised")
    assert "ValueError: odd" in lines[1]
