"""What an HTTP answer means for a delivery (pure).

======================  =========================================================
2xx                     delivered
408, 425, 429, 5xx      failed, try again; ``Retry-After`` is obeyed
3xx                     refused: redirects are not followed
410                     refused, and the destination is disabled: it is gone for good
other 4xx               refused: the same request would get the same answer
anything else           failed
======================  =========================================================
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import msgspec

from router.alerts import RESPONSE_LIMIT, Delivered, Failed, Outcome, Refused

_TRY_AGAIN: Final = frozenset({408, 425, 429})
_SECONDS: Final = re.compile(r"-?[0-9]{1,15}")
_REDIRECT: Final = "redirects are not followed, configure the final URL"


class HttpReply(msgspec.Struct, frozen=True):
    """A receiver's answer, read as far as we read answers."""

    status: int
    retry_after: str
    """The header as it came, ``""`` where there was none."""
    text: str
    """The body, without secrets; ``""`` where nobody will look at it."""
    content: bytes = b""
    """The body of a 2xx as it came, for those who asked for it. It may hold secrets."""


def outcome(answer: HttpReply, *, now: float) -> Outcome:
    """The table above. ``now`` is Unix time, for a Retry-After that is a date."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered(status)
    if 300 <= status < 400:
        return refused(answer, f"{_phrase(status)}: {_REDIRECT}")
    if status == HTTPStatus.GONE:
        return msgspec.structs.replace(refused(answer, _phrase(status)), disables=True)
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return refused(answer, _phrase(status))
    return failed(answer, _phrase(status), now=now)


def refused(answer: HttpReply, reason: str) -> Refused:
    return Refused(reason, answer.status, answer.text[:RESPONSE_LIMIT])


def failed(answer: HttpReply, reason: str, *, now: float) -> Failed:
    return Failed(
        reason,
        answer.status,
        answer.text[:RESPONSE_LIMIT],
        retry_after_seconds(answer.retry_after, now=now),
    )


def retry_after_seconds(header: str, *, now: float) -> float | None:
    """How long a Retry-After header (RFC 9110, section 10.2.3) asks to wait, from ``now``.

    Seconds or an HTTP date; 0 for what lies in the past, None for no header or one that is
    neither. Not capped: that is the business of whoever plans the next attempt.
    """
    header = header.strip()
    if _SECONDS.fullmatch(header):
        return max(0.0, float(header))
    try:
        date = parsedate_to_datetime(header)
        # An HTTP date is in GMT; its two obsolete forms may leave that out.
        at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, at - now)


def _phrase(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
