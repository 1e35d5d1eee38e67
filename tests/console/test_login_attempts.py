"""Logins from one address are limited."""

from support.clock import SetClock

from router.console.login_attempts import AT_ONCE, SECONDS_EACH, LoginAttempts


def test_an_address_may_try_a_few_times_and_then_slowly() -> None:
    time = SetClock()
    attempts = LoginAttempts(lambda: time.now)

    first = [attempts.admit("192.0.2.7") for _ in range(AT_ONCE + 1)]
    assert first == [0] * AT_ONCE + [SECONDS_EACH]
    assert attempts.admit("192.0.2.8") == 0
    time.now += SECONDS_EACH
    assert [attempts.admit("192.0.2.7") for _ in range(2)] == [0, SECONDS_EACH]


def test_an_ipv6_network_is_one_address_and_those_without_one_are_another() -> None:
    attempts = LoginAttempts(lambda: 0.0)

    for number in range(AT_ONCE):
        assert attempts.admit(f"2001:db8::{number}") == 0
        assert attempts.admit("") == 0
    assert attempts.admit("2001:db8::ffff") > 0
    assert attempts.admit("2001:db8:0:1::1") == 0
    assert attempts.admit("") > 0
