"""One attempt, one decision, one record for each delivery of a set."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.dead_letters import dead_letters
from support.events import deliveries_of, event_from
from support.large_sets import fill_digest
from support.waiting import until

from router.alerts import Attempt, Delivered, Delivery, Failed, Outcome, Refused
from router.clock import Clock
from router.datatypes import Duration
from router.destinations.contract import BreakerPolicy, Destination, DestinationConfig, RetryPolicy
from router.errors import JournalUnavailableError, LeaseLostError
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.deliveries import Deliveries
from router.journal.delivery_sets import SET_SIZE
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.leases import Lease, LeaseToken
from router.journal.pauses import PauseKind, Pauses
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.metrics import Metrics
from router.worker.delivery.circuit_breaker import State
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.delivery_job import DeliveryJob, DeliveryJournal
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.settlement import make_settler
from router.worker.queue.poison import POISON, PoisonDetector

SET = SetId("id0002")


class Scripted(Destination, Protocol):
    outcomes: "list[Outcome | Exception]"
    sent: list[Delivery]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def paused(connection: Connection, clock: Clock) -> PausedDestinations:
    paused = PausedDestinations(Pauses(connection), clock, lambda: None)
    paused.update({})
    return paused


@pytest.fixture
def flow(
    mail: Scripted, paused: PausedDestinations, metrics: Metrics, clock: Clock
) -> DeliveryAdmission:
    return DeliveryAdmission("mail", mail.config, None, paused, metrics, clock)


@pytest.fixture
async def journal(connection: Connection, clock: Clock) -> AsyncIterator[DeliveryJournal]:
    deliveries = Deliveries(connection, clock)
    settling = make_settler(deliveries, clock)
    runner = asyncio.get_running_loop().create_task(settling.run())
    yield DeliveryJournal(deliveries, settling, PoisonDetector(CrashCounter(connection)))
    runner.cancel()
    await asyncio.wait([runner])


@pytest.fixture
def deliver(
    journal: DeliveryJournal,
    mail: Scripted,
    flow: DeliveryAdmission,
    metrics: Metrics,
    clock: Clock,
) -> DeliveryJob:
    return DeliveryJob(mail, journal, flow, metrics, clock)


@pytest.fixture
async def opened(connection: Connection, clock: Clock, sample: bytes) -> tuple[Delivery, ...]:
    """Three deliveries to "mail", in the set SET, as this server lists them: a hash has no order."""
    event = event_from(sample)
    batches = Batches(connection, clock)
    await batches.accept([Received([event], [])])
    deliveries = deliveries_of(event, 3)
    await batches.finish(
        BatchId("id0001"),
        FinishedWork(duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=deliveries),
    )
    listed = [name.decode() for name in await connection.redis.hkeys(keys.delivery_set(SET))]
    return tuple(sorted(deliveries, key=lambda delivery: listed.index(delivery.id)))


async def test_every_delivery_of_a_set_is_sent_once(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], connection: Connection
) -> None:
    assert await deliver.run(SET)
    assert await deliver.run(SET)

    assert mail.sent == list(opened)
    assert (await ledger.read(connection)).destinations["mail"].delivered == 3


async def test_a_failure_does_not_stop_the_others_and_comes_back_with_its_history(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], time: SetClock
) -> None:
    mail.outcomes += [Failed("HTTP 503", 503, "sorry")]

    await deliver.run(SET)
    time.now += 60
    await deliver.run(SetId("id0003"))

    assert [delivery.id for delivery in mail.sent] == [d.id for d in (*opened, opened[0])]
    again = mail.sent[-1]
    assert again.attempt == 2
    assert again.failed_attempts == (
        Attempt(
            number=1,
            at=1_700_000_000.0,
            seconds=0.0,
            reason="HTTP 503",
            status=503,
            response="sorry",
        ),
    )


async def test_throttled_attempts_use_up_none_of_a_deliverys_attempts_and_wait_longer_each_time(
    deliver: DeliveryJob,
    mail: Scripted,
    opened: tuple[Delivery, ...],
    connection: Connection,
    time: SetClock,
) -> None:
    """Case D1: 429 for more often than the policy has attempts."""
    policy = RetryPolicy(attempts=2, first=Duration(10), longest=Duration(60))
    mail.config = msgspec.structs.replace(mail.config, retry=policy)  # type: ignore[misc]
    throttled = Failed("HTTP 429", 429, throttled=True)
    mail.outcomes += [Delivered(), Delivered(), *[throttled] * 4]

    waits = []
    await deliver.run(SET)
    for _ in range(4):
        ((queued, due),) = await connection.redis.zrange(
            keys.deliver_queue("mail"), 0, -1, withscores=True
        )
        waits.append(round(due / 1000 - time.now))
        time.now += 100.0
        await deliver.run(SetId(queued.decode()))

    assert [delivery.attempt for delivery in mail.sent if delivery.id == opened[2].id] == [1] * 5
    assert (await ledger.read(connection)).destinations["mail"].delivered == 3
    assert waits == sorted(waits)
    assert waits[-1] >= 30


async def test_a_refusal_is_a_dead_letter_at_once(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], connection: Connection
) -> None:
    mail.outcomes += [Refused("HTTP 413 Content Too Large", 413, of_delivery=True)]

    await deliver.run(SET)

    (letter,) = await dead_letters(connection, "mail", newest=10)
    assert (letter.delivery.id, letter.reason) == (opened[0].id, "HTTP 413 Content Too Large")
    assert (await ledger.read(connection)).destinations["mail"].pending == 0


async def test_a_line_says_how_each_delivery_ended_or_that_it_is_retried(
    deliver: DeliveryJob,
    mail: Scripted,
    opened: tuple[Delivery, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "router.worker.work_log")
    mail.outcomes += [Refused("HTTP 413", 413, of_delivery=True), Failed("HTTP 503", 503)]

    await deliver.run(SET)

    lines = {vars(each)["delivery"]: each for each in caplog.records}
    assert [(lines[each.id].levelname, lines[each.id].message) for each in opened] == [
        ("WARNING", "delivery dead-lettered"),
        ("INFO", "delivery retried"),
        ("INFO", "delivery succeeded"),
    ]
    alert = opened[2].alert
    expected = {
        "event": alert.event_id,
        "rule": alert.rule,
        "alert": alert.id,
        "destination": "mail",
        "attempt": 1,
        "seconds": 0.0,
    }
    assert expected.items() <= vars(lines[opened[2].id]).items()


async def test_latencies_have_the_trace_of_their_event_as_exemplar(
    deliver: DeliveryJob, metrics: Metrics, connection: Connection, clock: Clock, sample: bytes
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    traced = {**msgspec.json.decode(sample), "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    event = event_from(msgspec.json.encode(traced))
    batches = Batches(connection, clock)
    await batches.accept([Received([event], [])])
    await batches.finish(
        BatchId("id0001"), FinishedWork(matched=1, deliveries=deliveries_of(event, 1))
    )

    await deliver.run(SET)

    text, _ = metrics.exposition("application/openmetrics-text; version=1.0.0")
    exemplars = [line for line in text.decode().splitlines() if " # {" in line]
    assert [line.partition("_bucket")[0] for line in exemplars] == [
        "router_delivery_attempt_seconds",
        "router_delivery_latency_seconds",
    ]
    assert all(f'# {{trace_id="{trace_id}"}}' in line for line in exemplars)
    assert b"trace_id" not in metrics.exposition("text/plain")[0]


async def test_an_error_of_our_own_loses_nothing(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], connection: Connection
) -> None:
    mail.outcomes += [KeyError("a bug")]

    await deliver.run(SET)

    books = (await ledger.read(connection)).destinations["mail"]
    assert (books.delivered, books.pending) == (len(opened) - 1, 1)


async def test_a_run_ends_when_its_time_is_up_and_leaves_the_rest(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], time: SetClock
) -> None:
    def slow() -> None:
        time.now += 6.0

    mail.before_answer = slow  # type: ignore[attr-defined]

    assert not await deliver.run(SET)
    assert mail.sent == list(opened[:2])
    assert await deliver.run(SET)
    assert mail.sent == list(opened)


@pytest.mark.fault_row(18)
async def test_a_draining_run_starts_nothing_more(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...]
) -> None:
    """Mutant: a draining run begins further attempts."""

    def drain() -> None:
        deliver.draining = True

    mail.before_answer = drain  # type: ignore[attr-defined]

    assert not await deliver.run(SET)
    assert mail.sent == [opened[0]]


async def test_an_open_circuit_stops_a_run_and_burns_no_attempts(
    deliver: DeliveryJob,
    mail: Scripted,
    flow: DeliveryAdmission,
    opened: tuple[Delivery, ...],
    time: SetClock,
) -> None:
    mail.outcomes += [Failed("HTTP 429", 429, retry_after_seconds=30.0)]

    assert not await deliver.run(SET)
    assert (mail.sent, flow.wait()) == ([opened[0]], 30.0)
    time.now += 30

    assert not await deliver.run(SET)  # the trial; the others follow at once
    assert await deliver.run(SET)
    assert [(d.id, d.attempt) for d in mail.sent[1:]] == [(d.id, 1) for d in opened[1:]]


async def test_a_dead_destination_costs_few_attempts(
    journal: DeliveryJournal,
    mail: Scripted,
    paused: PausedDestinations,
    metrics: Metrics,
    clock: Clock,
    opened: tuple[Delivery, ...],
) -> None:
    config = msgspec.structs.replace(mail.config, breaker=BreakerPolicy(failures=2))
    admission = DeliveryAdmission("mail", config, None, paused, metrics, clock)
    deliver = DeliveryJob(mail, journal, admission, metrics, clock)
    mail.outcomes += [Failed("connection refused")] * 3

    assert not await deliver.run(SET)

    assert len(mail.sent) == 2 < len(opened)
    state = metrics.registry.get_sample_value("router_circuit_state", {"destination": "mail"})
    assert state == State.OPEN


@pytest.mark.fault_row(49)
async def test_a_receiver_that_is_gone_disables_the_destination_and_nothing_is_lost(
    deliver: DeliveryJob,
    mail: Scripted,
    paused: PausedDestinations,
    opened: tuple[Delivery, ...],
    connection: Connection,
) -> None:
    """Mutant: 410 disables nothing."""
    mail.outcomes += [Refused("HTTP 410 Gone", 410, disables=True)]

    assert not await deliver.run(SET)

    (hold,) = (await Pauses(connection).all()).values()
    assert (hold.kind, hold.reason) == (PauseKind.DISABLED, "HTTP 410 Gone")
    assert mail.sent == [opened[0]]
    assert (await ledger.read(connection)).destinations["mail"].pending == 3
    assert not await deliver.run(SET)

    await Pauses(connection).resume("mail")
    paused.update(await Pauses(connection).all())
    assert await deliver.run(SET)
    assert await deliver.run(SetId("id0003"))
    assert (await ledger.read(connection)).destinations["mail"].delivered == 3
    assert mail.sent[-1].failed_attempts[0].status == 410


async def test_attempts_are_counted_by_how_they_ended(
    deliver: DeliveryJob, mail: Scripted, metrics: Metrics, opened: tuple[Delivery, ...]
) -> None:
    mail.outcomes += [Failed("timed out"), Refused("HTTP 400", 400, of_delivery=True)]

    await deliver.run(SET)

    assert len(opened) == 3
    counted = {
        outcome: metrics.registry.get_sample_value(
            "router_delivery_attempts_total", {"destination": "mail", "outcome": outcome}
        )
        for outcome in ("delivered", "retried", "dead_lettered")
    }
    assert counted == {"delivered": 1, "retried": 1, "dead_lettered": 1}
    assert ended(metrics) == {"delivered": 1, "dead_lettered": 1}


def ended(metrics: Metrics) -> dict[str, float | None]:
    return {
        outcome: metrics.registry.get_sample_value(
            "router_deliveries_total", {"destination": "mail", "outcome": outcome}
        )
        for outcome in ("delivered", "dead_lettered")
    }


@pytest.mark.usefixtures("opened")
async def test_a_delivery_that_ends_at_its_second_attempt_is_counted_once(
    deliver: DeliveryJob, mail: Scripted, metrics: Metrics, time: SetClock
) -> None:
    mail.outcomes += [Failed("timed out")]

    await deliver.run(SET)
    assert ended(metrics) == {"delivered": 2, "dead_lettered": 0}

    time.now += 3600
    await deliver.run(SetId("id0003"))
    assert ended(metrics) == {"delivered": 3, "dead_lettered": 0}


async def test_what_has_ended_three_processes_is_given_up_and_the_others_are_delivered(
    deliver: DeliveryJob,
    mail: Scripted,
    metrics: Metrics,
    opened: tuple[Delivery, ...],
    connection: Connection,
) -> None:
    strikes = CrashCounter(connection)
    for _ in range(2):  # as after two processes that ended at the second delivery
        await strikes.begin(SET, opened[1].id)

    assert await deliver.run(SET, 4)

    (letter,) = await dead_letters(connection, "mail", newest=10)
    assert (letter.delivery.id, letter.reason) == (opened[1].id, POISON)
    assert [delivery.id for delivery in mail.sent] == [opened[0].id, opened[2].id]
    assert ended(metrics) == {"delivered": 2, "dead_lettered": 1}


async def test_a_set_of_an_ended_process_is_delivered_and_leaves_no_marks(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], connection: Connection
) -> None:
    assert await deliver.run(SET, 2)

    assert mail.sent == list(opened)
    assert not await connection.redis.exists(keys.crash_counts(SET))


@pytest.mark.fault_row(27)
async def test_a_schedule_of_three_days_is_kept_and_nothing_expires(
    journal: DeliveryJournal,
    mail: Scripted,
    paused: PausedDestinations,
    metrics: Metrics,
    clock: Clock,
    opened: tuple[Delivery, ...],
    connection: Connection,
    time: SetClock,
) -> None:
    """Mutant: the last wait of a schedule is left out."""
    waits = [10.0, 60.0, 600.0, 3600.0, 86_400.0, 172_800.0]
    retry = RetryPolicy(schedule=tuple(map(Duration, waits)))
    mail.config = msgspec.structs.replace(mail.config, retry=retry)  # type: ignore[misc]
    admission = DeliveryAdmission(
        "mail",
        DestinationConfig(breaker=BreakerPolicy(failures=1000, attempts=1000)),
        None,
        paused,
        metrics,
        clock,
    )
    deliver = DeliveryJob(mail, journal, admission, metrics, clock)
    mail.outcomes += [Failed("HTTP 503", 503)] * 100
    began = time.now

    await deliver.run(SET)
    while pending := await connection.redis.zrange(keys.open_sets("mail"), 0, 0, withscores=True):
        ((set_id, due_ms),) = pending
        time.now = max(time.now, (due_ms + 1) / 1000)
        kept = await connection.redis.keys("*")
        lifetimes = [await connection.redis.ttl(key) for key in kept]
        assert set(lifetimes) == {-1}
        await deliver.run(SetId(set_id.decode()))

    letters = await dead_letters(connection, "mail", newest=10)
    assert len(letters) == len(opened)
    for letter in letters:
        at = [attempt.at for attempt in letter.delivery.failed_attempts]
        assert len(at) == len(waits) + 1
        gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
        assert gaps == pytest.approx([wait * 1.05 for wait in waits], rel=1e-3)
    assert time.now - began > 3 * 86_400


async def test_a_run_waits_for_a_slot_that_another_holds(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...]
) -> None:
    assert await deliver._slots.acquire(timeout=0)
    running = asyncio.get_running_loop().create_task(deliver.run(SET))

    async def waits() -> bool:
        return bool(deliver._slots._waiters)

    await until(waits)
    assert mail.sent == []
    deliver._slots.release()

    assert await running
    assert mail.sent == list(opened)


async def test_when_redis_goes_away_under_suspicion_what_is_under_way_is_finished(
    deliver: DeliveryJob, mail: Scripted, opened: tuple[Delivery, ...], connection: Connection
) -> None:
    class Away(PoisonDetector):
        async def begin(self, job_id: str, piece: str, start: object) -> bool:
            if piece == opened[1].id:
                raise JournalUnavailableError("Redis is away")
            return await super().begin(job_id, piece, start)  # type: ignore[arg-type]

    deliver._poison = Away(CrashCounter(connection))

    assert not await deliver.run(SET, 2)

    assert mail.sent == [opened[0]]
    assert (await ledger.read(connection)).destinations["mail"].delivered == 1
    assert deliver._slots.free == 1
    assert await deliver.run(SET)


@pytest.mark.fault_row(5)
async def test_a_settlement_that_fails_frees_its_slot(
    connection: Connection,
    clock: Clock,
    metrics: Metrics,
    mail: Scripted,
    flow: DeliveryAdmission,
    opened: tuple[Delivery, ...],
    time: SetClock,
) -> None:
    """Mutant: a slot is leaked when a settlement fails; each failure of Redis would cost one."""
    job, failure = await run_with_a_settlement_that_fails(
        mail, flow, connection, clock, metrics, time
    )

    assert isinstance(failure, JournalUnavailableError)
    assert 0 < len(mail.sent) < len(opened)
    assert job._slots.free == 1


@pytest.mark.fault_row(65)
async def test_a_dead_letter_that_redis_does_not_record_is_written_by_the_next_run(
    connection: Connection,
    clock: Clock,
    metrics: Metrics,
    mail: Scripted,
    flow: DeliveryAdmission,
    deliver: DeliveryJob,
    opened: tuple[Delivery, ...],
    time: SetClock,
) -> None:
    """Mutant: a settlement that fails is taken for recorded; there is no dead letter."""
    mail.outcomes += [Refused("HTTP 400", 400, of_delivery=True)] * 2
    _, failure = await run_with_a_settlement_that_fails(
        mail, flow, connection, clock, metrics, time
    )
    assert isinstance(failure, JournalUnavailableError)
    assert await dead_letters(connection, "mail", newest=10) == []

    await deliver.run(SET)

    (letter,) = await dead_letters(connection, "mail", newest=10)
    books = (await ledger.read(connection)).destinations["mail"]
    assert letter.delivery.id == opened[0].id
    assert (books.dead, books.delivered, books.pending) == (1, len(opened) - 1, 0)


async def run_with_a_settlement_that_fails(
    mail: Scripted,
    flow: DeliveryAdmission,
    connection: Connection,
    clock: Clock,
    metrics: Metrics,
    time: SetClock,
) -> tuple[DeliveryJob, Exception | None]:
    """Run the set's job, whose second call of Redis fails; return the job and its error."""
    deliveries = Deliveries(Cutting(connection, 2, happens=False), clock)
    settling = make_settler(deliveries, clock)
    journal = DeliveryJournal(deliveries, settling, PoisonDetector(CrashCounter(connection)))
    job = DeliveryJob(mail, journal, flow, metrics, clock)
    async with asyncio.TaskGroup() as group:
        runner = group.create_task(settling.run())
        running = group.create_task(failure_of(job))

        async def time_passes() -> bool:
            time.now += 10
            return running.done()

        await until(time_passes)
        runner.cancel()
    return job, running.result()


async def failure_of(job: DeliveryJob) -> Exception | None:
    """Run the job of the set; return the error with which it failed."""
    try:
        await job.run(SET)
    except JournalUnavailableError as error:
        return error
    return None


def lease(time: SetClock, *, seconds: float) -> Lease:
    """Return a lease of the set that begins now."""
    return Lease(
        SET,
        LeaseToken("mine"),
        due_ms=1,
        seconds=seconds,
        monotonic=lambda: time.now,
        at=time.now,
    )


async def test_no_attempt_begins_after_the_lease_may_have_ended(
    deliver: DeliveryJob,
    mail: Scripted,
    opened: tuple[Delivery, ...],
    connection: Connection,
    time: SetClock,
) -> None:
    """As when the process was suspended. Seen to fail without ``is_valid`` in ``_is_over``."""
    await connection.redis.set(keys.lease(SET), "mine")
    assert await deliver._slots.acquire(timeout=0)
    running = asyncio.get_running_loop().create_task(deliver.run(SET, 1, lease(time, seconds=5.0)))

    async def waits() -> bool:
        return bool(deliver._slots._waiters)

    await until(waits)
    time.now += 5.0
    deliver._slots.release()

    assert not await running
    assert mail.sent == []
    assert (await ledger.read(connection)).destinations["mail"].pending == len(opened)


async def test_a_set_whose_lease_is_lost_is_not_begun(
    deliver: DeliveryJob, mail: Scripted, connection: Connection, time: SetClock
) -> None:
    await connection.redis.set(keys.lease(SET), "another")

    with pytest.raises(LeaseLostError):
        await deliver.run(SET, 1, lease(time, seconds=5.0))

    assert mail.sent == []


async def test_what_a_worker_decides_after_it_lost_the_lease_changes_nothing(
    deliver: DeliveryJob,
    mail: Scripted,
    metrics: Metrics,
    opened: tuple[Delivery, ...],
    connection: Connection,
    time: SetClock,
) -> None:
    """Only what it has delivered is recorded and counted. Seen to fail if a settlement has no token.

    Mutant: the result of a settlement is ignored. Both workers would count the dead letter.
    """
    await connection.redis.set(keys.lease(SET), "mine")
    mail.outcomes += [Failed("HTTP 503", 503), Refused("HTTP 400", 400, of_delivery=True)]
    attempt = mail.attempt

    async def lose_the_lease(delivery: Delivery) -> Outcome:
        await connection.redis.set(keys.lease(SET), "another")
        return await attempt(delivery)

    mail.attempt = lose_the_lease  # type: ignore[method-assign]

    await deliver.run(SET, 1, lease(time, seconds=60.0))

    counts = (await ledger.read(connection)).destinations["mail"]
    assert (counts.delivered, counts.dead, counts.pending) == (1, 0, 2)
    assert ended(metrics) == {"delivered": 1, "dead_lettered": 0}
    assert await connection.redis.zrange(keys.open_sets("mail"), 0, -1) == [SET.encode()]
    assert len(mail.sent) == len(opened)


async def test_a_set_of_several_pages_is_made_page_by_page(
    deliver: DeliveryJob, mail: Scripted, connection: Connection, sample: bytes
) -> None:
    """Mutants: the run ends after a page; the next page is read before the first one is settled."""
    set_id = await fill_digest(connection, sample, 120, 70_000)
    most = 0
    settled: list[int] = []

    def count() -> None:
        nonlocal most
        most = max(most, len(mail.sent) - len(settled))

    begin = deliver._deliveries.begin

    async def begin_page(*arguments: object, **named: object) -> object:
        left = await connection.redis.hlen(keys.delivery_set(set_id))
        settled[:] = range(120 - left)
        assert len(mail.sent) == len(settled)
        return await begin(*arguments, **named)  # type: ignore[arg-type]

    mail.before_answer = count  # type: ignore[attr-defined]
    deliver._deliveries.begin = begin_page  # type: ignore[method-assign,assignment]

    assert not await deliver.run(set_id)  # a retry may have joined the digest meanwhile
    assert await deliver.run(set_id)

    assert len({delivery.id for delivery in mail.sent}) == len(mail.sent) == 120
    assert most < 120
    assert not await connection.redis.exists(keys.delivery_set(set_id), *keys.job_keys(set_id))


async def test_what_ends_processes_when_it_is_read_is_quarantined_unread(
    deliver: DeliveryJob,
    mail: Scripted,
    opened: tuple[Delivery, ...],
    connection: Connection,
    clock: Clock,
) -> None:
    """Mutant: deliveries are read before their marks are set."""
    crashes = CrashCounter(connection)
    for _ in range(2):  # as after two processes that ended while they read the second delivery
        await crashes.begin(SET, f"read {opened[1].id}")
    record = await connection.redis.hget(keys.delivery_set(SET), opened[1].id)

    assert await deliver.run(SET, 4)

    (item,) = (await Quarantine(connection, clock).find(QuarantineFilter())(None, 10)).items
    assert (item.id, item.record.reason, item.record.body) == (opened[1].id, POISON, record)
    assert [delivery.id for delivery in mail.sent] == [opened[0].id, opened[2].id]
    assert (await ledger.read(connection)).destinations["mail"].pending == 0


async def test_a_set_of_an_ended_process_is_not_read_whole(
    deliver: DeliveryJob, mail: Scripted, connection: Connection, sample: bytes
) -> None:
    """Mutant: a watched run begins as every other one."""
    set_id = await fill_digest(connection, sample, SET_SIZE + 50, 2000)
    await connection.redis.config_resetstat()

    assert not await deliver.run(set_id, 2)

    commands = await connection.redis.info("commandstats")
    assert "cmdstat_hgetall" not in commands
    assert SET_SIZE <= len(mail.sent) < SET_SIZE + 50
    assert not await deliver.run(set_id)
    assert len({delivery.id for delivery in mail.sent}) == len(mail.sent) == SET_SIZE + 50
