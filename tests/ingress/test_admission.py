"""Events are rejected above 80 % of maxmemory, and only there."""

from pathlib import Path

import pytest
from support.admission import admission_to

from router.errors import OverloadedError
from router.ingress.admission import HIGH_WATERMARK
from router.journal import keys
from router.journal.connection import Connection

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("used_ratio", "is_rejected"), [(0.78, False), (0.82, True)])
async def test_events_are_rejected_above_the_watermark(
    connection: Connection, used_ratio: float, *, is_rejected: bool
) -> None:
    """Mutants: a watermark of 0.7 or 0.9; ``<`` for ``>``."""
    admission = admission_to(connection, strict=False)
    # So much that other connections to the server make no difference.
    await connection.redis.setrange("ballast", 30_000_000, b"x")
    used = (await connection.redis.info("memory"))["used_memory"]
    await connection.redis.config_set("maxmemory", int(used / used_ratio))
    try:
        await admission.check_store()
    finally:
        await connection.redis.config_set("maxmemory", 0)

    if is_rejected:
        with pytest.raises(OverloadedError, match="80%"):
            admission.check()
    else:
        admission.check()


async def test_no_event_is_rejected_for_the_memory_of_history(connection: Connection) -> None:
    """Mutant: ``used_ratio`` for ``needed_ratio``."""
    admission = admission_to(connection, strict=False)
    redis = connection.redis
    await redis.setrange("ballast", 30_000_000, b"x")
    await redis.hset(keys.HISTORY, "closed", 6_000_000)
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", int(used / 0.9))
    try:
        await admission.check_store()
        admission.check()
        await admission.reserve(1_000)
        await redis.hset(keys.HISTORY, "closed", 1_000_000)
        await admission.check_store()
        with pytest.raises(OverloadedError, match="80%"):
            admission.check()
    finally:
        await redis.config_set("maxmemory", 0)


def test_the_watermark_is_the_documented_one() -> None:
    assert HIGH_WATERMARK == 0.8
    assert (
        f"Above {HIGH_WATERMARK:.0%}".replace("%", " %")
        in (DOCS / "operate" / "memory.md").read_text()
    )
