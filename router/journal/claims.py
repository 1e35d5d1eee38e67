"""Claims: which events were accepted within the dedup window, in a few bytes each.

A batch claims each of its events once, when it begins (``begin_batch.lua``); an event that is claimed
already is a duplicate. The claims of a time are a bucket: a new event is looked up in every bucket that
is not older than the window, added to the newest one, and a bucket is dropped as a whole. A bucket is
cut into shards by the first bits of the digest. A shard is a set of integers, which Redis stores as a
sorted array of 8 bytes each up to 512 (``set-max-intset-entries``), so a bucket is opened with as many
shards as the claims before it make likely, and is closed early if it becomes full.

Cost: about 9.5 bytes a claim and two lookups. A bucket is open for a window and stays for another
one, so a claim takes its bytes for one to two windows. While memory is short, buckets are open for a
quarter of a window: more lookups, less to evict at once.

An integer has 62 bits of the digest and a shard up to 20 others. The odds that a new event meets the
claim of another one are 1 in 10^16.

The results of a batch's claims are stored with it until it is finished, so that a rerun has the same:
claims do not name their batch.

Routers before this form claimed each event by a key (``router:seen:<digest>``), for the window. For as
long as such a claim or such a router may exist, both forms are read and written: for one window after
the first batch that this form claims in a Redis that was used before, or after a batch that an older
router accepted. The field ``older_until_ms`` is the end of that time.
"""

import struct
from typing import Any, Final

import msgspec

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keys import BatchId
from router.journal.leases import LeaseToken
from router.journal.script import (
    PackedArguments,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
)

CLAIM_BYTES: Final = 9.5
"""Memory of a claim on average, jemalloc's rounding and the shard's key included; measured by T13."""
_SHARD_STEP: Final = 500
"""Shards that are deleted while Redis runs nothing else: 0.3 ms."""


class ClaimBucket(msgspec.Struct, frozen=True, array_like=True):
    """The claims of a time. Times are Unix ms of Redis's clock."""

    id: int
    started_ms: int
    closes_ms: float
    """When the next bucket is opened."""
    expires_ms: float
    """When all its claims have lasted for the window."""
    bits: int
    """It has 2^bits shards."""
    claims: int
    """0 while it is the newest; the field ``count`` then has their number."""


class DroppedBucket(msgspec.Struct, frozen=True, array_like=True):
    """A bucket whose shards are being deleted. No event is looked up in it."""

    id: int
    bits: int
    next_shard: int


class ClaimState(msgspec.Struct, frozen=True, array_like=True):
    """The field ``state`` of ``router:claims``, a msgpack array. Another form takes another field."""

    form: int = 1
    next_bucket: int = 1
    older_until_ms: float = 0
    complete_since_ms: float = 0
    """Claims before this time were evicted."""
    evicted: int = 0
    """All claims that were ever evicted."""
    is_tight: int = 0
    dropped: list[DroppedBucket] = []
    buckets: list[ClaimBucket] = []
    """The oldest one first."""


class ClaimStatus(msgspec.Struct, frozen=True):
    """How many claims there are, and for how long they last."""

    claims: int = 0
    evicted: int = 0
    window_seconds: float = 0.0
    """The age up to which duplicates are recognised; 0 before the first claim."""

    @property
    def size_bytes(self) -> int:
        """An estimate of the memory of the claims."""
        return int(self.claims * CLAIM_BYTES)


_decode = msgspec.msgpack.Decoder(ClaimState).decode


def begin_batch(
    batch_id: BatchId, token: LeaseToken, *, set_ms: int, window_ms: int, digests: bytes = b""
) -> ScriptCall:
    """Return the call that begins a batch and claims its events.

    ``digests`` are those of all its events, if the journal does not have them.
    """
    return _BEGIN(
        _BeginBatchKeys(
            keys.filling(keys.EVALUATE_QUEUE),
            keys.batch(batch_id),
            keys.digests(batch_id),
            keys.identities(batch_id),
            keys.parts(batch_id),
            keys.CLAIMS,
            keys.LEDGER,
            keys.EVALUATE_QUEUE,
            *keys.job_keys(batch_id),
        ),
        _BeginBatchArguments(
            batch_id, token, set_ms, window_ms, keys.CLAIM_SHARD, keys.seen(b""), digests
        ),
    )


class Claims:
    """The claims as a whole. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def status(self) -> ClaimStatus:
        """Return how many claims there are now."""
        return await read_claims(self._connection, 1000 * self._now())

    async def maintain(
        self, *, is_tight: bool, evicted: int = 0, min_claims: int | None = None
    ) -> int:
        """Delete the claims whose window has passed, and evict the oldest bucket of the others.

        Args:
            is_tight: Whether memory is short, so that the next buckets are shorter.
            evicted: The number of evicted claims by which the caller has decided.
            min_claims: Evict a bucket that has as many claims; None to evict none.

        Returns:
            The number of claims evicted.
        """
        total = 0
        while True:
            gone, has_more = await self._connection.run(
                _MAINTAIN(
                    _MaintainClaimsKeys(keys.CLAIMS),
                    _MaintainClaimsArguments(
                        set_ms=self._set_ms(),
                        is_tight=is_tight,
                        evicted=evicted,
                        min_claims=min_claims,
                        max_shards=_SHARD_STEP,
                        shard_prefix=keys.CLAIM_SHARD,
                    ),
                )
            )
            total += int(gone)
            min_claims = None
            if not has_more:
                return total


async def read_claims(connection: Connection, now_ms: float) -> ClaimStatus:
    """Return how many claims there are. A state that cannot be read counts as none.

    Raises JournalUnavailableError.
    """
    text, count = await connection.ask(connection.redis.hmget(keys.CLAIMS, "state", "count"))
    return _status(text, count, now_ms)


async def is_claimed(connection: Connection, event_key: str, now_ms: float) -> bool:
    """Return whether an event was accepted within the window. Evicted claims are not known any more.

    Raises JournalUnavailableError.
    """
    text = await connection.ask(connection.redis.hget(keys.CLAIMS, "state"))
    try:
        buckets = _decode(text or b"").buckets
    except msgspec.MsgspecError:
        return False
    place, high, low = struct.unpack_from(">III", keys.event_digest(event_key))
    member = f"{high}{low % 10**9:09d}"
    pipeline = connection.redis.pipeline(transaction=False)
    for bucket in buckets:
        if bucket.expires_ms > now_ms:
            pipeline.sismember(
                f"{keys.CLAIM_SHARD}{bucket.id}:{place >> (32 - bucket.bits)}", member
            )
    return any(await connection.ask(pipeline.execute()))


def _status(text: bytes | None, count: Any, now_ms: float) -> ClaimStatus:
    try:
        state = _decode(text or b"")
        newest = int(count or 0)
    except (msgspec.MsgspecError, ValueError):
        return ClaimStatus()
    if not state.buckets:
        return ClaimStatus(evicted=state.evicted)
    last = state.buckets[-1]
    window_ms = min(last.expires_ms - last.closes_ms, now_ms - state.complete_since_ms)
    return ClaimStatus(
        claims=newest + sum(bucket.claims for bucket in state.buckets[:-1]),
        evicted=state.evicted,
        window_seconds=max(0.0, window_ms / 1000),
    )


class _BeginBatchKeys(ScriptKeys, frozen=True):
    filling: str
    batch: str
    digests_key: str
    identities: str
    parts: str
    claims: str
    ledger: str
    queue: str
    job: str
    lease: str
    starts: str


class _BeginBatchArguments(PlainArguments, frozen=True):
    batch_id: BatchId
    token: LeaseToken
    set_ms: int
    window_ms: int
    shard_prefix: str
    seen_prefix: str
    given: bytes
    """The digests of the events, 16 bytes each; empty if they are stored."""


class _MaintainClaimsKeys(ScriptKeys, frozen=True):
    claims: str


class _MaintainClaimsArguments(PackedArguments, frozen=True):
    set_ms: int
    is_tight: bool
    evicted: int
    min_claims: int | None
    max_shards: int
    shard_prefix: str


_BEGIN: Final = Script("begin_batch", _BeginBatchKeys, _BeginBatchArguments)
_MAINTAIN: Final = Script("maintain_claims", _MaintainClaimsKeys, _MaintainClaimsArguments)
