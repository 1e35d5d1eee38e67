"""One of four destinations is dead for an hour: the others do not notice, and it gets everything.

The hour is scaled: the times of retries and of the circuit are divided by ``SCALE``, so an hour lasts
``3600 / SCALE`` seconds; the events are not, they come at 200 a second all the time.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.pace import Pace, percentile
from support.processes import RouterProcess
from support.sinks import HttpSink
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.journal import ledger
from router.journal.connection import connect

NAMES = ("alfa", "bravo", "charlie", "delta")
DEAD = "delta"
SCALE = 60
"""The default times are a second and an hour for retries, five seconds and a minute for circuits."""


def rules(urls: dict[str, str], scale: int) -> str:
    retry = f"retry: {{first: {1000 // scale}ms, longest: {3_600_000 // scale}ms, attempts: 16}}"
    breaker = f"breaker: {{open_for: {5000 // scale}ms, longest: {60_000 // scale}ms}}"
    destinations = "\n".join(
        f'  {name}:\n    http: {{url: "{url}", {retry}, {breaker}}}' for name, url in urls.items()
    )
    return (
        f"destinations:\n{destinations}\n"
        f'rules:\n  - {{name: all, events: ["*"], send_to: [{", ".join(urls)}]}}\n'
    )


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """Nobody is killed here, so what is measured need not wait for the disk."""
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def sinks() -> AsyncIterator[dict[str, HttpSink]]:
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(HttpSink()) for name in NAMES}


async def books_of(redis: EmbeddedRedis) -> ledger.Ledger:
    connection = connect(redis.url, deadline=5.0, max_connections=1)
    try:
        return await ledger.read(connection)
    finally:
        await connection.close()


async def check_isolation(
    redis: EmbeddedRedis,
    sinks: dict[str, HttpSink],
    folder: Path,
    sample: bytes,
    *,
    rate: float,
    seconds: float,
    scale: int = SCALE,
) -> float:
    """Three undisturbed destinations, then a dead fourth; the worst ratio of the others' p99."""
    (folder / "rules.yaml").write_text(
        rules({name: sink.url for name, sink in sinks.items()}, scale)
    )
    environ = {
        "ROUTER_REDIS_URL": redis.url.reveal(),
        "ROUTER_RULES": str(folder),
        "ROUTER_PORT": "0",
    }
    pace = Pace(sample)
    others = [name for name in NAMES if name != DEAD]
    p99: dict[str, dict[str, float]] = {}
    everything: list[str] = []
    async with RouterProcess("run", environ=environ) as router:
        await pace.run(router.url, rate=rate, seconds=1)  # warm: connections, plans
        for phase in ("undisturbed", "one dead"):
            if phase == "one dead":
                await sinks[DEAD].die()
            ids = await pace.run(router.url, rate=rate, seconds=seconds)
            everything += ids

            async def others_have_it(ids: list[str] = ids) -> bool:
                return all(pace.have_all(sinks[name], ids) for name in others)

            await until(others_have_it, seconds=90)
            p99[phase] = {
                name: percentile(pace.latencies(sinks[name], ids), 0.99) for name in others
            }
        before = (await books_of(redis)).destinations[DEAD]
        await sinks[DEAD].come_back()

        async def dead_one_has_it() -> bool:
            return pace.have_all(sinks[DEAD], everything)

        await until(dead_one_has_it, seconds=120)

        async def settled() -> bool:
            books = await books_of(redis)
            return not any(each.pending for each in books.destinations.values())

        await until(settled)
    books = await books_of(redis)
    ratios = [p99["one dead"][name] / p99["undisturbed"][name] for name in others]
    print(  # noqa: T201 - the figures
        f"\none of four dead for {seconds:g} s ({seconds * scale / 60:g} min at 1:{scale}),"
        f" {rate:g} events/s: {before.pending} waited for it, all arrived; p99 in ms "
        + ", ".join(
            f"{name} {p99['undisturbed'][name] * 1000:.1f} -> {p99['one dead'][name] * 1000:.1f}"
            for name in others
        )
        + f"; worst ratio {max(ratios):.2f}; {books.destinations[DEAD]}"
    )
    assert before.pending >= len(ids) - 100
    opened = len(everything) + int(rate)
    for counts in books.destinations.values():
        assert counts.opened == counts.delivered == opened
        assert counts.dead == counts.pending == 0
    return max(ratios)


@pytest.mark.fault_row(54)
@pytest.mark.timeout(300)
async def test_a_dead_destination_is_waited_for_by_nobody_else(
    redis: EmbeddedRedis, sinks: dict[str, HttpSink], tmp_path: Path, sample: bytes
) -> None:
    # Too short, and in too busy company, to compare times.
    await check_isolation(redis, sinks, tmp_path, sample, rate=20, seconds=2, scale=600)


@pytest.mark.fault_row(54)
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_destination_dead_for_an_hour_does_not_slow_the_others(
    redis: EmbeddedRedis, sinks: dict[str, HttpSink], tmp_path: Path, sample: bytes
) -> None:
    ratio = await check_isolation(redis, sinks, tmp_path, sample, rate=200, seconds=3600 / SCALE)
    assert ratio <= 1.2
