"""T13: the memory by which duplicates are recognised, which limits the rate that a Redis carries."""

import math
from collections.abc import Iterator

from bench.outcome import Row, row
from bench.stage import Redis
from router.journal import keys
from router.journal.claims import begin_batch
from router.journal.keys import BatchId
from router.journal.leases import NO_TOKEN

_WINDOW_SECONDS = 86_400
_START_MS = 2_000_000_000_000
_BATCH = 1000


def rows(*, short: bool) -> Iterator[Row]:
    """Claim a window's events, then those of the next window: the most that is stored at once."""
    count = 200_000 if short else 2_000_000
    with Redis("everysec") as redis:
        _claim(redis, 0, _BATCH, _START_MS)  # the script is loaded, and its buffers are there
        redis.client.delete(keys.CLAIMS, *redis.client.keys(f"{keys.CLAIM_SHARD}*"))
        before = int(redis.client.info("memory")["used_memory"])
        cpu = redis.cpu()
        _claim(redis, 0, count, _START_MS)
        one = (redis.cpu() - cpu) / count * 1e6
        cpu = redis.cpu()
        _claim(redis, count, count, _START_MS + 1000 * _WINDOW_SECONDS)
        two = (redis.cpu() - cpu) / count * 1e6
        used = int(redis.client.info("memory")["used_memory"]) - before
    yield row(
        "T13",
        f"events/s whose claims for {_WINDOW_SECONDS // 3600} h fit into 1 GiB, at their most",
        [(1 << 30) / (_WINDOW_SECONDS * used / count)],
        unit="events/s",
        at_least=300,
        figures={
            "bytes/event": used / count,
            "bytes/claim": used / count / 2,
            "Redis µs/claim, first window": one,
            "Redis µs/claim, later": two,
        },
    )


def _claim(redis: Redis, first: int, count: int, now_ms: int) -> None:
    """Claim events, evenly spread over a window."""
    step_ms = 1000 * _WINDOW_SECONDS / count
    for start in range(first, first + count, _BATCH):
        batch_id = BatchId(f"batch{start}")
        digests = b"".join(keys.event_digest(f"event {start + each}") for each in range(_BATCH))
        redis.client.rpush(keys.batch(batch_id), b"\x90")
        call = begin_batch(
            batch_id,
            NO_TOKEN,
            set_ms=now_ms + math.floor((start - first) * step_ms),
            window_ms=1000 * _WINDOW_SECONDS,
            digests=digests,
        )
        redis.client.execute_command(*call.by_source())
        redis.client.delete(keys.batch(batch_id), keys.digests(batch_id))
