"""History: what it costs while events go through, and how fast it is read when it is long.

The cost is that of the same load with history on and off, in turns: CPU time of the worker and of Redis for
an event with one delivery, and the memory of a finished event beside its body. It is read as the API reads
it: the first page, one event by its id, and the first hit of a text that few events have.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from itertools import islice

import msgspec

from bench import load
from bench.measuring import median
from bench.messages import Shape, events, sample
from bench.outcome import Row, row
from bench.processes import BESIDE, OTHERS, SECOND_UNDER_TEST
from bench.sink import Sink
from bench.stage import Redis, Router, read_events, rules
from router.clock import Clock, system_clock
from router.events.masks import NO_MASKS
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.records import EventMatch, EventOutcome, MatchOutcome
from router.history.stored import StoredEvent, event_record
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import Connection, connect
from router.journal.finish import FinishedWork
from router.journal.history_log import EVENTS, HistoryLimits, HistoryLog
from router.journal.keys import BatchId
from router.journal.memory_budget import MemoryBudget
from router.settings.choices import KeptBody

_EVENTS = 6000
_IN_REQUEST = 10
_READS = 20
_BATCH = 1000
_MILLISECOND = 1000.0


class _Cost(msgspec.Struct, frozen=True):
    worker: float
    """CPU microseconds for an event."""
    redis: float
    memory: float
    """Bytes of Redis for a finished event, its claim left out."""
    seconds: float


def rows(*, short: bool) -> Iterator[Row]:
    rounds = 2 if short else 5
    costs: dict[str, list[_Cost]] = {"0": [], "7d": []}
    for number in range(rounds):
        for history in ("0", "7d") if number % 2 else ("7d", "0"):
            costs[history].append(_drain(history))
    off, on = costs["0"], costs["7d"]
    ratios = [each.seconds / other.seconds for each, other in zip(off, on, strict=True)]
    body = len(msgspec.json.encode(sample()))
    yield row(
        "history",
        "events/s drained by one worker to one destination, with history / without",
        ratios,
        case="on / off",
        at_least=0.9,
        figures={
            "worker µs/event off": median([each.worker for each in off]),
            "worker µs/event on": median([each.worker for each in on]),
            "redis µs/event off": median([each.redis for each in off]),
            "redis µs/event on": median([each.redis for each in on]),
        },
    )
    yield row(
        "history",
        "bytes of Redis for a finished event and its delivery, beside its body",
        [each.memory - other.memory - body for each, other in zip(on, off, strict=True)],
        case="memory",
        unit="bytes",
        at_most=300,
        figures={"body": body},
    )
    yield from asyncio.run(_read(20_000 if short else 1_000_000))


def _drain(history: str) -> _Cost:
    """Let a worker evaluate and deliver what ingress has accepted."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec", OTHERS))
        sink = stack.enter_context(Sink(OTHERS))
        router = Router(redis, rules([sink.url()]), {"ROUTER_HISTORY": history})
        with router.ingress() as ingress:
            count = _EVENTS // _IN_REQUEST
            shape = Shape(count=count, events=_IN_REQUEST, status="summary_timeout")
            load.run(load.Plan(port=ingress.port, shape=shape, connections=8), BESIDE)
        before = redis.cpu()
        worker = stack.enter_context(router.worker(cores=SECOND_UNDER_TEST))
        began = worker.cpu()
        arrived = sink.wait_for(_EVENTS, seconds=60)
        if arrived.events != _EVENTS:
            raise RuntimeError(f"of {_EVENTS} messages arrived {arrived.events}")
        cost = worker.cpu() - began, redis.cpu() - before
        _settled(redis)
        redis.client.delete(keys.CLAIMS, *redis.client.keys(f"{keys.CLAIM_SHARD}*"))
        memory = redis.client.info("memory")["used_memory"]
    return _Cost(
        cost[0] / _EVENTS * 1e6,
        cost[1] / _EVENTS * 1e6,
        memory / _EVENTS,
        arrived.last - arrived.first,
    )


def _settled(redis: Redis) -> None:
    for _ in range(200):
        if not redis.client.keys("router:set:*") and not redis.client.exists(keys.BATCHES):
            return
        time.sleep(0.05)
    raise RuntimeError("deliveries are not settled")


async def _read(count: int) -> list[Row]:
    with Redis("no AOF") as redis:
        connection = connect(redis.server.url, deadline=30, max_connections=4)
        try:
            clock = system_clock()
            await _fill(connection, clock, count)
            history = EventHistory(connection, NO_MASKS)
            pages = [await _seconds(history.page(EventFilter(), limit=50)) for _ in range(_READS)]
            source = sample()["source"]
            wanted = range(0, count, count // _READS)
            single = [await _seconds(history.get(source, f"past-{at}")) for at in wanted]
            texts = [await _first_hit(history, f"past-{count - 1 - count // 4}")]
            used = redis.client.info("memory")["used_memory"] / count
        finally:
            await connection.close()
    what = f"of {count:,} events"
    return [
        row(
            "history",
            f"the first page {what}",
            [each * _MILLISECOND for each in pages],
            case="page",
            unit="ms",
            at_most=100,
            figures={"bytes/event": used},
        ),
        row(
            "history",
            f"one event by its source and id {what}",
            [each * _MILLISECOND for each in single],
            case="by id",
            unit="ms",
            at_most=20,
        ),
        row(
            "history",
            f"the first hit of a text {what}, behind a quarter of them",
            [each * _MILLISECOND for each in texts],
            case="text",
            unit="ms",
        ),
    ]


async def _seconds(reading: object) -> float:
    began = time.perf_counter()
    found = await reading  # type: ignore[misc]
    if found is None:
        raise RuntimeError("an event is not in history")
    return time.perf_counter() - began


async def _first_hit(history: EventHistory, text: str) -> float:
    began, after = time.perf_counter(), ""
    while True:
        page = await history.page(EventFilter(text=text), after, limit=1)
        if page.items:
            return time.perf_counter() - began
        after = page.after
        if not after:
            raise RuntimeError("a text is not in history")


async def _fill(connection: Connection, clock: Clock, count: int) -> None:
    """Finish batches of events as a worker does, one in ten of which a rule matches."""
    batches = Batches(connection, clock)
    budget = MemoryBudget(connection, watermark=1.0)
    await budget.refresh()
    log = HistoryLog(HistoryLimits(age_seconds=7 * 86_400, share=0.5), budget)
    made = events(Shape(count=count, id_prefix="past"))
    match = EventMatch("rule-0", MatchOutcome.NOTIFIED, "", ("sink-0",))
    for _ in range(0, count, _BATCH):
        found = read_events(list(islice(made, _BATCH)))
        records = [
            event_record(
                event,
                StoredEvent(clock.now(), event.body, EventOutcome.FILTERED)
                if number % 10
                else StoredEvent(clock.now(), event.body, EventOutcome.MATCHED, (match,)),
            )
            for number, event in enumerate(found)
        ]
        entry = log.entry(EVENTS, (clock.now(), "generation", KeptBody.FULL), records)
        batch_id = BatchId(clock.new_id())
        await connection.ask(connection.redis.rpush(keys.batch(batch_id), b"\x90"))
        await batches.finish(batch_id, FinishedWork(filtered=len(found)), history=entry)
