"""The table of what follows an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.alerts import Delivered, Failed, Outcome, Refused
from router.datatypes import Duration
from router.destinations.contract import RetryPolicy
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


@pytest.mark.fault_row(45, 47, 48, 49)
@pytest.mark.parametrize(
    ("outcome", "attempt", "expected"),
    [
        (Delivered(200), 1, Finished()),
        (Delivered(), 4, Finished()),
        (Refused("HTTP 404", 404), 1, GiveUp("HTTP 404")),
        (Refused("HTTP 410", 410, disables=True), 1, Disable("HTTP 410")),
        (Refused("HTTP 410", 410, disables=True), 9, Disable("HTTP 410")),
        (Failed("timed out"), 1, Retry(1.0)),
        (Failed("timed out"), 2, Retry(2.0)),
        (Failed("timed out"), 3, Retry(4.0)),
        (Failed("timed out"), 4, GiveUp("timed out (attempt 4 of 4)")),
        (Failed("timed out"), 5, GiveUp("timed out (attempt 5 of 4)")),
        (Failed("HTTP 429", 429, retry_after_seconds=7), 1, Retry(7.5)),
        (Failed("HTTP 429", 429, retry_after_seconds=0), 1, Retry(0.5)),
        (Failed("HTTP 429", 429, retry_after_seconds=1e9), 1, Retry(60.5)),
        (Failed("HTTP 429", 429, retry_after_seconds=7), 4, GiveUp("HTTP 429 (attempt 4 of 4)")),
    ],
)
def test_what_follows_an_attempt(outcome: Outcome, attempt: int, expected: NextStep) -> None:
    """Mutants: Retry-After is ignored; a failure is given up at once; 410 disables nothing."""
    assert next_step(outcome, attempt=attempt, policy=POLICY, jitter=0.5) == expected


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (7, 60), (5000, 60)]
)
def test_the_longest_wait_doubles_up_to_a_limit(attempt: int, seconds: float) -> None:
    assert backoff_limit(attempt, POLICY) == seconds


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
    assert following.in_seconds >= min(retry_after, POLICY.longest)


SCHEDULE = RetryPolicy(schedule=tuple(map(Duration, (10, 60, 86400))))


@pytest.mark.fault_row(27)
@pytest.mark.parametrize(
    ("attempt", "retry_after", "expected"),
    [
        (1, None, Retry(10 * 1.05)),
        (2, None, Retry(60 * 1.05)),
        (3, None, Retry(86400 * 1.05)),
        (3, 7.0, Retry(7.5)),
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
        ({"attempts": 0}, "attempts must be from 1 to 100"),
        ({"schedule": (Duration(1),), "attempts": 3}, "exclude each other"),
        ({"schedule": (Duration(31 * 86400),)}, "at most 30d"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(policy: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetryPolicy(**policy)  # type: ignore[arg-type]
