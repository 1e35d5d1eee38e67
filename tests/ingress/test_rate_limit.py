"""The rate of one sender, by a clock that the test sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import SetClock

from router.datatypes import parse_address
from router.ingress.rate_limit import MAX_BUCKETS, TokenBuckets
from router.ingress.responses import RequestRejectedError

ONE = parse_address("192.0.2.1")
OTHER = parse_address("192.0.2.2")


def rates(time: SetClock, *, rate: float = 2.0, burst: float = 3.0) -> TokenBuckets:
    return TokenBuckets(rate=rate, burst=burst, monotonic=lambda: time.now)


def refused(limits: TokenBuckets, sender: object) -> str:
    """Return the Retry-After of a rejection; ``""`` if the sender is admitted."""
    try:
        limits.admit(sender)  # type: ignore[arg-type]
    except RequestRejectedError as refusal:
        return f"{refusal.headers['Retry-After']}" if refusal.status == 429 else "no 429"
    return ""


def test_a_burst_is_admitted_then_the_rate(time: SetClock) -> None:
    limits = rates(time)
    for _ in range(3):
        assert refused(limits, ONE) == ""
        limits.charge(ONE, 1)

    assert refused(limits, ONE) == "1"
    time.now += 0.5
    assert refused(limits, ONE) == ""


def test_a_request_rejected_for_another_reason_costs_a_token(time: SetClock) -> None:
    limits = rates(time, burst=2)
    for _ in range(2):
        limits.admit(ONE)  # and then its signature is wrong

    assert refused(limits, ONE) == "1"


def test_a_batch_pays_for_all_its_events(time: SetClock) -> None:
    limits = rates(time)
    limits.admit(ONE)
    limits.charge(ONE, 12)

    assert refused(limits, ONE) == "5"
    time.now += 5
    assert refused(limits, ONE) == ""


def test_an_empty_request_pays_as_one_event(time: SetClock) -> None:
    limits = rates(time, burst=1)
    limits.admit(ONE)
    limits.charge(ONE, 0)

    assert refused(limits, ONE) == "1"


def test_senders_do_not_pay_for_each_other(time: SetClock) -> None:
    limits = rates(time)
    limits.charge(ONE, 10)

    assert refused(limits, ONE)
    assert refused(limits, OTHER) == ""
    assert refused(limits, None) == ""


def test_an_ipv6_network_is_one_sender(time: SetClock) -> None:
    limits = rates(time)
    limits.charge(parse_address("2001:db8::1"), 10)

    assert refused(limits, parse_address("2001:db8::ffff:2"))
    assert refused(limits, parse_address("2001:db8:0:1::1")) == ""


def test_without_a_rate_everything_is_admitted_and_no_bucket_is_made(time: SetClock) -> None:
    limits = rates(time, rate=0)
    limits.charge(ONE, 1_000_000)

    assert refused(limits, ONE) == ""
    assert len(limits._buckets) == 0
    assert limits.per_minute == 0


def test_memory_is_bounded_and_the_longest_idle_bucket_is_evicted_first(time: SetClock) -> None:
    limits = rates(time)
    limits.charge(ONE, 100)
    for number in range(MAX_BUCKETS - 1):
        limits.admit(parse_address(f"10.0.{number >> 8}.{number & 255}"))
    assert refused(limits, ONE)  # no longer the longest idle

    limits.admit(OTHER)

    assert len(limits._buckets) == MAX_BUCKETS
    assert refused(limits, ONE)
    assert refused(limits, parse_address("10.0.0.0")) == ""


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5)), max_size=60))
def test_over_any_time_no_more_than_burst_and_rate_are_admitted(
    requests: list[tuple[float, int]],
) -> None:
    time = SetClock()
    limits = rates(time)
    began, events, largest = time.now, 0, 0
    for pause, size in requests:
        time.now += pause
        if not refused(limits, ONE):
            limits.charge(ONE, size)
            events += max(size, 1)
            largest = max(largest, size, 1)

    assert events <= 3.0 + 2.0 * (time.now - began) + largest


@pytest.mark.parametrize("rate", [1, 5])
def test_the_rate_per_minute_is_sixty_times_the_rate(time: SetClock, rate: int) -> None:
    assert rates(time, rate=rate).per_minute == rate * 60
