"""How long a worker lets work gather."""

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection
from router.worker.queue.linger import MAX_LINGER, MIN_LINGER, AdaptiveLinger

RULES = """
rules:
  - {name: never, events: [other], send_to: [noc]}
"""


def after(rate: float, *, each: float, seconds: float = 10.0) -> tuple[AdaptiveLinger, float]:
    """Work that came evenly at a rate, begun at looks that are ``each`` apart; and when that ended."""
    linger = AdaptiveLinger()
    begun = 0
    looks = int(seconds / each)
    for look in range(1, looks + 1):
        came = int(look * each * rate)
        linger.record(came - begun, 1000 + look * each)
        begun = came
    return linger, 1000 + looks * each


@pytest.mark.parametrize("each", [MIN_LINGER, 0.01, MAX_LINGER])
@pytest.mark.parametrize(
    ("rate", "seconds"), [(1, MIN_LINGER), (100, MIN_LINGER), (220, MAX_LINGER), (5000, MAX_LINGER)]
)
def test_it_follows_what_comes_and_not_how_often_one_looks(
    rate: float, seconds: float, each: float
) -> None:
    linger, now = after(rate, each=each)

    assert linger.seconds(now) == seconds


@pytest.mark.parametrize("each", [MIN_LINGER, MAX_LINGER])
def test_between_little_and_much_it_is_in_between(each: float) -> None:
    linger, now = after(160, each=each)

    assert MIN_LINGER + 0.008 < linger.seconds(now) < MAX_LINGER - 0.008


def test_what_came_is_soon_forgotten() -> None:
    linger, now = after(1000, each=MAX_LINGER)

    assert linger.seconds(now + 0.5) == MAX_LINGER
    assert linger.seconds(now + 1.5) == MIN_LINGER


def test_one_large_batch_is_no_stream() -> None:
    linger = AdaptiveLinger()
    assert linger.seconds(1000) == MIN_LINGER

    linger.record(1000, 1000)

    assert linger.seconds(1000 + 1.5) == MIN_LINGER


async def test_a_worker_that_begins_many_events_lets_more_gather(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    assert world.evaluate.linger() == MIN_LINGER

    await world.evaluate.run(await world.accept([world.event(str(n)) for n in range(150)]))

    assert world.evaluate.linger() == MAX_LINGER
