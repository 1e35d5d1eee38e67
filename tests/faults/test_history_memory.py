"""History has its share of memory and gives it back: no event is rejected for its sake.

Figures are printed (``pytest -s``).
"""

import random
from pathlib import Path

import aiohttp
import msgspec
import pytest
from support.full_redis import EVENTS_TOKEN, TYPE, CountingReceiver, MemoryPeak, limited, rules_for
from support.processes import RouterProcess
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis
from router.events.masks import NO_MASKS
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.journal.connection import connect
from router.journal.history_segments import history_bytes

MEBI = 1 << 20


@pytest.mark.slow
async def test_events_are_accepted_while_history_makes_room(
    redis: EmbeddedRedis, tmp_path: Path
) -> None:
    """History may use half of Redis, a third is used by other things, and events are never rejected."""
    chance = random.Random(1)  # noqa: S311 - texts that do not compress
    async with CountingReceiver() as receiver, limited(redis.url, 24 * MEBI) as client:
        await client.setrange("ballast", 8 * MEBI, b"x")
        environ = {
            "ROUTER_REDIS_URL": redis.url.reveal(),
            "ROUTER_RULES": str(rules_for(tmp_path, receiver.url, ["d0"])),
            "ROUTER_EVENTS_TOKEN": EVENTS_TOKEN,
            "ROUTER_HISTORY_MEMORY": "50%",
            "ROUTER_PORT": "0",
            "ROUTER_WORKER_PORT": "0",
        }
        peak, most, answers = MemoryPeak(client), 0, set()
        connection = connect(redis.url, deadline=5.0, max_connections=2)
        async with (
            RouterProcess("ingress", environ=environ) as ingress,
            RouterProcess("worker", environ=environ),
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {EVENTS_TOKEN}"}) as session,
        ):
            for number in range(300):
                events = [
                    {
                        "specversion": "1.0",
                        "id": f"full-{number * 10 + each}",
                        "source": "s",
                        "type": TYPE,
                        "data": {"text": chance.randbytes(5000).hex()},
                    }
                    for each in range(10)
                ]
                body = msgspec.json.encode(events)
                kind = {"Content-Type": "application/cloudevents-batch+json"}
                async with session.post(f"{ingress.url}/events", data=body, headers=kind) as answer:
                    answers.add(answer.status)

                async def has_arrived(goal: int = number * 10 - 200) -> bool:
                    await peak.used()
                    return len(receiver.arrived.get("d0", ())) >= goal

                await until(has_arrived)
                most = max(most, await history_bytes(connection))
            page = await EventHistory(connection, NO_MASKS).page(EventFilter(), limit=2000)
        await connection.close()
    print(  # noqa: T201 - the figures
        f"\n3,000 events of 10 KB: answers {answers}; memory {peak.peak:.0%} at most; history"
        f" {most / MEBI:.1f} MiB at most, {len(page.items)} events at the end"
    )
    assert answers == {202}
    assert most > 3 * MEBI
    assert len(page.items) > 100
