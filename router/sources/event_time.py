"""Times as senders write them, converted to RFC 3339.

| written as | for example by |
|---|---|
| RFC 3339 | most |
| RFC 5322, `Tue, 24 Nov 2026 18:00:00 +0000` | Twilio's status callbacks |
| a number of seconds since 1970; from 1e11 on, of milliseconds | Stripe, Slack, SendGrid |
"""

import email.utils
from datetime import UTC
from typing import Any, Final

from router.cel import as_json
from router.cel.values import TimestampValue
from router.timestamps import rfc3339_utc, seconds_of, unix_nanoseconds

_LATEST: Final = 253_402_300_800
_LENGTH_LIMIT: Final = 100
_DIGITS: Final = frozenset("0123456789.")


def event_time(value: Any) -> str | None:
    """Return a time in RFC 3339; None if the value is none.

    Args:
        value: A value of CEL.
    """
    if isinstance(value, TimestampValue):
        return str(as_json(value))
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    return None


def _of_text(text: str) -> str | None:
    if len(text) > _LENGTH_LIMIT:
        return None
    if unix_nanoseconds(text) is not None:
        return text
    if text and _DIGITS.issuperset(text) and text.count(".") <= 1 and text != ".":
        return _of_number(float(text))
    try:
        time = email.utils.parsedate_to_datetime(text)
        # Without a zone, or with -0000, the time is of UTC, and not of the machine's zone.
        return rfc3339_utc((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _of_number(number: float) -> str | None:
    if not 0 <= number < _LATEST * 1000:  # which NaN is not
        return None
    return rfc3339_utc(seconds_of(number))
