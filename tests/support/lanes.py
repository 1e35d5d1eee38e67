"""Deliveries of alert keys, without rules and receivers: opened, seen in sets, and settled."""

from collections.abc import Callable, Sequence

import msgspec

from router.alerts import AlertId, AlertKey, AlertStatus, Delivery, DeliveryId
from router.clock import Clock
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.ledger import DestinationLedger
from router.journal.settlements import DeadLetter, Done, GivenUp, Requeued, Settlement
from support.events import deliveries_of, event_from

KEY = AlertKey("ak_trunk")
OTHER = AlertKey("ak_other")
DESTINATION = "pager"

_EVENT = b'{"specversion":"1.0","id":"%d","source":"s","type":"t","data":{}}'


def message(
    number: int,
    status: AlertStatus = AlertStatus.FIRING,
    key: AlertKey = KEY,
    destination: str = DESTINATION,
) -> Delivery:
    """Return a delivery whose id ends with the number; the alert's raised so many seconds later."""
    event = event_from(_EVENT % number)
    (delivery,) = deliveries_of(event, 1, destination)
    alert = msgspec.structs.replace(
        delivery.alert,
        id=AlertId(f"al_{number}"),
        key=key,
        status=status,
        raised_at=1_700_000_000.0 + number,
    )
    return msgspec.structs.replace(delivery, id=DeliveryId(f"msg_{number}"), alert=alert)


def resolved(number: int, key: AlertKey = KEY) -> Delivery:
    """Return a delivery of a resolved alert."""
    return message(number, AlertStatus.RESOLVED, key)


def number_of(delivery: Delivery) -> int:
    """Return the number of a delivery, also of a replayed one."""
    return int(delivery.alert.id.removeprefix("al_"))


class Outbox:
    """The deliveries to one destination as a worker sees them."""

    def __init__(
        self, connection: Connection, clock: Clock, destination: str = DESTINATION
    ) -> None:
        self.connection = connection
        self.destination = destination
        self.sends_digests = True
        self.clock = clock
        self.batches = Batches(connection, clock)
        self.deliveries = Deliveries(connection, clock)
        self.letters = DeadLetters(connection, clock)
        self._batches = 0

    async def open(self, *deliveries: Delivery, numbers: Sequence[int] = ()) -> None:
        """Finish a batch with these deliveries."""
        self._batches += 1
        await self.batches.accept([Received([event_from(_EVENT % self._batches)], [])])
        (batch,) = await self.connection.redis.zrange(keys.BATCHES, 0, -1)
        await self.batches.finish(
            BatchId(batch.decode()),
            FinishedWork(matched=1, deliveries=deliveries, numbers=tuple(numbers)),
        )

    async def in_sets(self) -> list[tuple[SetId, Delivery]]:
        """Return the deliveries that are in sets, and so may be attempted now."""
        redis = self.connection.redis
        found = []
        for name in await redis.zrange(keys.open_sets(self.destination), 0, -1):
            set_id = SetId(name.decode())
            page = await self.deliveries.begin(
                set_id, self.destination, in_digest=self.sends_digests
            )
            found += [(set_id, delivery) for delivery in page.deliveries]
        return found

    async def sent_now(self) -> list[int]:
        """Return the numbers of the deliveries that are in sets."""
        return sorted(number_of(delivery) for _, delivery in await self.in_sets())

    async def settle_all(self, settle: Callable[[SetId, Delivery], Settlement]) -> list[int]:
        """Settle what is in sets now; return its numbers."""
        found = await self.in_sets()
        await self.deliveries.settle([settle(*each) for each in found])
        return sorted(number_of(delivery) for _, delivery in found)

    async def deliver(self) -> list[int]:
        """Deliver what is in sets now."""
        return await self.settle_all(Done)

    async def deliver_all(self) -> list[int]:
        """Deliver until nothing is left; return the numbers in the order of their deliveries."""
        sent = []
        while now := await self.deliver():
            sent += now
        return sent

    async def give_up(self) -> list[int]:
        """Make dead letters of what is in sets now."""
        return await self.settle_all(lambda set_id, each: GivenUp(set_id, each, "HTTP 400"))

    async def retry(self, due_at: float, *, in_digest: bool = False) -> list[int]:
        """Requeue what is in sets now."""
        return await self.settle_all(
            lambda set_id, each: Requeued(set_id, each, due_at, in_digest=in_digest)
        )

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters, newest first."""
        return list(
            (await self.letters.find(self.destination, DeadLetterFilter())(None, 1000)).items
        )

    async def books(self) -> DestinationLedger:
        """Return the counters of the destination."""
        return (await ledger.read(self.connection)).destinations[self.destination]

    async def waiting(self) -> int:
        """Return how many deliveries wait in lanes."""
        return await self.connection.redis.hlen(keys.waiting_deliveries(self.destination))
