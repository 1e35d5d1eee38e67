"""Times as senders write them, converted to RFC 3339."""

import time

import pytest

from router.cel.values import ERROR, TimestampValue
from router.sources.event_time import event_time


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-11-24T18:00:00Z", "2026-11-24T18:00:00Z"),
        ("2026-11-24t18:00:00+01:00", "2026-11-24t18:00:00+01:00"),
        ("Tue, 24 Nov 2026 18:00:00 +0000", "2026-11-24T18:00:00Z"),
        ("Tue, 24 Nov 2026 19:00:00 +0100", "2026-11-24T18:00:00Z"),
        (1795543200, "2026-11-24T18:00:00Z"),
        (1795543200.5, "2026-11-24T18:00:00.500000Z"),
        (1795543200000, "2026-11-24T18:00:00Z"),
        ("1795543200", "2026-11-24T18:00:00Z"),
        ("1795543200.25", "2026-11-24T18:00:00.250000Z"),
        (TimestampValue(1795543200 * 10**9), "2026-11-24T18:00:00Z"),
        (0, "1970-01-01T00:00:00Z"),
        ("", None),
        (".", None),
        ("yesterday", None),
        ("2026-11-24", None),
        ("9" * 99, None),
        ("x" * 10_000, None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        (None, None),
        ([], None),
        (ERROR, None),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_a_time_is_read_in_each_form(value, time):
    assert event_time(value) == time


@pytest.fixture
def new_york(monkeypatch):
    """Set the zone of the machine."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    "text", ["Tue, 24 Nov 2026 18:00:00", "Tue, 24 Nov 2026 18:00:00 -0000", "24 Nov 2026 18:00"]
)
@pytest.mark.usefixtures("new_york")
def test_a_time_without_a_zone_is_of_utc(text):
    assert event_time(text) == "2026-11-24T18:00:00Z"
