"""The table of what follows an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.alerts import Delivered, Failed, Outcome, Refused
from router.datatypes import Duration
from router.destinations.contract import RetryPolicy
from router.destinations.transport import http_status
from router.destinations.transport.http_status import HttpReply
from router.worker.delivery.retry import (
    Disable,
    Finished,
    GiveUp,
    NextStep,
    Retry,
    backoff_limit,
    next_step,
)

POLICY = RetryPolicy(attempts=4, first=Duration(2), longest=Duration(60))
THROTTLED = Failed("HTTP 429", 429, retry_after_seconds=7, throttled=True)


@pytest.mark.fault_row(45, 47, 48, 49)
@pytest.mark.parametrize(
    ("outcome", "attempt", "expected"),
    [
        (Delivered(200), 1, Finished()),
        (Delivered(), 4, Finished()),
        (Refused("HTTP 404", 404), 1, GiveUp("HTTP 404")),
        (Refused("HTTP 410", 410, disables=True), 1, Disable("HTTP 410")),
        (Refused("HTTP 410", 410, disables=True), 9, Disable("HTTP 410")),
        (Failed("timed out"), 1, Retry(1.5)),
        (Failed("timed out"), 2, Retry(3.0)),
        (Failed("timed out"), 3, Retry(6.0)),
        (Failed("timed out"), 4, GiveUp("timed out (attempt 4 of 4)")),
        (Failed("timed out"), 5, GiveUp("timed out (attempt 5 of 4)")),
        (Failed("HTTP 503", 503, retry_after_seconds=7), 1, Retry(7.5)),
        (Failed("HTTP 503", 503, retry_after_seconds=1), 3, Retry(6.0)),
        (Failed("HTTP 503", 503, retry_after_seconds=0), 1, Retry(1.5)),
        (Failed("HTTP 503", 503, retry_after_seconds=-5), 1, Retry(1.5)),
        (Failed("HTTP 503", 503, retry_after_seconds=1e9), 1, Retry(60.5)),
        (Failed("HTTP 503", 503, retry_after_seconds=float("inf")), 1, Retry(60.5)),
        (Failed("HTTP 503", 503, retry_after_seconds=7), 4, GiveUp("HTTP 503 (attempt 4 of 4)")),
        (THROTTLED, 1, Retry(7.5, counts=False)),
        (THROTTLED, 4, Retry(12.0, counts=False)),
        (THROTTLED, 5, Retry(24.0, counts=False)),
    ],
)
def test_what_follows_an_attempt(outcome: Outcome, attempt: int, expected: NextStep) -> None:
    """Case D1. Mutants: Retry-After is ignored; a failure is given up at once; 410 disables nothing."""
    assert next_step(outcome, attempt=attempt, policy=POLICY, jitter=0.5) == expected


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (7, 60), (5000, 60)]
)
def test_the_longest_wait_doubles_up_to_a_limit(attempt: int, seconds: float) -> None:
    assert backoff_limit(attempt, POLICY) == seconds


@pytest.mark.parametrize(("uncounted", "seconds"), [(0, 1), (1, 2), (3, 8), (6, 60), (900, 60)])
def test_the_waits_of_throttled_attempts_grow_although_they_do_not_count(
    uncounted: int, seconds: float
) -> None:
    """Case D1: a receiver that always answers 429 is not asked more and more often."""
    outcome = Failed("HTTP 429", 429, throttled=True)
    policy = RetryPolicy(attempts=1, first=Duration(1), longest=Duration(60))

    following = next_step(outcome, attempt=1, policy=policy, jitter=1.0, uncounted=uncounted)

    assert following == Retry(seconds, counts=False)


@pytest.mark.parametrize(("attempt", "uncounted", "wait"), [(1, 0, 1.5), (1, 2, 6), (99, 0, 45)])
def test_a_refusal_that_is_retried_does_not_count(
    attempt: int, uncounted: int, wait: float
) -> None:
    """Case D25: the fault of a destination uses up nothing of its deliveries."""
    following = next_step(
        Refused("HTTP 401", 401),
        attempt=attempt,
        policy=POLICY,
        jitter=0.5,
        uncounted=uncounted,
        refusal_is_retried=True,
    )
    assert following == Retry(wait, counts=False)


OUTAGE = 600.0


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("header", ["", "1", "0", "-5", "0.5", "Mon, 13 Nov 2023 22:13:27 GMT"])
@given(jitter=st.floats(0, 1, exclude_max=True))
def test_a_short_retry_after_shortens_no_patience(header: str, status: int, jitter: float) -> None:
    """Case D1: the receiver answers so for ten minutes, then 200: 16 attempts are enough."""
    policy = RetryPolicy(attempts=16)
    passed, attempt = 0.0, 1
    while passed < OUTAGE:
        outcome = http_status.outcome(HttpReply(status, header, ""), now=1_700_000_000.0)
        following = next_step(outcome, attempt=attempt, policy=policy, jitter=jitter)
        assert isinstance(following, Retry), f"given up after {passed} s"
        passed += following.in_seconds
        attempt += following.counts


@pytest.mark.parametrize(("jitter", "hours"), [(0.0, 74), (1.0, 148)])
def test_a_receiver_may_be_away_over_a_weekend(jitter: float, hours: float) -> None:
    """Case D30: from Friday 17:00 to Monday 09:00 are 64 hours. docs/reference/destinations.md has the figures."""
    passed, attempt = 0.0, 1
    outcome = Failed("connection refused")
    while isinstance(
        following := next_step(outcome, attempt=attempt, policy=RetryPolicy(), jitter=jitter), Retry
    ):
        passed += following.in_seconds
        attempt += 1
    assert int(passed / 3600) == hours
    assert attempt == RetryPolicy().attempts


@pytest.mark.fault_row(45)
@given(
    attempt=st.integers(1, 3),
    jitter=st.floats(0, 1, exclude_max=True),
    retry_after=st.floats(0, 1e9),
)
def test_a_retry_after_is_never_undercut(attempt: int, jitter: float, retry_after: float) -> None:
    """Mutant: Retry-After is ignored."""
    outcome = Failed("HTTP 503", 503, retry_after_seconds=retry_after)

    following = next_step(outcome, attempt=attempt, policy=POLICY, jitter=jitter)

    assert isinstance(following, Retry)
    backoff = next_step(Failed("HTTP 503", 503), attempt=attempt, policy=POLICY, jitter=jitter)
    assert isinstance(backoff, Retry)
    assert following.in_seconds >= max(backoff.in_seconds, min(retry_after, POLICY.longest))


SCHEDULE = RetryPolicy(schedule=tuple(map(Duration, (10, 60, 86400))))


@pytest.mark.fault_row(27)
@pytest.mark.parametrize(
    ("attempt", "retry_after", "expected"),
    [
        (1, None, Retry(10 * 1.05)),
        (2, None, Retry(60 * 1.05)),
        (3, None, Retry(86400 * 1.05)),
        (1, 7.0, Retry(10 * 1.05)),
        (1, 30.0, Retry(30.5)),
        (3, 7.0, Retry(86400 * 1.05)),
        (4, None, GiveUp("timed out (attempt 4 of 4)")),
    ],
)
def test_a_schedule_is_kept(attempt: int, retry_after: float | None, expected: NextStep) -> None:
    """Mutant: the last wait of a schedule is left out."""
    outcome = Failed("timed out", retry_after_seconds=retry_after)

    assert next_step(outcome, attempt=attempt, policy=SCHEDULE, jitter=0.5) == expected


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"attempts": 0}, "attempts must be from 1 to 1000"),
        ({"schedule": (Duration(1),), "attempts": 3}, "exclude each other"),
        ({"schedule": (Duration(31 * 86400),)}, "at most 30d"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(policy: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetryPolicy(**policy)  # type: ignore[arg-type]
