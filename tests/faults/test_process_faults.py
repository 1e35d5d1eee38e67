"""Processes that are killed, stopped, paused and starved: what they had in hand is taken over."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest
from support.fault_rows import FigureRecorder
from support.nemesis import stopped
from support.stage import CONCURRENCY, LEASE_SECONDS, Stage, event, under_load
from support.steady_load import TOKEN, SteadyLoad
from support.waiting import until

SEED = 20_261_129
RECEIVERS = 2


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(300, marks=pytest.mark.slow),
        pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
@pytest.mark.fault_row(1)
async def test_row_1_another_worker_takes_over_after_the_lease(
    count: int, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Kill one of two workers in the middle of so many deliveries.

    Mutant: ``begin_set.lua`` deletes the set that it reads; what the killed worker had is lost.
    """
    stage.alfa.delay = stage.bravo.delay = 0.1
    async with stage.worker() as victim:
        accepted = await stage.accept(count)  # the victim has the leases of all that it can run
        await stage.some_arrived(1)
        successor = stage.worker()
        await successor.start()
        await victim.kill()
        assert len(stage.alfa.arrived) < count
        stage.alfa.delay = stage.bravo.delay = 0.0
        seconds = await stage.drained(seconds=LEASE_SECONDS + 60 + count / 50)
        await successor.stop()
    found = stage.compare(accepted)

    fault_figures(**found.figures(), drain_seconds=seconds)
    assert found.lost == 0
    assert 0 < found.most_repeated <= CONCURRENCY
    assert seconds > LEASE_SECONDS / 2


@pytest.mark.parametrize(
    ("count", "away"),
    [
        (200, 1.2 * LEASE_SECONDS),
        pytest.param(5000, 600.0, marks=[pytest.mark.slow, pytest.mark.timeout(1500)]),
    ],
)
@pytest.mark.fault_row(2)
async def test_row_2_the_backlog_of_dead_workers_drains_when_they_are_back(
    count: int, away: float, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Kill all workers, and start them again long after their leases.

    Mutant: ``begin_set.lua`` deletes the set that it reads; what the killed workers had is lost.
    """
    stage.alfa.delay = stage.bravo.delay = 0.1
    workers = [stage.worker(), stage.worker()]
    async with workers[0], workers[1]:
        accepted = await stage.accept(count)
        await stage.some_arrived(20)
        for worker in workers:
            await worker.kill()
        stage.alfa.delay = stage.bravo.delay = 0.0
        await asyncio.sleep(away)
        assert len(stage.alfa.arrived) < count
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.start())
        seconds = await stage.drained(seconds=60 + count / 50)
    found = stage.compare(accepted)

    fault_figures(**found.figures(), drain_seconds=seconds, note=f"{away:g} s without a worker")
    assert found.lost == 0
    assert found.most_repeated <= 2 * CONCURRENCY


@pytest.mark.fault_row(3)
async def test_row_3_an_ingress_killed_between_the_write_and_the_answer(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Withhold Redis' reply, kill the ingress, and let the sender repeat its request.

    Mutant: ``begin_batch.lua`` claims each event for each batch; all are delivered twice.
    """
    count = 30
    body = b"[" + b",".join(event(number, 0.0).body for number in range(count)) + b"]"
    headers = {
        "Content-Type": "application/cloudevents-batch+json",
        "Authorization": f"Bearer {TOKEN.reveal()}",
    }
    # Longer than the test needs, so that the answer is not 503 before the kill.
    async with (
        stage.ingress(ROUTER_COMMIT_TIMEOUT="4s") as ingress,
        aiohttp.ClientSession() as http,
    ):
        ingress.keep_address()
        await warm_up(http, ingress.url)
        stage.ingress_proxy.hold_replies(is_script)

        async def is_durable() -> bool:
            return (await stage.books()).accepted == 1 + count

        async with asyncio.TaskGroup() as group:
            first = group.create_task(answer_to(http, ingress.url, body, headers))
            await until(is_durable)
            await ingress.kill()
            assert await first == 0
        stage.ingress_proxy.clear()

        async def is_accepted() -> bool:
            return await answer_to(http, ingress.url, body, headers) == 202

        async with stage.worker():
            await stage.drained()  # the first copies are delivered before the second ones arrive
            await ingress.start()
            await until(is_accepted)
            seconds = await stage.drained()
    books = await stage.books()
    found = stage.compare({f"E{number}" for number in range(count)})

    fault_figures(**found.figures(), drain_seconds=seconds, note=f"{books.duplicate} duplicates")
    assert (found.lost, found.repeated) == (0, 0)
    assert (books.accepted, books.duplicate, books.matched) == (1 + 2 * count, count, 1 + count)


def is_script(request: bytes) -> bool:
    """Choose commits, of a proxy in front of an ingress."""
    return b"EVALSHA" in request


async def warm_up(http: aiohttp.ClientSession, url: str) -> None:
    """Let an ingress commit an event, so that its connection and its script are there."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN.reveal()}"}

    async def is_accepted() -> bool:
        return await answer_to(http, url, event(999_999, 0.0).body, headers) == 202

    await until(is_accepted)


async def answer_to(
    http: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]
) -> int:
    """Return the status of a request; 0 if its connection ended."""
    try:
        async with http.post(f"{url}/events", data=body, headers=headers) as response:
            return response.status
    except aiohttp.ClientError:
        return 0


@pytest.mark.parametrize(
    ("kills", "rate"),
    [
        (2, 40),
        pytest.param(20, 100, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
@pytest.mark.fault_row(4, 5)
async def test_row_5_redis_killed_again_and_again_leaves_every_slot_of_the_worker_free(
    kills: int, rate: float, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Kill Redis at random moments under load; after each kill all slots must be in use again.

    Mutants: a slot is released only by a settlement that was recorded; a supervisor does not
    rebuild its worker.
    """
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    stage.alfa.delay = stage.bravo.delay = 0.2  # so that slots are scarce
    peaks: list[int] = []
    async with stage.worker(), stage.ingress() as ingress:
        load = SteadyLoad(ingress.url, rate=rate)

        async def kill_each_time() -> None:
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.3, 1.0))
                stage.redis.kill()
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                await asyncio.to_thread(stage.redis.start)
                stage.alfa.most_at_once = 0

                async def all_slots_are_in_use() -> bool:
                    return stage.alfa.most_at_once >= CONCURRENCY

                await until(all_slots_are_in_use)
                peaks.append(stage.alfa.most_at_once)

        await under_load(load, kill_each_time())
        stage.alfa.delay = stage.bravo.delay = 0.0
        seconds = await stage.drained(seconds=120)
    found = stage.compare(load.accepted)

    fault_figures(
        seed=SEED,
        **found.figures(),
        drain_seconds=seconds,
        note=f"{kills} kills, {load.refused[503]} times 503, slots in use after each {peaks}",
    )
    assert found.lost == 0
    assert found.most_repeated <= kills * CONCURRENCY
    assert load.refused[503] > 0
    assert set(peaks) == {CONCURRENCY}


@pytest.mark.parametrize(
    "seconds",
    [
        1.5,
        pytest.param(60.0, marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
    ],
)
@pytest.mark.fault_row(8)
async def test_row_8_a_stopped_redis_is_503_in_time_and_nothing_piles_up(
    seconds: float, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Stop Redis by SIGSTOP under load: its connections stay open and nothing answers.

    Mutant: commands of Redis have no deadline; the slowest answer takes as long as the stop.
    """
    async with stage.worker(), stage.ingress(ROUTER_COMMIT_TIMEOUT="800ms") as ingress:
        load = SteadyLoad(ingress.url, rate=30)

        async def stop() -> None:
            await asyncio.sleep(0.5)
            async with stopped(stage.redis):
                await asyncio.sleep(seconds)

        memory = resident_mib(ingress.pid)
        await under_load(load, stop())
        drained = await stage.drained()
        grown = resident_mib(ingress.pid) - memory
    found = stage.compare(load.accepted)

    fault_figures(
        **found.figures(),
        drain_seconds=drained,
        note=f"stopped for {seconds:g} s, slowest answer {load.slowest:.2f} s, {grown:+.1f} MiB",
    )
    assert found.lost == 0
    assert load.refused[503] > 0
    assert set(load.refused) == {503}
    assert load.slowest < 2.5
    assert grown < 50


def resident_mib(pid: int) -> float:
    """Return the memory of a process."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - one line
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@pytest.mark.fault_row(17)
async def test_row_17_an_ingress_told_to_stop_answers_what_it_has_begun(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Send SIGTERM while commits are on their way; each request gets its answer, no reset.

    Mutant: the server closes its connections at SIGTERM; the requests end in resets.
    """
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN.reveal()}"}
    async with (
        stage.ingress(ROUTER_COMMIT_TIMEOUT="4s") as ingress,
        aiohttp.ClientSession() as http,
    ):
        await warm_up(http, ingress.url)
        stage.ingress_proxy.hold_replies(is_script)
        async with asyncio.TaskGroup() as group:
            sent = [
                group.create_task(answer_to(http, ingress.url, event(number, 0.0).body, headers))
                for number in range(20)
            ]

            async def first_is_durable() -> bool:
                return (await stage.books()).accepted > 1

            await until(first_is_durable)
            began = asyncio.get_running_loop().time()
            ending = group.create_task(ingress.stop())
            await asyncio.sleep(0.3)
            stage.ingress_proxy.clear()
            await ending
            seconds = asyncio.get_running_loop().time() - began
    statuses = [each.result() for each in sent]
    async with stage.worker():
        await stage.drained()
    found = stage.compare({f"E{n}" for n, status in enumerate(statuses) if status == 202})

    fault_figures(**found.figures(), note=f"ended after {seconds:.1f} s, no reset")
    assert set(statuses) == {202}
    assert (found.lost, found.repeated) == (0, 0)
    assert seconds < 10


@pytest.mark.slow
@pytest.mark.fault_row(18)
async def test_row_18_a_worker_told_to_stop_finishes_and_burns_no_attempt(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Send SIGTERM during attempts; the next worker delivers the rest, all at their first attempt.

    Mutant: a drain cancels running jobs at once; deliveries are repeated.
    """
    accepted = await stage.accept(100)
    stage.alfa.delay = stage.bravo.delay = 0.05
    async with stage.worker() as worker:
        await stage.some_arrived(10)
        await worker.stop()
        assert len(stage.alfa.arrived) < 100
    stage.alfa.delay = stage.bravo.delay = 0.0
    async with stage.worker():
        seconds = await stage.drained()
    found = stage.compare(accepted)

    fault_figures(**found.figures(), drain_seconds=seconds)
    assert (found.lost, found.repeated) == (0, 0)
    assert seconds < 10 * LEASE_SECONDS
    assert stage.alfa.refused == stage.bravo.refused == 0


@pytest.mark.slow
@pytest.mark.fault_row(19)
async def test_row_19_a_kill_at_the_end_of_the_grace_repeats_what_was_in_flight(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Send SIGTERM, and SIGKILL while the receiver still thinks.

    Mutant: ``begin_set.lua`` deletes the set that it reads; what was in flight is lost.
    """
    accepted = await stage.accept(60)
    async with stage.worker() as worker:
        await stage.some_arrived(10)
        stage.alfa.delay = stage.bravo.delay = 1.0

        async def all_slots_are_in_use() -> bool:
            return stage.alfa.at_once == CONCURRENCY

        await until(all_slots_are_in_use)
        worker.terminate()
        await asyncio.sleep(0.2)
        assert not worker.has_ended
        await worker.kill()
    stage.alfa.delay = stage.bravo.delay = 0.0
    async with stage.worker():
        seconds = await stage.drained()
    found = stage.compare(accepted)

    fault_figures(**found.figures(), drain_seconds=seconds)
    assert found.lost == 0
    assert found.most_repeated <= CONCURRENCY


@pytest.mark.parametrize(
    "deploys",
    [
        pytest.param(3, marks=pytest.mark.slow),
        pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
@pytest.mark.fault_row(21)
async def test_row_21_deploys_in_a_row_exhaust_no_attempts(
    deploys: int, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Replace the worker so often under load, the next one before the last one has ended.

    Mutant: a draining run begins further attempts, and a drain cancels running jobs at once;
    deliveries are repeated.
    """
    stage.alfa.delay = stage.bravo.delay = 0.05
    async with stage.ingress() as ingress:
        load = SteadyLoad(ingress.url, rate=30)

        async def deploy() -> None:
            worker = stage.worker()
            await worker.start()
            for _ in range(deploys):
                following = stage.worker()
                await following.start()
                await worker.stop()
                worker = following
            await asyncio.sleep(0.5)
            load.stop()
            drained.append(await stage.drained())
            await worker.stop()

        drained: list[float] = []
        await under_load(load, deploy())
    found = stage.compare(load.accepted)
    books = await stage.books()

    fault_figures(**found.figures(), drain_seconds=drained[0], note=f"{deploys} deploys")
    assert (found.lost, found.repeated) == (0, 0)
    assert {each.dead for each in books.destinations.values()} == {0}


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(2000, marks=pytest.mark.slow),
        pytest.param(
            int(os.environ.get("FAULT_BACKLOG", "50000")),
            marks=[pytest.mark.slow, pytest.mark.timeout(3600)],
        ),
    ],
)
@pytest.mark.fault_row(25)
async def test_row_25_a_backlog_drains_at_a_steady_rate(
    count: int, stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Accept so many events without a worker (a million: FAULT_BACKLOG=1000000), then drain.

    Mutant: the number of ids that a poll checks is that of the queue; polls take ever longer.
    """
    accepted = await stage.accept(count)
    async with stage.connection() as connection:
        memory = (await connection.redis.info("memory"))["used_memory"]
        await connection.redis.config_resetstat()
        async with stage.worker():
            halves = [0.0, 0.0]
            began = asyncio.get_running_loop().time()
            await stage.some_arrived(count // 2, seconds=3600)
            halves[0] = asyncio.get_running_loop().time() - began
            await stage.drained(seconds=3600)
            halves[1] = asyncio.get_running_loop().time() - began - halves[0]
        latency = (await connection.redis.info("latencystats"))["latency_percentiles_usec_evalsha"]
    found = stage.compare(accepted)
    p99_ms = latency["p99"] / 1000

    fault_figures(
        **found.figures(),
        drain_seconds=sum(halves),
        note=f"{count / sum(halves):.0f} events/s, halves {halves[0]:.1f} and {halves[1]:.1f} s,"
        f" p99 of a script {p99_ms:.1f} ms, {memory / count:.0f} B of Redis per event",
    )
    assert (found.lost, found.repeated) == (0, 0)
    assert halves[1] < 2 * halves[0] + 1
    assert p99_ms < 50


@pytest.mark.fault_row(26)
async def test_row_26_nothing_that_waits_expires(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Delete each key that would expire within 25 hours, while events and deliveries wait.

    Mutant: ``accept.lua`` gives the batch a time to live of a day; all events are lost.
    """
    stage.alfa.status = 503
    async with stage.worker():
        first = await stage.accept(50)

        async def has_failed() -> bool:
            return stage.alfa.refused >= 50

        await until(has_failed)
    async with stage.connection() as connection:
        second = await stage.accept(50, first=50)
        expired = 0
        async for key in connection.redis.scan_iter(match="*", count=1000):
            if 0 < await connection.redis.ttl(key) <= 25 * 3600:
                expired += await connection.redis.delete(key)
    stage.alfa.status = 200
    async with stage.worker():
        seconds = await stage.drained()
    found = stage.compare(first | second)

    fault_figures(**found.figures(), drain_seconds=seconds, note=f"{expired} keys expired")
    assert expired > 0
    assert (found.lost, found.repeated) == (0, 0)


@contextmanager
def starving(processes: int) -> Iterator[None]:
    """Keep the processors busy with so many processes."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.fault_row(69)
async def test_row_69_starved_workers_keep_their_leases(
    stage: Stage, fault_figures: FigureRecorder
) -> None:
    """Run four busy processes for each processor; two workers deliver slowly meanwhile.

    A lease that is lost while its owner works shows as a delivery that is made twice. Mutant:
    leases are not renewed.
    """
    count = 600
    accepted = await stage.accept(count)
    # A set of 100 takes four at a time: longer than the lease, so that it must be renewed.
    stage.alfa.delay = stage.bravo.delay = 0.1
    with starving(4 * (os.cpu_count() or 1)):
        async with stage.worker(), stage.worker():
            seconds = await stage.drained(seconds=200)
    found = stage.compare(accepted)

    fault_figures(**found.figures(), drain_seconds=seconds)
    assert found.lost == 0
    assert found.repeated <= count * RECEIVERS / 100
