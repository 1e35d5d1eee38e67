"""A limit on logins from one address, so that a stranger cannot guess tokens by the login page.

It is a limit of each process. What keeps a token secret is its length.
"""

from collections.abc import Callable
from typing import Final

from router.datatypes import parse_address
from router.ingress.rate_limit import TokenBuckets
from router.ingress.responses import RequestRejectedError

AT_ONCE: Final = 10
"""Attempts at once."""
SECONDS_EACH: Final = 30.0
"""Seconds after which one more is admitted."""


class LoginAttempts:
    """Counts the attempts of each address, or of each IPv6 network of 64 bits.

    Args:
        monotonic: The clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._buckets = TokenBuckets(rate=1 / SECONDS_EACH, burst=AT_ONCE, monotonic=monotonic)

    def admit(self, address: str) -> int:
        """Count an attempt; return 0, or the seconds to wait if it is one too many."""
        try:
            self._buckets.admit(parse_address(address))
        except RequestRejectedError as error:
            return int((error.headers or {}).get("Retry-After", SECONDS_EACH))
        return 0
