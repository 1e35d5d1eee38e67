"""When refusals pause a destination, and when it is tried again."""

import msgspec
import pytest
from support.events import deliveries_of, event_from

from router.alerts import Attempt, Delivered, Delivery, Failed, Outcome, Refused
from router.worker.delivery.refusals import (
    ATTEMPTS,
    LONGEST_TRIAL_SECONDS,
    MIN_SECONDS,
    Refusals,
    next_trial,
)

UNAUTHORIZED = Refused("HTTP 401 Unauthorized", 401)
TOO_LARGE = Refused("HTTP 413 Content Too Large", 413, of_delivery=True)
NO_RECIPIENT = Refused("2 of 2 recipients refused", 550)
SOME = Refused("1 of 2 recipients refused", 550, reached=("ann@example.com",))
GONE = Refused("HTTP 410 Gone", 410, disables=True)


@pytest.fixture
def delivery(sample: bytes) -> Delivery:
    return deliveries_of(event_from(sample), 1)[0]


def refused_before(delivery: Delivery, times: int, *, first_at: float = 100.0) -> Delivery:
    """Return a delivery with uncounted attempts, a second apart."""
    attempts = tuple(
        Attempt(number=delivery.attempt, at=first_at + number, seconds=0.1, reason="HTTP 401")
        for number in range(times)
    )
    return msgspec.structs.replace(delivery, failed_attempts=attempts)


@pytest.mark.parametrize(
    ("outcome", "count"),
    [
        (UNAUTHORIZED, 3),
        (NO_RECIPIENT, 3),
        (TOO_LARGE, 0),
        (SOME, 0),
        (GONE, 0),
        (Failed("HTTP 503", 503), 0),
        (Delivered(200), 0),
    ],
)
def test_refusals_for_a_fault_of_the_destination_are_counted(outcome: Outcome, count: int) -> None:
    """Case D25."""
    refusals = Refusals(10)
    for _ in range(3):
        refusals.record(outcome, 0.0)
    assert refusals.count == count


@pytest.mark.parametrize(
    ("between", "count"),
    [
        (Delivered(200), 1),
        (SOME, 1),
        (Failed("1 of 2 recipients", 450, reached=("ann",)), 1),
        (TOO_LARGE, 4),
        (Failed("timed out"), 4),
    ],
)
def test_only_what_is_accepted_ends_a_row(between: Outcome, count: int) -> None:
    refusals = Refusals(10)
    for outcome in (UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED, between, UNAUTHORIZED):
        refusals.record(outcome, 0.0)
    assert refusals.count == count


@pytest.mark.parametrize(
    ("limit", "count", "seconds", "due"),
    [
        (3, 3, MIN_SECONDS, True),
        (3, 2, MIN_SECONDS, False),
        (3, 1000, MIN_SECONDS - 1, False),
        (3, 4, 3600.0, True),
        (0, 1000, 3600.0, False),
    ],
)
def test_enough_refusals_for_long_enough_pause_a_destination(
    limit: int, count: int, seconds: float, *, due: bool
) -> None:
    """Case D25: neither a burst during a deployment nor a single refusal does."""
    refusals = Refusals(limit)
    for _ in range(count):
        refusals.record(UNAUTHORIZED, 50.0)
    assert refusals.is_pause_due(50.0 + seconds) is due


@pytest.mark.parametrize(
    ("outcome", "limit", "retried"),
    [
        (UNAUTHORIZED, 10, True),
        (UNAUTHORIZED, 0, False),
        (NO_RECIPIENT, 10, True),
        (TOO_LARGE, 10, False),
        (SOME, 10, False),
        (GONE, 10, False),
        (Delivered(200), 10, False),
    ],
)
def test_a_delivery_is_attempted_again_after_a_fault_of_the_destination(
    delivery: Delivery, outcome: Outcome, limit: int, *, retried: bool
) -> None:
    """Case D25: the dead letters are for faults of single deliveries."""
    refusals = Refusals(limit)
    refusals.record(outcome, 0.0)
    assert refusals.is_retried(delivery, outcome) is retried


@pytest.mark.parametrize(
    ("times", "accepted_at", "retried"),
    [
        (ATTEMPTS - 1, None, True),
        (ATTEMPTS - 1, 99.0, True),
        (ATTEMPTS - 1, 100.0, True),
        (ATTEMPTS - 1, 100.5, False),
        (ATTEMPTS - 2, 100.5, True),
        (ATTEMPTS + 10, 99.0, True),
        (ATTEMPTS + 10, 200.0, False),
    ],
)
def test_a_delivery_is_given_up_if_the_destination_accepts_others_meanwhile(
    delivery: Delivery, times: int, accepted_at: float | None, *, retried: bool
) -> None:
    """Case D25: a 404 may be due to a URL that contains the alert's key."""
    refusals = Refusals(10)
    if accepted_at is not None:
        refusals.record(Delivered(200), accepted_at)
    assert refusals.is_retried(refused_before(delivery, times), UNAUTHORIZED) is retried


def test_the_trials_of_a_paused_destination_become_rarer() -> None:
    trials, at = [], 1000.0
    for _ in range(7):
        at = next_trial(1000.0, at)
        trials.append(at - 1000.0)
    assert trials == [60.0, 180.0, 420.0, 900.0, 1800.0, 2700.0, 3600.0]


@pytest.mark.parametrize(
    ("tried_at", "trial"),
    [(0.0, 60.0), (59.0, 60.0), (60.0, 180.0), (1000.0, 1800.0), (86_400.0, 87_300.0)],
)
def test_a_trial_that_was_late_is_followed_by_the_next_one(tried_at: float, trial: float) -> None:
    assert next_trial(0.0, tried_at) == trial
    assert trial - tried_at <= LONGEST_TRIAL_SECONDS
