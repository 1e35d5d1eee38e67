"""Rate limits of senders: a token bucket for each client address, or for each credential.

A bucket holds up to ``burst`` tokens and gains ``rate`` a second; an event costs one token. A
request takes one token to be admitted, whatever becomes of it, so that requests without valid
credentials are limited too. Then it pays for the rest of its events, into debt if necessary: the
next requests wait for what a large batch took too much. Memory is bounded: above ``MAX_BUCKETS``,
the bucket that was idle longest is evicted, and its owner begins with a full one again.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Final

from router.datatypes import Address, Secret
from router.ingress.responses import RequestRejectedError

BucketOwner = Address | Secret | str | None
"""A client address or a verified credential. All senders that have neither share one bucket."""

MAX_BUCKETS: Final = 10_000
_NETWORK_BITS: Final = 64
"""Host bits of an IPv6 address that share a bucket, because a client usually has the network."""


class _Bucket:
    __slots__ = ("tokens", "updated_at")

    def __init__(self, tokens: float, updated_at: float) -> None:
        self.tokens = tokens
        self.updated_at = updated_at


class TokenBuckets:
    """The token buckets of all senders.

    Args:
        rate: Events a second; 0 admits everything.
        burst: Tokens that a bucket holds.
        monotonic: The clock, in seconds.
        by: The kind of owner, for the error message.
    """

    def __init__(
        self, *, rate: float, burst: float, monotonic: Callable[[], float], by: str = "address"
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._by = by
        self._buckets: OrderedDict[object, _Bucket] = OrderedDict()
        self.limited = rate > 0

    @property
    def per_minute(self) -> int:
        """Events a minute that a sender may send; 0 for no limit."""
        return int(self._rate * 60)

    def admit(self, owner: BucketOwner) -> None:
        """Take one token.

        Raises:
            RequestRejectedError: The bucket of ``owner`` is empty.
        """
        if not self.limited:
            return
        bucket = self._bucket(owner)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
        else:
            retry_after = math.ceil((1 - bucket.tokens) / self._rate)
            raise RequestRejectedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many",
                f"this {self._by} exceeds {_words(self._rate)}",
                headers={"Retry-After": str(retry_after)},
            )

    def charge(self, owner: BucketOwner, events: int) -> None:
        """Take the tokens of an admitted request of ``events`` events, beyond its first."""
        if self.limited and events > 1:
            self._bucket(owner).tokens -= events - 1

    def _bucket(self, owner: BucketOwner) -> _Bucket:
        key = _key(owner)
        now = self._monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        gained = (now - bucket.updated_at) * self._rate
        bucket.tokens = min(self._burst, bucket.tokens + gained)
        bucket.updated_at = now
        return bucket


def _words(rate: float) -> str:
    """Return a rate in the unit in which it is at least 1, or by the hour."""
    for unit, seconds in (("second", 1), ("minute", 60)):
        if rate * seconds >= 1:
            return f"{rate * seconds:g} events a {unit}"
    return f"{rate * 3600:g} events an hour"


def _key(owner: BucketOwner) -> object:
    if isinstance(owner, IPv6Address):
        return int(owner) >> _NETWORK_BITS, 6
    return owner
