"""Claims in buckets: an event is evaluated once within the window, whatever happens to the buckets."""

import msgspec
import pytest
from support.clock import SetClock
from support.events import event_from

from router.clock import Clock
from router.events.model import Event, Received
from router.journal import keys
from router.journal.batches import Batches
from router.journal.claims import CLAIM_BYTES, Claims, ClaimState, begin_batch, is_claimed
from router.journal.connection import Connection
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId
from router.journal.leases import NO_TOKEN

DAY = 86_400
HOUR = 3600


class Router:
    """Ingress and a worker that claims for a day, with a clock that the test sets."""

    def __init__(self, connection: Connection, time: SetClock, sample: bytes) -> None:
        self.connection = connection
        self.time = time
        self.batches = Batches(connection, time.clock())
        self.claims = Claims(connection, time.clock())
        self.sample = sample

    def event(self, event_id: str) -> Event:
        return event_from(self.sample, id=event_id)

    async def accept(self, *ids: str) -> BatchId:
        await self.connection.redis.delete(keys.filling(keys.EVALUATE_QUEUE))
        known = set(await self.connection.redis.zrange(keys.BATCHES, 0, -1))
        await self.batches.accept([Received([self.event(each) for each in ids], [])])
        (new,) = set(await self.connection.redis.zrange(keys.BATCHES, 0, -1)) - known
        return BatchId(new.decode())

    async def claim(self, *ids: str) -> list[bool]:
        """Accept events and evaluate them to their end; return which were not duplicates."""
        batch_id = await self.accept(*ids)
        begun = await self.batches.begin(batch_id, claim_seconds=DAY)
        assert begun is not None
        await self.batches.finish(batch_id, FinishedWork(filtered=1))
        return begun.claims

    async def state(self) -> ClaimState:
        packed = await self.connection.redis.hget(keys.CLAIMS, "state")
        return msgspec.msgpack.decode(packed, type=ClaimState)

    async def fill(self, count: int) -> None:
        """Claim further events, by the script alone."""
        clock = self.time.clock()
        for start in range(0, count, 1000):
            batch_id = BatchId(f"fill{start}")
            digests = b"".join(
                keys.event_digest(f"fill {start + each}")
                for each in range(min(1000, count - start))
            )
            await self.connection.redis.rpush(keys.batch(batch_id), b"\x90")
            call = begin_batch(
                batch_id,
                NO_TOKEN,
                set_ms=clock.journal_ms(),
                window_ms=1000 * DAY,
                digests=digests,
            )
            await self.connection.run(call)
            await self.connection.redis.delete(keys.batch(batch_id), keys.digests(batch_id))


@pytest.fixture
def router(connection: Connection, time: SetClock, sample: bytes) -> Router:
    return Router(connection, time, sample)


@pytest.mark.parametrize("wait", [0, HOUR, 23 * HOUR, 24 * HOUR - 1])
@pytest.mark.parametrize("before", [0, 20 * HOUR, 47 * HOUR])
async def test_a_duplicate_is_recognised_for_the_window(
    router: Router, before: int, wait: int
) -> None:
    """At any place of its bucket. Seen to fail with buckets that are dropped when they are closed."""
    await router.claim("first")
    router.time.now += before
    await router.claim("one")
    router.time.now += wait
    await router.claim("other")

    assert await router.claim("one", "two") == [False, True]


async def test_a_claim_can_be_looked_up_in_each_bucket(router: Router) -> None:
    await router.claim("one")
    await router.fill(400 * 2**10)  # a full bucket is followed by another one
    await router.claim("two")
    assert len((await router.state()).buckets) == 2

    async def known(event_id: str, *, after: int = 0) -> bool:
        now_ms = 1000 * (router.time.now + after)
        return await is_claimed(router.connection, router.event(event_id).key, now_ms)

    assert [await known(each) for each in ("one", "two", "three")] == [True, True, False]
    assert not await known("two", after=49 * HOUR)


async def test_an_event_of_a_bucket_that_has_expired_is_new(router: Router) -> None:
    """Seen to fail without the comparison of a bucket's expiry."""
    await router.claim("one")
    router.time.now += 25 * HOUR
    await router.claim("other")
    router.time.now += 23.5 * HOUR

    assert await router.claim("one") == [True]
    assert len((await router.state()).buckets) == 2


async def test_a_rerun_finds_its_own_claims_and_no_others(router: Router) -> None:
    """Seen to fail without the stored result: the rerun took its own claims for another batch's."""
    await router.claim("one")
    batch_id = await router.accept("one", "two", "three", "two")

    first = await router.batches.begin(batch_id, claim_seconds=DAY)
    rerun = await router.batches.begin(batch_id, claim_seconds=DAY)

    assert first == rerun
    assert first is not None
    assert first.claims == [False, True, True, False]


async def test_the_result_of_a_batch_outlives_its_claims(router: Router) -> None:
    """Seen to fail with a result that expires after a day: workers may be off for longer."""
    batch_id = await router.accept("one")
    await router.batches.begin(batch_id, claim_seconds=DAY)
    (bucket,) = (await router.state()).buckets

    lasts = await router.connection.redis.pttl(keys.digests(batch_id))

    assert router.time.now * 1000 + lasts > bucket.expires_ms


async def test_a_full_bucket_is_followed_by_a_larger_one(router: Router) -> None:
    """Seen to fail with buckets that are closed by time alone: their shards become hash tables."""
    await router.claim("one")
    await router.connection.redis.hset(keys.CLAIMS, "count", 384 * 1024 - 1)
    await router.claim("two")

    assert [each.bits for each in (await router.state()).buckets] == [10, 14]
    assert await router.claim("one", "two", "three") == [False, False, True]


async def test_the_next_bucket_is_as_large_as_the_events_before_make_likely(
    router: Router,
) -> None:
    await router.claim("one")
    await router.connection.redis.hset(keys.CLAIMS, "count", 5_000_000)
    router.time.now += 25 * HOUR
    await router.claim("two")

    *_, newest = (await router.state()).buckets
    assert 128 <= 5_000_000 / 2**newest.bits <= 256


async def test_claims_without_a_readable_state_begin_anew(router: Router) -> None:
    """Seen to fail without ``pcall``: no batch was begun any more."""
    await router.claim("one")
    await router.connection.redis.hset(keys.CLAIMS, "state", b"\xc1 junk")

    assert await router.claim("two") == [True]
    assert await router.claim("two") == [False]


async def test_a_claim_takes_a_few_bytes(router: Router, redis_memory: int) -> None:
    """136 bytes before. Seen to fail with hash tables in place of sets of integers (1 shard)."""
    await router.claim("first")
    await router.fill(200_000)
    used = (await router.connection.redis.info("memory"))["used_memory"] - redis_memory

    assert (await router.claims.status()).claims == 200_001
    assert used / 200_000 < 1.3 * CLAIM_BYTES


@pytest.fixture
async def redis_memory(connection: Connection) -> int:
    used: int = (await connection.redis.info("memory"))["used_memory"]
    return used


async def test_claims_whose_window_has_passed_are_deleted(router: Router) -> None:
    """Seen to fail with a bucket that is only forgotten: its shards stayed until their expiry."""
    await router.fill(3000)
    router.time.now += 49 * HOUR

    await router.claims.maintain(is_tight=False)

    assert await router.connection.redis.keys(f"{keys.CLAIM_SHARD}*") == []
    assert (await router.claims.status()).claims == 0


async def test_the_oldest_bucket_is_evicted_and_the_window_is_shorter(router: Router) -> None:
    """Seen to fail if the newest one goes."""
    await router.claim("old")
    router.time.now += 25 * HOUR
    await router.claim("new")
    router.time.now += HOUR

    assert await router.claims.maintain(is_tight=True, evicted=0, min_claims=1) == 1

    status = await router.claims.status()
    assert (status.claims, status.evicted, status.window_seconds) == (1, 1, 2 * HOUR)
    assert await router.claim("old", "new") == [True, False]


async def test_two_workers_that_see_the_same_shortage_evict_once(router: Router) -> None:
    """Seen to fail without the comparison of the number of evicted claims."""
    await router.claim("old")
    router.time.now += 25 * HOUR
    await router.claim("new")

    evicted = [
        await router.claims.maintain(is_tight=True, evicted=0, min_claims=1) for _ in range(2)
    ]

    assert evicted == [1, 0]


async def test_a_small_bucket_is_not_evicted(router: Router) -> None:
    await router.fill(1000)

    assert await router.claims.maintain(is_tight=True, evicted=0, min_claims=1001) == 0


async def test_buckets_are_shorter_while_memory_is_short(router: Router) -> None:
    """Seen to fail if only later buckets are shorter: the current one was open for a day."""
    await router.claim("one")
    await router.claims.maintain(is_tight=True)
    router.time.now += 7 * HOUR
    await router.claim("two")
    router.time.now += 7 * HOUR
    await router.claim("three")

    assert len((await router.state()).buckets) == 3
    router.time.now += 9 * HOUR
    assert await router.claim("one", "two", "three") == [False, False, False]


def older_claim(router: Router, event_id: str) -> tuple[str, str]:
    """Return the key of an event's claim, as routers before buckets wrote it, and a batch."""
    return keys.seen(keys.event_digest(router.event(event_id).key)), "older"


async def test_claims_of_older_routers_are_recognised_and_made(router: Router) -> None:
    """In a Redis that was used before. Seen to fail without either."""
    await router.connection.redis.hset(keys.LEDGER, "filtered", 1)
    key, batch = older_claim(router, "one")
    await router.connection.redis.set(key, batch, ex=DAY)

    assert await router.claim("one", "two") == [False, True]
    assert await router.connection.redis.exists(older_claim(router, "two")[0])


async def test_a_batch_that_an_older_worker_began_has_its_claims(router: Router) -> None:
    """Seen to fail without the comparison with the batch's id: its events were lost."""
    await router.connection.redis.hset(keys.LEDGER, "filtered", 1)
    batch_id = await router.accept("one")
    await router.connection.redis.set(older_claim(router, "one")[0], batch_id, ex=DAY)

    begun = await router.batches.begin(batch_id, claim_seconds=DAY)

    assert begun is not None
    assert begun.claims == [True]


async def test_a_batch_of_an_older_ingress_begins_the_time_of_both_forms(router: Router) -> None:
    """Seen to fail without ``EXISTS identities``: a newer worker in a new Redis ignored older ones."""
    batch_id = await router.accept("one")
    digest = keys.event_digest(router.event("one").key)
    await router.connection.redis.rename(keys.digests(batch_id), keys.identities(batch_id))
    await router.connection.redis.set(keys.identities(batch_id), digest.hex())

    await router.batches.begin(batch_id, claim_seconds=DAY)

    assert await router.connection.redis.get(keys.seen(digest)) == batch_id.encode()


async def test_a_commit_joins_the_batch_of_an_older_ingress(router: Router) -> None:
    """Seen to fail if the digests of a part of the batch are taken for those of all of it."""
    batch_id = await router.accept("one")
    await router.connection.redis.delete(keys.digests(batch_id))
    await router.connection.redis.hset(
        keys.filling(keys.EVALUATE_QUEUE), mapping={"id": batch_id, "weight": 1}
    )
    await router.batches.accept([Received([router.event("two")], [])])
    assert 0 < await router.connection.redis.ttl(keys.digests(batch_id)) <= DAY

    begun = await router.batches.begin(batch_id, claim_seconds=DAY)

    assert begun is not None
    assert begun.claims == [True, True]
    assert await router.claim("one", "two") == [False, False]


@pytest.mark.parametrize("older_events", [14, 15, 16])
async def test_digests_of_a_part_of_a_batch_are_not_results(
    router: Router, older_events: int
) -> None:
    """Mutant: the length alone tells results from digests; 16 bytes are taken for 16 results.

    All events but a few were then counted as duplicates.
    """
    batch_id = await router.accept(*(f"older {number}" for number in range(older_events)))
    await router.connection.redis.delete(keys.digests(batch_id))  # an older ingress stores none
    await router.connection.redis.set(keys.identities(batch_id), "in hexadecimal")
    filling = {"id": batch_id, "weight": older_events}
    await router.connection.redis.hset(keys.filling(keys.EVALUATE_QUEUE), mapping=filling)
    await router.batches.accept([Received([router.event("newer")], [])])

    begun = await router.batches.begin(batch_id, claim_seconds=DAY)

    assert begun is not None
    assert begun.claims == [True] * (older_events + 1)


async def test_older_claims_are_no_longer_made_after_a_window(router: Router) -> None:
    """Seen to fail without the end of that time."""
    await router.connection.redis.hset(keys.LEDGER, "filtered", 1)
    await router.claim("one")
    router.time.now += DAY + 1
    await router.claim("two")

    assert not await router.connection.redis.exists(older_claim(router, "two")[0])


@pytest.mark.usefixtures("clock")
async def test_a_new_redis_has_no_older_claims(router: Router, clock: Clock) -> None:
    assert clock.now() == router.time.now
    await router.claim("one")

    assert await router.connection.redis.keys("router:seen:*") == []
