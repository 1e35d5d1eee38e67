"""How much one sender may send: a token bucket for each address, or for each credential.

A bucket holds ``burst`` tokens and gets ``rate`` more each second; an event costs one. A request
takes a token to be admitted, whatever becomes of it, so that a stranger who is refused again and
again is limited too; then it pays for the rest of its events, into debt if need be: what a batch
took too much, the next requests wait for. Memory is bounded: of more senders than are
kept, the one that was quiet longest is forgotten, which does it no harm.
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
"""An address, or a credential that was proved; whoever has neither is one sender with its like."""

MAX_BUCKETS: Final = 10_000
"""Senders with a bucket."""
_NETWORK_BITS: Final = 64
"""Of an IPv6 address: whoever has one has the whole network."""


class _Bucket:
    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


class TokenBuckets:
    """The buckets of all senders. ``rate`` is in events a second; 0 admits everything.

    ``by`` says, for those who are refused, what tells one sender from another.
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
        """What a sender may be promised; 0 for no limit."""
        return int(self._rate * 60)

    def admit(self, sender: BucketOwner) -> None:
        """Take a token. Raises RequestRejectedError when ``sender`` has sent too much."""
        if not self.limited:
            return
        bucket = self._bucket(sender)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
        else:
            wait = math.ceil((1 - bucket.tokens) / self._rate)
            raise RequestRejectedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many",
                f"more than {self._rate:g} events a second from this {self._by}",
                headers={"Retry-After": str(wait)},
            )

    def charge(self, sender: BucketOwner, events: int) -> None:
        """Take what an admitted request of so many events costs beyond its first."""
        if self.limited and events > 1:
            self._bucket(sender).tokens -= events - 1

    def _bucket(self, sender: BucketOwner) -> _Bucket:
        key = _key(sender)
        now = self._monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket


def _key(sender: BucketOwner) -> object:
    if isinstance(sender, IPv6Address):
        return int(sender) >> _NETWORK_BITS, 6
    return sender
