"""The configuration that all kinds share: its checks and what follows from it."""

import msgspec
import pytest

from router.datatypes import Duration, decode_value
from router.destinations.contract import (
    MAX_ATTEMPTS,
    BreakerPolicy,
    DestinationConfig,
    Links,
    RetryPolicy,
    no_links,
)


def decoded(text: dict[str, object], kind: type = DestinationConfig) -> object:
    return msgspec.convert(text, kind, dec_hook=decode_value)


@pytest.mark.parametrize(
    ("written", "attempts"),
    [
        ({}, 160),
        ({"attempts": 1}, 1),
        ({"attempts": MAX_ATTEMPTS}, MAX_ATTEMPTS),
        ({"schedule": ["10s"]}, 2),
        ({"schedule": ["10s", "1m", "10m", "1h", "1d"]}, 6),
        ({"schedule": ["0s"] * (MAX_ATTEMPTS - 1)}, MAX_ATTEMPTS),
        ({"attempts": 160, "schedule": ["1s"]}, 2),
        ({"longest": "30d"}, 160),
    ],
)
def test_how_many_attempts_a_policy_allows(written, attempts):
    assert decoded(written, RetryPolicy).all_attempts == attempts


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        (RetryPolicy, {"attempts": 0}, "attempts must be from 1 to 1000"),
        (RetryPolicy, {"attempts": MAX_ATTEMPTS + 1}, "attempts must be from 1 to 1000"),
        (RetryPolicy, {"schedule": ["1s"] * MAX_ATTEMPTS}, "attempts must be from 1 to 1000"),
        (RetryPolicy, {"attempts": 3, "schedule": ["1s"]}, "attempts and schedule exclude"),
        (RetryPolicy, {"longest": "31d"}, "at most 30d"),
        (RetryPolicy, {"schedule": ["31d"]}, "at most 30d"),
        (BreakerPolicy, {"failures": 0}, "failures and attempts must be at least 1"),
        (BreakerPolicy, {"attempts": 0}, "failures and attempts must be at least 1"),
        (BreakerPolicy, {"share": 0.0}, "share must be more than 0 and at most 1"),
        (BreakerPolicy, {"share": 1.1}, "share must be more than 0 and at most 1"),
        (BreakerPolicy, {"open_for": "0s"}, "open_for must be more than 0"),
        (BreakerPolicy, {"open_for": "2m"}, "open_for must be more than 0 and at most longest"),
        (BreakerPolicy, {"window": "0s"}, "window more than 0"),
        (DestinationConfig, {"timeout": "0s"}, "timeout is 0"),
        (DestinationConfig, {"concurrency": 0}, "concurrency must be at least 1"),
        (DestinationConfig, {"retries": 3}, "unknown field `retries`"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(kind, written, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        decoded(written, kind)


def test_by_default_each_delivery_is_due_at_once_and_has_a_slot_of_its_own():
    config = DestinationConfig(concurrency=3, timeout=Duration(1))
    assert (config.slots, config.due_at(1_700_000_000.0)) == (3, None)


def test_without_a_public_url_there_are_no_links(alert):
    assert no_links(alert) == Links()
