"""Test messages: one delivery that an operator asks for, on the way that all deliveries take.

Its alert is of no rule and no event, so the ledger has no event and no alert of it; its delivery is opened
and ends as any other one. It is attempted once. A worker stores how that ended for the operator, and drops
the dead letter of one that failed, because there is nothing in it to send again.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from router.alerts import AlertKey, AlertStatus, Delivery, DeliveryId
from router.clock import Clock
from router.journal import destination_keys, keys, ledger
from router.journal.connection import Connection
from router.journal.discard import discard
from router.journal.keys import SetId
from router.journal.lanes import LaneArguments, lane_arguments, lane_of
from router.journal.pagination import IndexedRecords
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.stored_alerts import encode_delivery

PAUSE_SECONDS: Final = 10.0
"""The shortest time between two test messages to a destination."""
RESULT_SECONDS: Final = 3600
"""How long the result of a test message is stored."""


class MessageResult(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The end of the attempt to send a test message."""

    is_delivered: bool
    at: float
    """Unix time in seconds."""
    seconds: float
    """The duration of the attempt."""
    reason: str = ""
    """Why it was not delivered, and what to do if that is known."""
    status: int | None = None
    response: str = ""
    version: Annotated[int, msgspec.Meta(lt=200)] = 100


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(MessageResult).decode


class MessageTests:
    """Opens test messages and stores their results. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def open(self, destination: str, messages: Sequence[Delivery]) -> float:
        """Open the deliveries of a test message, unless one was opened a moment ago.

        Args:
            destination: Their destination.
            messages: The deliveries, in their order if they have a key of their own.

        Returns:
            0; or the seconds after which a test message may be opened.
        """
        wait_ms = await self._connection.run(
            _OPEN_TEST(
                _OpenTestKeys(destination_keys.tested(destination), keys.LEDGER),
                _OpenTestArguments(
                    pause_ms=int(PAUSE_SECONDS * 1000),
                    set_ms=self._clock.journal_ms(),
                    messages=[self._message(each) for each in messages],
                ),
            )
        )
        return float(wait_ms) / 1000

    def _message(self, delivery: Delivery) -> "_TestMessage":
        lanes = lane_arguments(delivery.destination, self._clock)
        return _TestMessage(
            id=delivery.id,
            record=binary(encode_delivery(delivery)),
            key=lane_of(delivery),
            status=delivery.alert.status,
            set=keys.delivery_set(SetId(lanes.set_id)),
            opened_field=ledger.opened(delivery.destination),
            lanes=lanes,
        )

    async def has_worker(self, destination: str) -> bool:
        """Return whether a worker has polled the queue of a destination within half a minute."""
        name = keys.health_check(keys.deliver_queue(destination))
        return bool(await self._connection.ask(self._connection.redis.exists(name)))

    async def record(self, delivery: DeliveryId, result: MessageResult) -> None:
        """Store the result of a test message."""
        name = destination_keys.test_result(delivery)
        reply = self._connection.redis.set(name, _encode(result), ex=RESULT_SECONDS)
        await self._connection.ask(reply)

    async def drop_letter(self, delivery: Delivery) -> None:
        """Delete the dead letter of a test message that failed."""
        name = delivery.destination
        await discard(
            self._connection,
            IndexedRecords(keys.dead_letters(name), keys.dead_letter_index(name)),
            [delivery.id],
            decreased=ledger.dead(name),
            increased=ledger.discarded(name),
        )

    async def result(self, delivery: DeliveryId) -> MessageResult | None:
        """Return the result of a test message; None as long as it has none."""
        stored: bytes | None = await self._connection.ask(
            self._connection.redis.get(destination_keys.test_result(delivery))
        )
        try:
            return None if stored is None else _decode(stored)
        except msgspec.MsgspecError:
            return None


class _OpenTestKeys(ScriptKeys, frozen=True):
    tested: str
    ledger: str


class _OpenTestArguments(PackedArguments, frozen=True):
    pause_ms: int
    set_ms: int
    messages: "list[_TestMessage]"


class _TestMessage(msgspec.Struct, frozen=True, array_like=True):
    id: str
    record: msgspec.Raw
    key: AlertKey
    status: AlertStatus
    set: str
    opened_field: str
    lanes: LaneArguments


_OPEN_TEST: Final = Script("open_test", _OpenTestKeys, _OpenTestArguments)
