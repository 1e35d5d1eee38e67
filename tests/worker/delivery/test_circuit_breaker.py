"""The circuit of a destination, transition by transition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.alerts import Delivered, Failed, Outcome, Refused
from router.datatypes import Duration
from router.destinations.contract import BreakerPolicy
from router.worker.delivery.circuit_breaker import (
    CircuitBreaker,
    Health,
    Permit,
    State,
    health,
)

POLICY = BreakerPolicy(
    failures=3, share=0.5, attempts=10, open_for=Duration(5), longest=Duration(20)
)


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker(POLICY)


def attempt(breaker: CircuitBreaker, found: Health, now: float) -> None:
    permit = breaker.begin(now)
    assert permit is not None
    breaker.end(permit, found, now)


def opened(breaker: CircuitBreaker, now: float = 0.0) -> None:
    for _ in range(POLICY.failures):
        attempt(breaker, Health.UNSOUND, now)
    assert breaker.state is State.OPEN


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (Delivered(200), Health.SOUND),
        (Refused("HTTP 400", 400, of_delivery=True), Health.SOUND),
        (Refused("1 of 2 recipients refused", 550, reached=("ann@example.com",)), Health.SOUND),
        (Refused("HTTP 401", 401), Health.REFUSING),
        (Refused("address not allowed by ROUTER_EGRESS"), Health.REFUSING),
        (Failed("connection refused"), Health.UNSOUND),
        (Failed("timed out"), Health.UNSOUND),
        (Failed("HTTP 500", 500), Health.UNSOUND),
        (Failed("HTTP 503", 503, retry_after_seconds=7), Health.UNSOUND),
        (Failed("HTTP 408", 408), Health.UNSOUND),
        (Failed("HTTP 429", 429), Health.SOUND),
        (Failed("HTTP 425", 425), Health.SOUND),
        (Failed("connection not taken for now", 421), Health.UNSOUND),
        (Failed("connection not taken for now", 421, throttled=True), Health.THROTTLED),
        (Failed("HTTP 429", 429, throttled=True), Health.THROTTLED),
        (Failed("message not taken for now", 451), Health.SOUND),
        (Failed("1 of 2 recipients", 450, reached=("ann@example.com",)), Health.SOUND),
    ],
)
def test_what_an_outcome_says_of_the_destination(outcome: Outcome, found: Health) -> None:
    assert health(outcome) is found


@pytest.mark.fault_row(54)
def test_failures_in_a_row_open_it_and_a_success_between_them_does_not(
    breaker: CircuitBreaker,
) -> None:
    """Mutant: the circuit never opens."""
    for found in (Health.UNSOUND, Health.UNSOUND, Health.SOUND, Health.UNSOUND, Health.UNSOUND):
        attempt(breaker, found, 0.0)
    assert breaker.state is State.CLOSED

    attempt(breaker, Health.UNSOUND, 0.0)

    assert (breaker.state, breaker.wait(1.0), breaker.begin(1.0)) == (State.OPEN, 4.0, None)


def test_refusals_in_a_row_open_it_and_those_among_accepted_deliveries_do_not(
    breaker: CircuitBreaker,
) -> None:
    """Case D25: nine of ten are refused, and the tenth is delivered."""
    for _ in range(20):
        for found in (Health.REFUSING, Health.REFUSING, Health.SOUND):
            attempt(breaker, found, 0.0)
    assert breaker.state is State.CLOSED

    for _ in range(POLICY.failures):
        attempt(breaker, Health.REFUSING, 0.0)
    assert breaker.wait(0.0) == 5.0

    attempt(breaker, Health.REFUSING, 5.0)
    assert breaker.wait(5.0) == 10.0


def test_a_share_of_failures_opens_it_once_there_are_enough_attempts(
    breaker: CircuitBreaker,
) -> None:
    for number in range(9):
        attempt(breaker, Health.UNSOUND if number % 2 == 0 else Health.SOUND, 0.0)
    assert breaker.state is State.CLOSED

    attempt(breaker, Health.UNSOUND, 0.0)

    assert breaker.state is State.OPEN


def test_failures_of_long_ago_do_not_count(breaker: CircuitBreaker) -> None:
    for number in range(9):
        attempt(breaker, Health.UNSOUND if number % 2 == 0 else Health.SOUND, 0.0)
    attempt(breaker, Health.UNSOUND, 100.0)
    assert breaker.state is State.CLOSED


def test_after_its_time_one_attempt_is_let_through(breaker: CircuitBreaker) -> None:
    opened(breaker)

    trial = breaker.begin(5.0)

    assert trial is not None
    assert trial.is_trial
    assert breaker.begin(5.0) is None
    assert breaker.wait(5.0) == float("inf")


def test_a_trial_that_succeeds_closes_it(breaker: CircuitBreaker) -> None:
    opened(breaker)
    attempt(breaker, Health.SOUND, 5.0)
    assert (breaker.state, breaker.wait(5.0)) == (State.CLOSED, 0.0)


def test_each_trial_that_fails_doubles_the_time_up_to_a_limit(breaker: CircuitBreaker) -> None:
    opened(breaker)
    waits, now = [], 5.0
    for _ in range(4):
        attempt(breaker, Health.UNSOUND, now)
        waits.append(breaker.wait(now))
        now += waits[-1]
    assert waits == [10.0, 20.0, 20.0, 20.0]


def test_once_closed_it_begins_with_the_first_time_again(breaker: CircuitBreaker) -> None:
    opened(breaker)
    attempt(breaker, Health.UNSOUND, 5.0)
    attempt(breaker, Health.SOUND, 15.0)
    opened(breaker, 20.0)
    assert breaker.wait(20.0) == 5.0


def test_a_trial_that_never_got_there_leaves_room_for_another(breaker: CircuitBreaker) -> None:
    opened(breaker)
    attempt(breaker, Health.UNKNOWN, 5.0)
    assert (breaker.state, breaker.wait(5.0)) == (State.OPEN, 0.0)


def test_outcomes_of_attempts_that_began_before_say_nothing_any_more(
    breaker: CircuitBreaker,
) -> None:
    early = [breaker.begin(0.0) for _ in range(3)]
    opened(breaker)
    trial = breaker.begin(5.0)
    for permit in early:
        assert isinstance(permit, Permit)
        assert not breaker.end(permit, Health.UNSOUND, 5.0)
    assert breaker.state is State.HALF_OPEN
    assert trial is not None
    breaker.end(trial, Health.SOUND, 5.0)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize(("retry_after", "wait"), [(7.0, 7.0), (0.0, 0.0), (3.2e8, 20.0)])
def test_a_retry_after_opens_the_circuit_up_to_the_limit(
    breaker: CircuitBreaker, retry_after: float, wait: float
) -> None:
    permit = breaker.begin(0.0)
    assert permit is not None
    breaker.end(permit, Health.SOUND, 0.0, retry_after=retry_after)
    assert breaker.wait(0.0) == wait


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [
        (None, [10.0, 20.0, 20.0]),
        (-5.0, [10.0, 20.0, 20.0]),
        (0.0, [10.0, 20.0, 20.0]),
        (1.0, [10.0, 20.0, 20.0]),
        (15.0, [15.0, 20.0, 20.0]),
        (float("inf"), [20.0, 20.0, 20.0]),
    ],
)
def test_a_retry_after_lengthens_the_time_after_a_failed_trial_and_never_shortens_it(
    breaker: CircuitBreaker, retry_after: float | None, waits: list[float]
) -> None:
    """Case D1: a receiver that is down and answers "1 second" is not asked each second."""
    opened(breaker)
    now, found = 5.0, []
    for _ in range(3):
        trial = breaker.begin(now)
        assert trial is not None
        breaker.end(trial, Health.UNSOUND, now, retry_after=retry_after)
        found.append(breaker.wait(now))
        now += found[-1]
    assert found == waits


def test_failures_with_a_retry_after_count_as_failures(breaker: CircuitBreaker) -> None:
    """Case D1: the first opens the circuit for a second, the trial after it for the usual time."""
    permit = breaker.begin(0.0)
    assert permit is not None
    breaker.end(permit, Health.UNSOUND, 0.0, retry_after=1.0)
    assert breaker.wait(0.0) == 1.0

    trial = breaker.begin(1.0)
    assert trial is not None
    breaker.end(trial, Health.UNSOUND, 1.0, retry_after=1.0)

    assert breaker.wait(1.0) == POLICY.open_for


def test_a_trial_that_is_throttled_waits_as_asked(breaker: CircuitBreaker) -> None:
    """Case D1: 429 comes from a destination that is up, so the time does not double."""
    opened(breaker)
    for now in (5.0, 12.0, 19.0):
        trial = breaker.begin(now)
        assert trial is not None
        breaker.end(trial, Health.THROTTLED, now, retry_after=7.0)
        assert breaker.wait(now) == 7.0


def test_a_throttling_destination_without_a_wish_gets_one_attempt_at_longer_and_longer_intervals(
    breaker: CircuitBreaker,
) -> None:
    """Case D1: 429 for ever must not cost the process an attempt for each delivery that waits."""
    waits, now = [], 0.0
    for _ in range(7):
        attempt(breaker, Health.THROTTLED, now)
        waits.append(breaker.wait(now))
        now += waits[-1]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]

    attempt(breaker, Health.SOUND, now)
    attempt(breaker, Health.THROTTLED, now)
    assert breaker.wait(now) == 1.0


@given(st.lists(st.tuples(st.sampled_from(Health), st.floats(0, 30)), max_size=60))
def test_it_never_lets_two_trials_through_and_never_stays_shut(
    steps: list[tuple[Health, float]],
) -> None:
    breaker, now = CircuitBreaker(POLICY), 0.0
    for found, seconds in steps:
        now += seconds
        permit = breaker.begin(now)
        if permit is None:
            assert breaker.wait(now) <= POLICY.longest * (1 + 1e-9)  # sums of floats
            continue
        if permit.is_trial:
            assert breaker.begin(now) is None
        breaker.end(permit, found, now)
        assert breaker.state is not State.HALF_OPEN


@pytest.mark.parametrize(("failed", "state"), [(4, State.CLOSED), (5, State.OPEN)])
def test_the_circuit_opens_at_its_share_of_failures(
    breaker: CircuitBreaker, failed: int, state: State
) -> None:
    """Mutant: ``>`` for ``>=`` of the share."""
    for number in range(POLICY.attempts):
        is_failure = number % 2 == 1 and number // 2 < failed
        attempt(breaker, Health.UNSOUND if is_failure else Health.SOUND, 0.0)

    assert breaker.state is state
