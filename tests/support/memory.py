"""Fills Redis up to a share of its maxmemory."""

from typing import Any

from router.journal.connection import Connection
from router.journal.memory_budget import memory_use
from support.waiting import until

_PIECE = 1 << 14


async def memory(connection: Connection) -> dict[str, Any]:
    """Return what INFO says of the memory, once all that was deleted is freed.

    Valkey frees a deleted key in a thread of its own.
    """

    async def freed() -> dict[str, Any] | None:
        info: dict[str, Any] = await connection.redis.info("memory")
        return None if info["lazyfree_pending_objects"] else info

    return await until(freed)  # type: ignore[return-value]


async def used_share(connection: Connection) -> float:
    """Return the share of maxmemory in use."""
    return memory_use(await memory(connection)).ratio


async def fill(connection: Connection, share: float) -> None:
    """Use this share of maxmemory, by one key.

    In several steps, because servers differ in what an element costs beside its bytes.
    """
    redis = connection.redis
    await redis.config_set("lazyfree-lazy-user-del", "no")  # yes by default in Valkey
    await redis.delete("filler")
    for _ in range(20):
        info = await memory(connection)
        count = int((share * info["maxmemory"] - info["used_memory"]) / _PIECE)
        if count <= 0:
            return
        for _ in range(count):
            await redis.rpush("filler", b"x" * (_PIECE - 100))
