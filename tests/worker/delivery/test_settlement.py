"""Settlements leave together, and are retried while Redis is unavailable."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from support.clock import SetClock
from support.events import deliveries_of, event_from

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.group_commit import GroupCommit
from router.journal.keys import SetId
from router.journal.settlements import Done, Settlement
from router.worker.delivery.settlement import SETTLE_TIMEOUT, make_settler


class Flaky(Deliveries):
    """Fails so many times, then records what it is given."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        super().__init__(connection, clock)
        self.failures = 0
        self.groups: list[list[Settlement]] = []
        self.on_failure: Callable[[], None] = lambda: None

    async def settle(self, settlements: list[Settlement]) -> list[bool]:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            self.on_failure()
            raise JournalUnavailableError("connection refused")
        self.groups.append(settlements)
        return [True] * len(settlements)


@pytest.fixture
def flaky(connection: Connection, clock: Clock) -> Flaky:
    return Flaky(connection, clock)


@pytest.fixture
async def settler(flaky: Flaky, clock: Clock) -> AsyncIterator[GroupCommit[Settlement, bool]]:
    settler = make_settler(flaky, clock)
    running = asyncio.get_running_loop().create_task(settler.run())
    yield settler
    running.cancel()
    await asyncio.wait([running])


@pytest.fixture
def done(sample: bytes) -> list[Settlement]:
    deliveries = deliveries_of(event_from(sample), 3)
    return [Done(SetId("id0001"), delivery) for delivery in deliveries]


async def commit_all(settler: GroupCommit[Settlement, bool], settlements: list[Settlement]) -> None:
    async with asyncio.TaskGroup() as group:
        for settlement in settlements:
            group.create_task(settler.commit(settlement))


async def test_settlements_made_at_once_are_recorded_in_one_round_trip(
    settler: GroupCommit[Settlement, bool], flaky: Flaky, done: list[Settlement]
) -> None:
    await commit_all(settler, done)
    assert [settlement for group in flaky.groups for settlement in group] == done
    assert len(flaky.groups) < len(done)


@pytest.mark.usefixtures("every_outage_line")
@pytest.mark.parametrize("failures", [1, 3])
async def test_a_settlement_is_retried_until_redis_answers(
    failures: int,
    settler: GroupCommit[Settlement, bool],
    flaky: Flaky,
    done: list[Settlement],
    caplog: pytest.LogCaptureFixture,
) -> None:
    flaky.failures = failures
    await settler.commit(done[0])
    assert flaky.groups == [[done[0]]]
    assert [record.getMessage() for record in caplog.records] == ["settlement retried"] * failures


async def test_after_the_timeout_committing_raises(
    settler: GroupCommit[Settlement, bool], flaky: Flaky, done: list[Settlement], time: SetClock
) -> None:
    def pass_time() -> None:
        time.now += SETTLE_TIMEOUT + 0.1

    flaky.failures, flaky.on_failure = 1, pass_time
    with pytest.raises(JournalUnavailableError):
        await settler.commit(done[0])
    await settler.commit(done[1])
    assert flaky.groups == [[done[1]]]


async def test_a_settlement_is_retried_for_half_a_minute(
    settler: GroupCommit[Settlement, bool], flaky: Flaky, done: list[Settlement], time: SetClock
) -> None:
    """Mutants: SETTLE_TIMEOUT of 0 or 300 s; it is measured from the latest failure."""
    steps = iter([29.9, 0.2])

    def pass_time() -> None:
        time.now += next(steps, 0.0)

    flaky.failures, flaky.on_failure = 2, pass_time
    with pytest.raises(JournalUnavailableError):
        await settler.commit(done[0])

    assert (flaky.failures, list(steps)) == (0, [])
    assert SETTLE_TIMEOUT == 30.0
