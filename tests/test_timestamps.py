"""Everything that takes a time reads the same times."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.backtests import backtest

from router.cel.times import timestamp
from router.cel.values import ERROR
from router.cli import kinesis, silence
from router.configuration.load import load
from router.errors import ConfigurationError, RulesError
from router.events.cloudevents import violation
from router.offline.backtest import Backtest
from router.offline.rule_tests.reading import read_tests
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import moment
from router.timestamps import rfc3339_utc, unix_nanoseconds, unix_seconds, utc_second
from router.worker.evaluation.plan import event_time_ms

VALID = [
    ("2026-01-01T00:00:00Z", 1767225600),
    ("2026-01-01t00:00:00z", 1767225600),
    ("2026-01-01T01:00:00+01:00", 1767225600),
    ("2025-12-31t19:30:00-04:30", 1767225600),
    ("2026-01-01T00:00:00-00:00", 1767225600),
    ("2026-01-01T00:00:00.5Z", 1767225600.5),
    ("2026-01-01T00:00:00.123456789012345Z", 1767225600.123456789),
    ("2016-12-31T23:59:60Z", 1483228800),
    ("2016-12-31T18:59:60.25-05:00", 1483228800.25),
    ("2024-02-29T00:00:00Z", 1709164800),
]
INVALID = [
    "20260101T000000Z",
    "2026-01-01T00:00:00+0100",
    "2026-01-01T00:00:00+01",
    "2026-01-01T00:00:00+01:00:30",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+01:60",
    "2026-01-01T00:00Z",
    "2026-01-01T00Z",
    "2026-01-01",
    "2026-01-01 00:00:00Z",
    "2026-W01-4T00:00:00Z",
    "2026-001T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00,5Z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:61Z",
    "2026-01-01T00:60:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:60Z",
    "2026-01-01T00:00:00Z\n",
    " 2026-01-01T00:00:00Z",
    "٢٠٢٦-01-01T00:00:00Z",
    f"2026-01-01T00:00:00.{'0' * 100}Z",
    "1767225600",
    "now",
    "",
]

RULES = """
destinations: {noc: {capture: {}}}
rules: [{name: all, events: ["*"], send_to: [noc]}]
"""


def attribute_of_an_event(text: str) -> float | None:
    found = violation({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "time": text})
    return None if found else unix_seconds(text)


def function_in_conditions(text: str) -> float | None:
    value = timestamp(text)
    return None if value is ERROR else value.nanoseconds / 10**9


def clock_of_rule_state(text: str) -> float | None:
    received = -1e12
    found = event_time_ms(text, received, 1e12) / 1000
    return None if found == received else found


def end_of_a_silence(text: str) -> float | None:
    try:
        return moment("ends", text)
    except ValueError:
        return None


def option_from_of_kinesis(text: str) -> float | None:
    try:
        return None if text == "now" else kinesis._start_time(text)
    except ConfigurationError:
        return None


def option_starts_of_a_silence(text: str) -> float | None:
    try:
        options = {"ends": "", "duration": "1s", "starts": text or "none", "until_resolved": False}
        return unix_seconds(silence._ends(options, 0.0)) - 1
    except ConfigurationError:
        return None


USERS = [
    unix_seconds,
    attribute_of_an_event,
    function_in_conditions,
    clock_of_rule_state,
    end_of_a_silence,
    option_from_of_kinesis,
    option_starts_of_a_silence,
]


EXPECTED: dict[str, float | None] = {**dict(VALID), **dict.fromkeys(INVALID)}


@pytest.mark.parametrize("user", USERS)
def test_everything_that_takes_a_time_reads_rfc_3339_and_nothing_else(
    user: Callable[[str], float | None],
) -> None:
    """Case R18: lower-case t and z, leap seconds; no other form of ISO 8601."""
    assert {text: user(text) for text in EXPECTED} == pytest.approx(EXPECTED, abs=0.001)


def clock_of_a_rule_test(folder: Path, text: str) -> float | None:
    event = {"type": "a", "data": {}}
    case = {"name": "a", "clock": text, "event": event, "expect": [{"rule": "all"}]}
    (folder / "tests" / "t.yaml").write_bytes(msgspec.json.encode({"tests": [case]}))
    try:
        (read,) = read_tests(folder, load(folder, {})).cases
    except RulesError as error:
        if "clock: expected a time" not in str(error):
            raise
        return None
    return read.started_at


def test_the_clock_of_a_rule_test_is_read_alike(tmp_path: Path) -> None:
    """Case R18: the file of a test."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules.yaml").write_text(RULES)

    assert {text: clock_of_a_rule_test(tmp_path, text) for text in EXPECTED} == EXPECTED


def times_of_a_recording(text: str) -> tuple[int, bool]:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "com.twilio.a",
        "time": text,
        "data": {},
    }
    found = backtest([msgspec.json.encode(event)], Backtest(RuleSet([]), [], ()))
    return found.events, bool(found.first)


def test_the_times_of_a_recording_are_read_alike() -> None:
    """Case R18: the clock of a backtest. Types of Twilio may have any text as time."""
    assert {text: times_of_a_recording(text) for text in EXPECTED} == {
        text: (1, expected is not None) for text, expected in EXPECTED.items()
    }


@given(st.datetimes(timezones=st.timezones() | st.just(dt.UTC)), st.sampled_from(["T", "t"]))
def test_every_time_that_python_writes_is_read(written: dt.datetime, separator: str) -> None:
    ahead = (written.utcoffset() or dt.timedelta()) // dt.timedelta(minutes=1)
    whole_minutes = written.replace(tzinfo=dt.timezone(dt.timedelta(minutes=ahead)))

    read = unix_nanoseconds(whole_minutes.isoformat(sep=separator))

    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert read == (whole_minutes - epoch) // dt.timedelta(microseconds=1) * 1000


def test_a_time_is_written_in_utc() -> None:
    assert [rfc3339_utc(each) for each in (0, 1.5)] == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:01.500000Z",
    ]
    assert utc_second(1.5) == "1970-01-01 00:00:01Z"
