"""Fills Redis up to a share of its maxmemory."""

from router.journal.connection import Connection

_PIECE = 1 << 14


async def used_share(connection: Connection) -> float:
    """Return the share of maxmemory in use."""
    info = await connection.redis.info("memory")
    return float(info["used_memory"] / info["maxmemory"])


async def fill(connection: Connection, share: float) -> None:
    """Use this share of maxmemory, by one key."""
    redis = connection.redis
    await redis.delete("filler")
    info = await redis.info("memory")
    count = int((share * info["maxmemory"] - info["used_memory"]) / _PIECE)
    async with redis.pipeline(transaction=False) as pipeline:
        for _ in range(count):
            pipeline.rpush("filler", b"x" * (_PIECE - 100))
        await pipeline.execute()
