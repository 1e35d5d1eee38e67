"""The age of a request, by the time that its sender signed. Pure.

A copy of a signed request is as genuine as the request. A tolerance limits for how long a copy
passes. It is a limit in both directions, because a time in the future would pass for longer.
"""

from typing import Final

from router.datatypes import Duration
from router.sources.contract import Refusal, RequestHead
from router.timestamps import seconds_of, unix_seconds

_LONGEST_NUMBER: Final = 20
_LONGEST_TOLERANCE: Final = 86400.0


def check_tolerance(tolerance: Duration) -> None:
    """Raise ValueError for a tolerance that refuses every request, or protects from no replay."""
    if not 0 < tolerance <= _LONGEST_TOLERANCE:
        raise ValueError(
            "tolerance must be more than 0 and at most 1d, so that a request passes and its copies"
            " do not: write for example 5m"
        )


def read_time(text: str) -> float | None:
    """Return the Unix seconds that a timestamp denotes; None if it denotes none.

    Read are Unix seconds, Unix milliseconds and RFC 3339.
    """
    if not (text.isascii() and text.isdigit()):
        return unix_seconds(text)
    if len(text) > _LONGEST_NUMBER:
        return None
    return seconds_of(float(text))


def check_age(head: RequestHead, signed_at: float, tolerance: float) -> Refusal | None:
    """Refuse a genuine request that is older or newer than ``tolerance`` allows."""
    age = head.received_at - signed_at
    if abs(age) <= tolerance:
        return None
    span, allowed = duration_words(abs(age)), duration_words(tolerance)
    if age > 0:
        return Refusal(
            code="too_old",
            reason="the request was signed too long ago",
            hint=f"the signature fits, but the request is {span} old and the source allows {allowed}:"
            " compare the clocks of sender and router, or raise tolerance",
        )
    return Refusal(
        code="too_new",
        reason="the request was signed in the future",
        hint=f"the signature fits, but the request is from {span} in the future and the source allows"
        f" {allowed}: compare the clocks of sender and router",
    )


def duration_words(seconds: float) -> str:
    """Return a duration for a reader: ``12 minutes``."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            return _counted(seconds / length, unit)
    return _counted(seconds, "second")


def _counted(number: float, unit: str) -> str:
    rounded = round(number)
    return f"{rounded} {unit}" if rounded == 1 else f"{rounded} {unit}s"
