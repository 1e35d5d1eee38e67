"""Four destinations misbehave in three ways, and the three healthy ones do not notice.

Two have names whose name server never answers, one accepts connections and never replies, one answers
429 for ever. Two routers run side by side: one with these neighbours, one with the healthy ones alone.
They get the same events in turns, so that what else the machine does meets both alike.
``pytest -s`` prints the figures; the long form is
``.venv/bin/pytest -n 0 -s -m slow tests/faults/test_bad_neighbours.py``.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import msgspec
import pytest
from support.pace import Pace, percentile
from support.processes import RouterProcess
from support.sinks import HttpSink, Reply, TcpSink, silence
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis, find_server

HEALTHY = ("alfa", "bravo", "charlie")

MAIL = "email: {to: [a@x.test], from: r@x.test, smtp_url: smtp://mail.hang.test, timeout: 1s}"


class Side(msgspec.Struct, frozen=True):
    """A router, the receivers of its healthy destinations, and what was measured."""

    router: RouterProcess
    sinks: dict[str, HttpSink]
    pace: Pace
    rounds: list[list[float]]
    """The latencies of each round in seconds, sorted."""

    def best(self, share: float) -> float:
        """Return a percentile of the best round, because other work on the machine only adds."""
        return min(percentile(latencies, share) for latencies in self.rounds)

    def typical(self, share: float) -> float:
        return median(percentile(latencies, share) for latencies in self.rounds)


def http(url: str) -> str:
    # A short timeout, so that more attempts begin in the time of a test.
    return f'http: {{url: "{url}", timeout: 1s}}'


def rules(healthy: dict[str, HttpSink], neighbours: dict[str, str]) -> str:
    urls = {name: f"http://{name}.up.test:{sink.port}/" for name, sink in healthy.items()}
    lines = [f'  {name}: {{http: {{url: "{url}"}}}}' for name, url in urls.items()]
    lines += [f"  {name}: {{{form}}}" for name, form in neighbours.items()]
    send_to = ", ".join([*urls, *neighbours])
    rule = f'rules:\n  - {{name: all, events: ["*"], send_to: [{send_to}]}}\n'
    return "destinations:\n" + "\n".join(lines) + "\n" + rule


@pytest.fixture
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmbeddedRedis]]:
    servers = [EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis")) for _ in range(2)]
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
async def sides(
    stores: list[EmbeddedRedis], sample: bytes, tmp_path: Path
) -> AsyncIterator[tuple[Side, Side]]:
    """A router without the bad destinations, and one with them."""
    async with AsyncExitStack() as stack:

        async def side(redis: EmbeddedRedis, name: str, neighbours: dict[str, str]) -> Side:
            sinks = {each: await stack.enter_async_context(HttpSink()) for each in HEALTHY}
            folder = tmp_path / name
            folder.mkdir()
            (folder / "rules.yaml").write_text(rules(sinks, neighbours))
            environ = {
                "ROUTER_REDIS_URL": redis.url.reveal(),
                "ROUTER_RULES": str(folder),
                "ROUTER_PORT": "0",
                "PYTHONPATH": str(Path(__file__).parents[1]),
            }
            router = RouterProcess("run", environ=environ, module="support.named")
            return Side(await stack.enter_async_context(router), sinks, Pace(sample), [])

        silent = await stack.enter_async_context(TcpSink(silence))
        busy = await stack.enter_async_context(HttpSink(otherwise=Reply(429)))
        calm = await side(stores[0], "calm", {})
        disturbed = await side(
            stores[1],
            "disturbed",
            {
                "unnamed": http("http://web.hang.test/"),
                "mail": MAIL,
                "silent": http(silent.url),
                "busy": http(busy.url),
            },
        )
        yield calm, disturbed


async def one_round(side: Side, rate: float, seconds: float) -> None:
    ids = await side.pace.run(side.router.url, rate=rate, seconds=seconds)

    async def all_arrived() -> bool:
        return all(side.pace.have_all(sink, ids) for sink in side.sinks.values())

    await until(all_arrived)
    latencies = [each for sink in side.sinks.values() for each in side.pace.latencies(sink, ids)]
    side.rounds.append(sorted(latencies))


async def compare(
    sides: tuple[Side, Side], *, rate: float, seconds: float, rounds: int, enough: float = 0.0
) -> float:
    """Return the ratio of the healthy destinations' p99, disturbed to undisturbed."""
    for side in sides:
        await one_round(
            side, rate, seconds
        )  # warm: connections, plans, the circuits of the bad ones
        side.rounds.clear()
    for number in range(rounds):
        for side in sides if number % 2 == 0 else sides[::-1]:
            await one_round(side, rate, seconds)
        if number >= 2 and ratio(sides) <= enough:
            break
    calm, disturbed = sides
    print(  # noqa: T201 - the figures
        f"\n{len(HEALTHY)} healthy destinations beside four bad ones, {rate:g} events/s,"
        f" {len(calm.rounds)} rounds of {seconds:g} s in turns; latency in ms, undisturbed -> disturbed: "
        + "; ".join(
            f"p{share * 100:g} best round {calm.best(share) * 1000:.1f} ->"
            f" {disturbed.best(share) * 1000:.1f}, typical {calm.typical(share) * 1000:.1f} ->"
            f" {disturbed.typical(share) * 1000:.1f}"
            for share in (0.5, 0.99)
        )
    )
    return ratio(sides)


def ratio(sides: tuple[Side, Side]) -> float:
    """Return how much longer p99 is with bad neighbours, by the best round of each side."""
    calm, disturbed = sides
    return disturbed.best(0.99) / calm.best(0.99)


@pytest.mark.fault_row(54)
async def test_bad_destinations_do_not_delay_the_healthy_ones(sides: tuple[Side, Side]) -> None:
    """Cases D1 and D4. Too short for a narrow bound; more rounds while other tests disturb one side."""
    assert await compare(sides, rate=40, seconds=0.6, rounds=20, enough=3) <= 3


@pytest.mark.fault_row(54)
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_bad_destinations_do_not_slow_the_healthy_ones_at_all(
    sides: tuple[Side, Side],
) -> None:
    """Cases D1 and D4: p99 within 1.2 of an undisturbed run."""
    assert await compare(sides, rate=40, seconds=5, rounds=10) <= 1.2
