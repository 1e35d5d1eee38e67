"""The meaning of an HTTP reply for a delivery (pure).

======================  =============================================================
2xx                     delivered
408, 421, 423, 425,     failed, retried; ``Retry-After`` applies, and a 429 does not count
429, 499, 5xx
3xx                     refused: redirects are not followed, see below
410                     refused, and the destination is disabled: it is gone for good
400, 409, 413, 422, …   refused: the same request would get the same reply
other 4xx               refused, as is 3xx, for a fault of the destination (credentials, URL)
anything else           failed, retried
======================  =============================================================
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import msgspec

from router.alerts import RESPONSE_LIMIT, Delivered, Failed, Outcome, Refused
from router.timestamps import unix_seconds

# 421: another connection may lead to the right server. 423: locked for now. 499: a proxy in front
# gave up on its own side (nginx).
_RETRIED: Final = frozenset({408, 421, 423, 425, 429, 499})
# Statuses about the content of a request (RFC 9110, section 15.5; RFC 4918 and RFC 6585).
_OF_THE_MESSAGE: Final = frozenset({400, 409, 412, 413, 414, 415, 416, 417, 422, 424, 428, 431})
_SECONDS: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_REDIRECT: Final = "redirects are not followed, configure the final URL"


class HttpReply(msgspec.Struct, frozen=True):
    """A receiver's reply, as far as it was read."""

    status: int
    retry_after: str
    """The Retry-After header as received, ``""`` if there was none."""
    text: str
    """The body without secrets, ``""`` for a 2xx."""
    content: bytes = b""
    """The body as received, for a client that keeps it. It may contain secrets."""


def outcome(reply: HttpReply, *, now: float) -> Outcome:
    """Return the outcome of the table above.

    Args:
        reply: The reply.
        now: Unix time in seconds, for a Retry-After that is a date.
    """
    status = reply.status
    if 200 <= status < 300:
        return Delivered(status)
    if 300 <= status < 400:
        return refused(reply, f"{phrase(status)}: {_REDIRECT}")
    if status == HTTPStatus.GONE:
        return msgspec.structs.replace(refused(reply, phrase(status)), disables=True)
    if 400 <= status < 500 and status not in _RETRIED:
        return refused(reply, phrase(status))
    return failed(reply, phrase(status), now=now)


def refused(reply: HttpReply, reason: str) -> Refused:
    """Return the outcome of a reply that is final."""
    return Refused(
        reason,
        reply.status,
        reply.text[:RESPONSE_LIMIT],
        of_delivery=reply.status in _OF_THE_MESSAGE,
    )


def failed(reply: HttpReply, reason: str, *, now: float) -> Failed:
    """Return the outcome of a reply after which the delivery is retried."""
    return Failed(
        reason,
        reply.status,
        reply.text[:RESPONSE_LIMIT],
        retry_after_seconds(reply.retry_after, now=now),
        throttled=reply.status == HTTPStatus.TOO_MANY_REQUESTS,
    )


def retry_after_seconds(header: str, *, now: float) -> float | None:
    """Return the wait that a Retry-After header (RFC 9110, section 10.2.3) asks for.

    Not capped, because that is the retry policy's decision.

    Args:
        header: Seconds, also with a fraction, as some receivers write it; an HTTP date in each of
            its three forms; or a time of RFC 3339.
        now: Unix time in seconds.

    Returns:
        Seconds from ``now``, infinity for a number beyond floats; None if the header has none of
        these forms, is not above 0, or is a time in the past.
    """
    header = header.strip()
    seconds = float(header) if _SECONDS.fullmatch(header) else _seconds_until(header, now)
    return seconds if seconds > 0 else None


def _seconds_until(header: str, now: float) -> float:
    """Return the seconds until a time; 0 for a text that is no time."""
    at = unix_seconds(header)
    if at is not None:
        return at - now
    try:
        date = parsedate_to_datetime(header)
        # An HTTP date is in GMT; its two obsolete forms may leave that out.
        at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return at - now


def phrase(status: int) -> str:
    """Return a status with its name, for example ``HTTP 404 Not Found``."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
