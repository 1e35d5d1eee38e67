"""How long a worker lets work gather."""

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection
from router.worker.queue.linger import LONGEST, SHORTEST, AdaptiveLinger

RULES = """
rules:
  - {name: never, events: [other], send_to: [noc]}
"""


def after(rate: float, *, each: float, seconds: float = 10.0) -> tuple[AdaptiveLinger, float]:
    """Work that came evenly at a rate, begun at looks that are ``each`` apart; and when that ended."""
    breath = AdaptiveLinger()
    begun = 0
    looks = int(seconds / each)
    for look in range(1, looks + 1):
        came = int(look * each * rate)
        breath.came(came - begun, 1000 + look * each)
        begun = came
    return breath, 1000 + looks * each


@pytest.mark.parametrize("each", [SHORTEST, 0.01, LONGEST])
@pytest.mark.parametrize(
    ("rate", "seconds"), [(1, SHORTEST), (100, SHORTEST), (220, LONGEST), (5000, LONGEST)]
)
def test_it_follows_what_comes_and_not_how_often_one_looks(
    rate: float, seconds: float, each: float
) -> None:
    breath, now = after(rate, each=each)

    assert breath.seconds(now) == seconds


@pytest.mark.parametrize("each", [SHORTEST, LONGEST])
def test_between_little_and_much_it_is_in_between(each: float) -> None:
    breath, now = after(160, each=each)

    assert SHORTEST + 0.008 < breath.seconds(now) < LONGEST - 0.008


def test_what_came_is_soon_forgotten() -> None:
    breath, now = after(1000, each=LONGEST)

    assert breath.seconds(now + 0.5) == LONGEST
    assert breath.seconds(now + 1.5) == SHORTEST


def test_one_large_batch_is_no_stream() -> None:
    breath = AdaptiveLinger()
    assert breath.seconds(1000) == SHORTEST

    breath.came(1000, 1000)

    assert breath.seconds(1000 + 1.5) == SHORTEST


async def test_a_worker_that_begins_many_events_lets_more_gather(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    assert world.evaluate.breath() == SHORTEST

    await world.evaluate.run(await world.accept([world.event(str(n)) for n in range(150)]))

    assert world.evaluate.breath() == LONGEST
