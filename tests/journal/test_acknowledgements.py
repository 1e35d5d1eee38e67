"""Acknowledgements, and the deliveries that tell destinations of them."""

import msgspec
import pytest
from support.clock import SetClock
from support.keyed import START, put
from support.lanes import DESTINATION, KEY, Outbox, message, resolved

from router.alerts import AlertStatus, Delivery
from router.clock import Clock
from router.journal import keys, lanes
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.rules.state.keyed_alert import LOG_LIMIT, Change, LogEntry, ToldStatus


@pytest.fixture
def outbox(connection: Connection, clock: Clock) -> Outbox:
    return Outbox(connection, clock)


def acknowledgement(number: int) -> Delivery:
    return message(number, AlertStatus.ACKNOWLEDGED)


@pytest.fixture
def acknowledge(connection: Connection, clock: Clock, time: SetClock):
    async def acknowledge(*told: Delivery) -> int:
        return await Acknowledgements(connection).acknowledge_and_tell(
            KEY, Acknowledgement("ann", time.now), told, clock
        )

    return acknowledge


async def test_it_is_recorded_and_told_in_one_step(
    outbox: Outbox, acknowledge, connection: Connection, time: SetClock
) -> None:
    await outbox.open(message(1))
    await outbox.deliver()

    assert await acknowledge(acknowledgement(2)) == 1
    assert await Acknowledgements(connection).acknowledged(KEY) == Acknowledgement("ann", time.now)
    assert (await outbox.books()).pending == 1
    assert await outbox.deliver() == [2]
    assert (await outbox.books()).pending == 0
    (last,) = (await lanes.told(connection, KEY)).values()
    assert last.status is AlertStatus.ACKNOWLEDGED


async def test_it_waits_for_the_firing_that_is_on_its_way(outbox: Outbox, acknowledge) -> None:
    await outbox.open(message(1))

    assert await acknowledge(acknowledgement(2)) == 1
    assert await outbox.sent_now() == [1]
    assert await outbox.deliver_all() == [1, 2]


async def test_a_destination_is_told_once_of_each_firing(outbox: Outbox, acknowledge) -> None:
    await outbox.open(message(1))
    await outbox.deliver()

    assert [await acknowledge(acknowledgement(2)) for _ in range(2)] == [1, 0]
    assert await outbox.deliver_all() == [2]
    assert await acknowledge(acknowledgement(3)) == 0
    await outbox.open(message(4))
    assert await acknowledge(acknowledgement(5)) == 1
    assert await outbox.deliver_all() == [4, 5]


async def test_what_is_over_is_not_acknowledged(outbox: Outbox, acknowledge) -> None:
    """An acknowledgement never follows the end."""
    await outbox.open(message(1), resolved(2))

    assert await acknowledge(acknowledgement(3)) == 0
    assert await outbox.deliver_all() == [1, 2]


@pytest.mark.parametrize("sent_before", [[2], []])
async def test_it_does_not_overtake_an_end_that_was_decided_before_it(
    outbox: Outbox, acknowledge, sent_before: list[int]
) -> None:
    """The end has its number when it is decided, and is opened later."""
    await outbox.open(message(1), numbers=[1_000])
    await outbox.deliver()
    await acknowledge(acknowledgement(2))
    sent = await outbox.deliver() if sent_before else []
    await outbox.open(resolved(3), numbers=[1_001])

    assert sent == sent_before
    assert sent + await outbox.deliver_all() == [2, 3]
    assert (await outbox.books()).overtaken == 0


async def test_an_alert_that_stands_alone_is_told_of_once(outbox: Outbox, acknowledge) -> None:
    assert [await acknowledge(acknowledgement(1)) for _ in range(2)] == [1, 0]
    assert await outbox.deliver_all() == [1]


async def test_each_destination_has_its_own_lane(
    outbox: Outbox, acknowledge, connection: Connection, clock: Clock
) -> None:
    chat = Outbox(connection, clock, "chat")
    await outbox.open(message(1), message(2, destination="chat"), resolved(3))
    told = [
        acknowledgement(4),
        message(5, AlertStatus.ACKNOWLEDGED, destination="chat"),
    ]

    assert await acknowledge(*told) == 1
    assert await outbox.deliver_all() == [1, 3]
    assert await chat.deliver_all() == [2, 5]
    assert DESTINATION != "chat"


async def log_of(connection: Connection) -> list[tuple[int, str, str]]:
    found = await KeyedAlerts(connection).get(KEY)
    assert isinstance(found, KeyedAlert)
    return [(entry.at - START, entry.change, entry.detail) for entry in found.record.log]


async def test_a_keyed_alert_has_it_in_its_log_and_is_judged_again(
    connection: Connection, acknowledge, clock: Clock, time: SetClock, sample: bytes
) -> None:
    log = [LogEntry(START + at, Change("notified"), "chat") for at in range(LOG_LIMIT)]
    told = {"chat": ToldStatus("firing", START, 2)}
    await put(connection, sample, KEY, version=7, count=3, told=told, log=log)
    before = await KeyedAlerts(connection).get(KEY)
    assert isinstance(before, KeyedAlert)
    time.now += 1
    await acknowledge()
    time.now += 1
    assert await Acknowledgements(connection).unacknowledge(KEY, "bob", clock)

    after = await KeyedAlerts(connection).get(KEY)
    assert isinstance(after, KeyedAlert)
    changed = {"version": 9, "changed": START + 2000, "log": after.record.log}
    assert after.record == msgspec.structs.replace(before.record, **changed)
    assert len(after.record.log) == LOG_LIMIT
    assert (await log_of(connection))[-2:] == [
        (1000, "acknowledged", "ann"),
        (2000, "unacknowledged", "bob"),
    ]
    assert after.changed_at == START / 1000 + 2
    assert await connection.redis.zscore(keys.LOOKS, KEY) == START + 1000


@pytest.mark.parametrize("status", ["resolved", "firing"])
async def test_only_an_alert_that_is_not_over_is_judged_again(
    connection: Connection, acknowledge, sample: bytes, status: str
) -> None:
    await put(connection, sample, KEY, status=status)
    await acknowledge()

    assert await connection.redis.zcard(keys.LOOKS) == (status == "firing")


@pytest.mark.parametrize("record", [b"\xc1", msgspec.msgpack.encode({"form": 2})])
async def test_a_record_that_cannot_be_read_is_left_and_the_alert_acknowledged(
    connection: Connection, acknowledge, record: bytes
) -> None:
    await connection.redis.hset(keys.keyed_alert(KEY), "record", record)
    await acknowledge()

    assert await connection.redis.hget(keys.keyed_alert(KEY), "record") == record
    assert await Acknowledgements(connection).acknowledged(KEY) is not None


async def test_after_it_is_withdrawn_the_next_one_is_told(
    outbox: Outbox, acknowledge, connection: Connection, clock: Clock
) -> None:
    await outbox.open(message(1))
    await outbox.deliver()
    await acknowledge(acknowledgement(2))
    assert await outbox.deliver_all() == [2]

    acknowledgements = Acknowledgements(connection)
    done = [await acknowledgements.unacknowledge(KEY, "ann", clock) for _ in range(2)]

    assert done == [True, False]
    assert await acknowledgements.acknowledged(KEY) is None
    assert await acknowledge(acknowledgement(3)) == 1
    assert await outbox.deliver_all() == [3]


async def test_what_is_over_stays_over_when_its_acknowledgement_is_withdrawn(
    outbox: Outbox, acknowledge, connection: Connection, clock: Clock
) -> None:
    await outbox.open(message(1), resolved(2))
    await outbox.deliver_all()
    await acknowledge()
    await Acknowledgements(connection).unacknowledge(KEY, "ann", clock)

    assert await acknowledge(acknowledgement(3)) == 0
