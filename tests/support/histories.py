"""Random histories of one router on a real Redis: what operators, senders and receivers may do.

A history is a list of steps. Each has a number, which picks one of what exists at the time, so that
any list is a possible history and a shorter one that fails is found by leaving steps out.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from router.alerts import AlertKey, AlertStatus, Attempt, Delivery, after_attempt
from router.events.model import Event, Malformed, Received
from router.journal import keys
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.discard_open import DiscardOpen, OpenFilter
from router.journal.keys import BatchId, SetId
from router.journal.lanes import release_stalled
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.settlements import Done, GivenUp, Requeued, Settlement
from support.clock import SetClock
from support.lanes import message
from support.stored import forget_claims
from support.world import World

RULES: Final = """
rules:
  - name: each
    events: [a]
    send_to: [noc, boss]
  - name: grouped
    events: [a]
    group: {by: [data.account], wait: 30s, interval: 5m}
    send_to: [noc]
  - name: cool
    events: [a]
    cooldown: {for: 10m, by: [data.account]}
    send_to: [boss]
"""
PLACES: Final = ("noc", "boss")
DIGEST_SECONDS: Final = 3600

Step = Callable[["History", int], Awaitable[None]]


class History:
    """One router; each step leaves it at a quiet moment."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.time = SetClock()
        self.world = World(connection, self.time, RULES)
        clock = self.world.clock
        self.deliveries = Deliveries(connection, clock)
        self.letters = DeadLetters(connection, clock)
        self.quarantine = Quarantine(connection, clock)
        self.orphans = OrphanedDeliveries(connection, self.deliveries, clock)

    def events(self, number: int) -> list[Event]:
        """One to four events of a pool of five, so that most arrive several times."""
        chosen = [(number + each) % 5 for each in range(1 + number % 4)]
        return [self.world.event(str(each), account="xy"[each % 2]) for each in chosen]

    async def one_of(self, index: str, number: int) -> str | None:
        """Return a member of a sorted set; None if it is empty."""
        members = await self.connection.redis.zrange(index, 0, -1)
        return members[number % len(members)].decode() if members else None

    async def settle(self, number: int, end: Callable[[SetId, Delivery], Settlement]) -> None:
        """Begin a set of a destination and settle every second delivery of it, or all."""
        place = PLACES[number % 2]
        set_id = await self.one_of(keys.open_sets(place), number // 2)
        if set_id is not None:
            # A destination may send digests, or have ceased to.
            page = await self.deliveries.begin(SetId(set_id), place, in_digest=number % 7 > 0)
            begun = page.deliveries
            chosen = begun[:: 1 + number % 3 // 2]
            await self.deliveries.settle([end(SetId(set_id), each) for each in chosen])


async def accept(history: History, number: int) -> None:
    await history.world.batches.accept([Received(history.events(number), [])])


async def evaluate(history: History, number: int) -> None:
    batch_id = await history.one_of(keys.BATCHES, number)
    if batch_id is not None:
        await history.world.evaluate.run(BatchId(batch_id))


async def begin(history: History, number: int) -> None:
    """A worker dies once it has claimed the events of a batch."""
    batch_id = await history.one_of(keys.BATCHES, number)
    if batch_id is not None:
        await history.world.batches.begin(BatchId(batch_id), claim_seconds=86_400)


async def pass_the_window(history: History, _number: int) -> None:
    await forget_claims(history.connection)


async def deliver(history: History, number: int) -> None:
    await history.settle(number, Done)


async def fail(history: History, number: int) -> None:
    now = history.time.now
    attempt = Attempt(number=1, at=now, seconds=0.1, reason="HTTP 503")
    await history.settle(
        number, lambda of, each: Requeued(of, after_attempt(each, attempt), due_at=now + 10)
    )


async def wait_for_digest(history: History, number: int) -> None:
    due = (history.time.now // DIGEST_SECONDS + 1) * DIGEST_SECONDS
    await history.settle(number, lambda of, each: Requeued(of, each, due_at=due, in_digest=True))


async def acknowledge(history: History, number: int) -> None:
    """An operator acknowledges the alerts of a key; one of its destinations is told."""
    lanes = sorted(await history.connection.redis.keys(keys.lane("*")))
    if lanes:
        key = AlertKey(lanes[number % len(lanes)].decode().removeprefix(keys.lane("")))
        told = message(number, AlertStatus.ACKNOWLEDGED, key, PLACES[number % 2])
        await Acknowledgements(history.connection).acknowledge_and_tell(
            key, Acknowledgement("ann", history.time.now), [told], history.world.clock
        )


async def sweep(history: History, number: int) -> None:
    await release_stalled(history.connection, PLACES[number % 2], history.world.clock)


async def give_up(history: History, number: int) -> None:
    await history.settle(number, lambda of, each: GivenUp(of, each, "HTTP 400"))


async def spoil(history: History, number: int) -> None:
    """The record of a delivery becomes one that cannot be decoded, and its set is begun."""
    place = PLACES[number % 2]
    set_id = await history.one_of(keys.open_sets(place), number // 2)
    if set_id is not None:
        name = keys.delivery_set(SetId(set_id))
        (field, *_) = await history.connection.redis.hkeys(name)
        record = await history.connection.redis.hget(name, field)
        await history.connection.redis.hset(name, field, record[:-1] + b"\xc1")
        await history.deliveries.begin(SetId(set_id), place)


async def replay(history: History, number: int) -> None:
    place = PLACES[number % 2]
    found = await history.letters.find(place, DeadLetterFilter())(None, 1 + number % 7)
    await history.letters.replay(place, found.items)
    await history.letters.replay(place, found.items)


async def discard(history: History, number: int) -> None:
    place = PLACES[number % 2]
    found = await history.letters.find(place, DeadLetterFilter())(None, 1 + number % 3)
    await history.letters.discard(place, found.items)


async def discard_open(history: History, number: int) -> None:
    """An operator drops what waits for a destination: all of it, or that of a rule."""
    rule = ("", "each", "grouped", "cool")[number % 4]
    wanted = OpenFilter(destination=PLACES[number % 2], rule=rule)
    operator = DiscardOpen(history.connection, history.world.clock)
    after = (await operator.discard(wanted, "", limit=1 + number % 3)).after
    while after:
        after = (await operator.discard(wanted, after, limit=1000)).after


async def orphan(history: History, number: int) -> None:
    known = frozenset(PLACES) - {PLACES[number % 2]}
    for mark in await history.orphans.mark_unknown(known):
        await history.orphans.abandon(mark)
    await history.orphans.claim(PLACES)


async def malformed(history: History, number: int) -> None:
    """An event arrives that only a later router can decode."""
    event = history.events(number)[0]
    item = Malformed("not yet understood", "$", history.time.now, event.body)
    await history.world.batches.accept([Received([], [item])])


async def replay_quarantined(history: History, number: int) -> None:
    found = await history.quarantine.find(QuarantineFilter())(None, 1 + number % 3)
    await history.quarantine.replay(found.items)


async def discard_quarantined(history: History, _number: int) -> None:
    found = await history.quarantine.find(QuarantineFilter())(None, 1)
    await history.quarantine.discard(found.items)


async def expire(history: History, number: int) -> None:
    """Time passes: groups are sent, cooldowns end."""
    await history.world.passes((10, 40, 900)[number % 3])


STEPS: Final[tuple[Step, ...]] = (
    accept,
    accept,
    evaluate,
    evaluate,
    begin,
    pass_the_window,
    pass_the_window,
    deliver,
    fail,
    wait_for_digest,
    wait_for_digest,
    acknowledge,
    sweep,
    give_up,
    give_up,
    spoil,
    replay,
    discard,
    discard_open,
    orphan,
    malformed,
    replay_quarantined,
    discard_quarantined,
    expire,
)
"""Each as often as it is likely."""
