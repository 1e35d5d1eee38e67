"""How long a worker waits before its next poll."""

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection
from router.worker.queue.poll_interval import MAX_LINGER, MIN_LINGER, AdaptiveLinger, idle_seconds

RULES = """
rules:
  - {name: never, events: [other], send_to: [noc]}
"""


def after(rate: float, *, each: float, seconds: float = 10.0) -> tuple[AdaptiveLinger, float]:
    """Return a linger after polls ``each`` seconds apart at an even rate, and the time of the last."""
    linger = AdaptiveLinger()
    begun = 0
    polls = int(seconds / each)
    for poll in range(1, polls + 1):
        arrived = int(poll * each * rate)
        linger.record(arrived - begun, 1000 + poll * each)
        begun = arrived
    return linger, 1000 + polls * each


@pytest.mark.parametrize("each", [MIN_LINGER, 0.01, MAX_LINGER])
@pytest.mark.parametrize(
    ("rate", "seconds"), [(1, MIN_LINGER), (100, MIN_LINGER), (220, MAX_LINGER), (5000, MAX_LINGER)]
)
def test_it_follows_the_rate_and_not_the_number_of_polls(
    rate: float, seconds: float, each: float
) -> None:
    linger, now = after(rate, each=each)

    assert linger.seconds(now) == seconds


@pytest.mark.parametrize("each", [MIN_LINGER, MAX_LINGER])
def test_between_the_low_and_the_high_rate_it_is_in_between(each: float) -> None:
    linger, now = after(160, each=each)

    assert MIN_LINGER + 0.008 < linger.seconds(now) < MAX_LINGER - 0.008


def test_old_events_are_soon_forgotten() -> None:
    linger, now = after(1000, each=MAX_LINGER)

    assert linger.seconds(now + 0.5) == MAX_LINGER
    assert linger.seconds(now + 1.5) == MIN_LINGER


def test_one_large_batch_is_not_a_high_rate() -> None:
    linger = AdaptiveLinger()
    assert linger.seconds(1000) == MIN_LINGER

    linger.record(1000, 1000)

    assert linger.seconds(1000 + 1.5) == MIN_LINGER


async def test_a_worker_that_evaluates_many_events_lingers_longer(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    assert world.evaluate.linger() == MIN_LINGER

    await world.evaluate.run(await world.accept([world.event(str(n)) for n in range(150)]))

    assert world.evaluate.linger() == MAX_LINGER


@pytest.mark.parametrize(
    ("renew_in", "admitted_in", "due_in", "expected"),
    [
        (None, 0.0, None, 5.0),
        (None, 0.0, 60.0, 5.0),
        (None, 0.0, 2.0, 2.0),
        (None, 0.0, -1.0, 0.0),
        (3.0, 0.0, 4.0, 3.0),
        (3.0, 0.0, 1.0, 1.0),
        (None, 1.5, 0.2, 1.5),
        (1.0, 1.5, None, 1.0),
        (None, 90.0, 0.2, 5.0),
    ],
)
def test_an_idle_worker_polls_again_when_a_job_or_a_lease_or_its_destination_needs_it(
    renew_in: float | None, admitted_in: float, due_in: float | None, expected: float
) -> None:
    pause = idle_seconds(5.0, renew_in=renew_in, admitted_in=admitted_in, due_in=due_in)

    assert pause == expected
