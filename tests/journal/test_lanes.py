"""Deliveries of one alert key to one destination are sent one after the other, in their order."""

import itertools
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from support.clock import SetClock
from support.lanes import DESTINATION, KEY, OTHER, Outbox, message, resolved

from router.alerts import AlertId, AlertKey, AlertStatus
from router.clock import Clock
from router.journal import keys, lanes
from router.journal.connection import Connection
from router.journal.lanes import LANE_SIZE
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.settlements import Done, GivenUp, Requeued
from router.journal.sweeper import Sweeper


@pytest.fixture
def outbox(connection: Connection, clock: Clock) -> Outbox:
    return Outbox(connection, clock)


async def left_over(connection: Connection) -> set[bytes]:
    """Return the keys of lanes besides what is remembered of them."""
    found = set(await connection.redis.keys("router:lane*"))
    return found - {keys.LANE_AGES.encode(), keys.lane(KEY).encode(), keys.lane(OTHER).encode()}


async def test_the_next_message_of_a_key_waits_for_the_one_before_it(
    outbox: Outbox, connection: Connection
) -> None:
    """Case D2."""
    await outbox.open(message(1), message(2, key=OTHER))
    await outbox.open(message(3), resolved(4))

    assert await outbox.sent_now() == [1, 2]
    assert (await outbox.books()).pending == 4
    assert await outbox.deliver() == [1, 2]
    assert await outbox.deliver() == [3]
    assert await outbox.deliver() == [4]
    assert await outbox.deliver() == []
    assert (await outbox.books()).pending == 0
    assert await left_over(connection) == set()


async def test_alerts_that_stand_alone_have_no_lane(outbox: Outbox, connection: Connection) -> None:
    """Case D2: rules without memory pay nothing."""
    alone = [message(number) for number in range(3)]
    alone = [
        msgspec.structs.replace(
            each, alert=msgspec.structs.replace(each.alert, key=AlertKey(each.alert.id))
        )
        for each in alone
    ]
    unnamed = msgspec.structs.replace(
        message(3), alert=msgspec.structs.replace(message(3).alert, key=AlertKey(""))
    )
    await outbox.open(*alone, unnamed)

    assert sorted(await outbox.deliver()) == [0, 1, 2, 3]
    assert await connection.redis.keys("router:lane*") == []


async def test_a_destination_does_not_wait_for_another_one(
    outbox: Outbox, connection: Connection, clock: Clock
) -> None:
    mail = Outbox(connection, clock, "mail")
    await outbox.open(message(1), message(2), message(3, destination="mail"))
    await outbox.open(message(4, destination="mail"))

    assert await mail.deliver_all() == [3, 4]
    assert await outbox.deliver_all() == [1, 2]


async def test_a_retry_keeps_its_place(outbox: Outbox, time: SetClock) -> None:
    """Case D2."""
    await outbox.open(message(1))
    await outbox.open(resolved(2))
    for _ in range(3):
        assert await outbox.retry(time.now + 10) == [1]
        assert await outbox.sent_now() == [1]

    assert await outbox.deliver_all() == [1, 2]


async def test_a_dead_letter_releases_the_next_message(outbox: Outbox) -> None:
    await outbox.open(message(1), message(2), resolved(3))

    assert await outbox.give_up() == [1]
    assert await outbox.deliver_all() == [2, 3]
    books = await outbox.books()
    assert (books.delivered, books.dead, books.pending, books.overtaken) == (2, 1, 0, 0)


@pytest.mark.parametrize(
    "end",
    [
        Done,
        lambda set_id, each: GivenUp(set_id, each, "HTTP 400"),
        lambda set_id, each: Requeued(set_id, each, 1_700_000_010.0),
    ],
    ids=["delivered", "dead letter", "retried"],
)
async def test_an_end_that_is_recorded_twice_releases_one_message(
    outbox: Outbox, end: Callable[..., Done | GivenUp | Requeued]
) -> None:
    """The reply may be lost, or two workers may record the same."""
    await outbox.open(message(1), message(2), message(3))
    ((set_id, first),) = await outbox.in_sets()
    for _ in range(3):
        await outbox.deliveries.settle([end(set_id, first)])

    assert len(await outbox.in_sets()) == 1
    assert await outbox.deliver_all() == (
        [1, 2, 3] if isinstance(end(set_id, first), Requeued) else [2, 3]
    )


@pytest.mark.parametrize("opened", list(itertools.permutations([1, 2, 3])))
async def test_batches_that_are_finished_in_any_order_keep_that_of_their_decisions(
    outbox: Outbox, opened: tuple[int, ...]
) -> None:
    """Case D2: a slow worker finishes a batch after another one has finished the end of its alert."""
    for number in opened:
        each = resolved(number) if number == 3 else message(number)
        await outbox.open(each, numbers=[number])
        if number == opened[0]:
            assert await outbox.deliver() == [number]

    sent = [opened[0], *await outbox.deliver_all()]

    assert sent == [number for number in sent if number >= opened[0]] == sorted(sent)
    assert sent[-1] == 3
    books = await outbox.books()
    assert (books.overtaken, books.superseded) == (3 - len(sent), 3 - len(sent))
    assert (books.delivered, books.pending) == (len(sent), 0)


async def test_a_replayed_dead_letter_is_dropped_if_its_receiver_knows_better(
    outbox: Outbox, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Case D2."""
    caplog.set_level("INFO")
    await outbox.open(message(1), message(2), message(3, key=OTHER))
    assert sorted([*await outbox.give_up(), *await outbox.give_up()]) == [1, 2, 3]
    await outbox.open(resolved(4))
    assert await outbox.deliver() == [4]

    assert await outbox.letters.replay(DESTINATION, await outbox.dead_letters()) == 3

    assert await outbox.deliver_all() == [3]
    books = await outbox.books()
    assert (books.opened, books.delivered, books.dead, books.pending) == (4, 2, 0, 0)
    assert (books.superseded, books.overtaken, books.replayed) == (2, 2, 1)
    assert "deliveries dropped; their receiver was told something later" in caplog.messages
    assert await left_over(connection) == set()


async def test_replayed_dead_letters_of_a_key_are_sent_in_their_order(outbox: Outbox) -> None:
    """Case D2: in whatever order an operator's page has them, and again if they fail again."""
    await outbox.open(message(1), message(2), resolved(3))
    for _ in range(2):
        for number in (1, 2, 3):
            assert await outbox.give_up() == [number]
        letters = await outbox.dead_letters()
        assert await outbox.letters.replay(DESTINATION, letters) == 3

    assert await outbox.deliver_all() == [1, 2, 3]
    assert (await outbox.books()).overtaken == 0


async def test_a_replay_takes_its_place_before_what_arose_later(outbox: Outbox) -> None:
    await outbox.open(message(1), message(2), message(3), resolved(4))
    assert await outbox.give_up() == [1]
    assert await outbox.give_up() == [2]
    assert await outbox.sent_now() == [3]

    await outbox.letters.replay(DESTINATION, await outbox.dead_letters())
    assert await outbox.give_up() == [3]

    assert await outbox.deliver_all() == [1, 2, 4]


async def test_a_dead_letter_of_an_older_router_has_the_place_of_its_time(
    outbox: Outbox, connection: Connection
) -> None:
    await outbox.open(message(-10))
    await outbox.give_up()
    name = keys.dead_letters(DESTINATION)
    ((field, record),) = (await connection.redis.hgetall(name)).items()
    older = msgspec.msgpack.decode(record)
    del older["number"]
    await connection.redis.hset(name, field, msgspec.msgpack.encode({**older, "version": 100}))
    await outbox.open(resolved(2))
    await outbox.deliver()

    await outbox.letters.replay(DESTINATION, await outbox.dead_letters())

    assert await outbox.deliver_all() == []
    assert ((await outbox.books()).overtaken, (await outbox.books()).pending) == (1, 0)


@pytest.mark.parametrize("ends", [False, True], ids=["still firing", "resolved"])
async def test_of_many_updates_that_wait_the_first_and_the_last_are_sent(
    outbox: Outbox,
    ends: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Case D2: 10,000 updates of a key during an outage need no more memory than twenty."""
    await outbox.open(message(0))
    for start in range(1, 200, 50):
        await outbox.open(*(message(number) for number in range(start, start + 50)))
    if ends:
        await outbox.open(resolved(201))

    assert await outbox.waiting() == LANE_SIZE
    sent = await outbox.deliver_all()

    assert sent == sorted(sent)
    assert (sent[0], sent[-1]) == (0, 201 if ends else 200)
    books = await outbox.books()
    assert (books.opened, books.delivered) == (201 + ends, LANE_SIZE + 1)
    assert (books.superseded, books.overtaken, books.pending) == (180 + ends, 0, 0)


async def test_a_key_that_flaps_during_an_outage_keeps_its_first_and_its_last_message(
    outbox: Outbox,
) -> None:
    for number in range(101):
        await outbox.open(resolved(number) if number % 2 else message(number))

    assert await outbox.waiting() == LANE_SIZE
    sent = await outbox.deliver_all()

    assert sent[:2] == [0, 1]
    assert sent == sorted(sent)
    assert sent[-1] == 100


async def test_the_alerts_of_superseded_messages_are_deleted(
    outbox: Outbox, connection: Connection
) -> None:
    """An alert with several deliveries is stored by itself, and counts who refers to it."""
    for number in range(40):
        each = message(number)
        other = msgspec.structs.replace(each, id=f"{each.id}-mail", destination="mail")
        await outbox.open(each, other)
    await outbox.deliver_all()
    mail = Outbox(connection, outbox.clock, "mail")
    await mail.deliver_all()

    assert await connection.redis.keys("router:alerts:*") == []


async def test_the_same_delivery_that_arrives_again_waits_for_itself(outbox: Outbox) -> None:
    """An event that is accepted again after the dedup window."""
    await outbox.open(message(1))
    await outbox.open(resolved(2))
    await outbox.open(message(1))
    await outbox.open(message(1))

    assert await outbox.deliver_all() == [1, 2, 1]
    books = await outbox.books()
    assert (books.opened, books.delivered, books.superseded, books.pending) == (4, 3, 1, 0)


async def remove_record(outbox: Outbox) -> None:
    ((set_id, _),) = await outbox.in_sets()
    await outbox.connection.redis.delete(keys.delivery_set(set_id))


async def break_set(outbox: Outbox) -> None:
    ((set_id, _),) = await outbox.in_sets()
    await outbox.connection.redis.delete(keys.delivery_set(set_id))
    await outbox.connection.redis.set(keys.delivery_set(set_id), "another type")
    await outbox.deliveries.set_aside(set_id, DESTINATION)


async def lose_state(outbox: Outbox) -> None:
    await remove_record(outbox)
    await outbox.connection.redis.delete(keys.lane(KEY))


async def damage_state(outbox: Outbox) -> None:
    await remove_record(outbox)
    await outbox.connection.redis.hset(keys.lane(KEY), DESTINATION, b"\xc1")


async def lose_list(outbox: Outbox) -> None:
    await remove_record(outbox)
    await outbox.connection.redis.delete(keys.lanes(DESTINATION), keys.lane_queue(KEY, DESTINATION))


@pytest.mark.parametrize(
    "damage",
    [remove_record, break_set, lose_state, damage_state, lose_list],
    ids=lambda d: d.__name__,
)
async def test_the_sweeper_releases_a_lane_whose_message_is_lost(
    outbox: Outbox, damage: Callable[[Outbox], Awaitable[None]]
) -> None:
    await outbox.open(message(1), message(2), resolved(3))
    await damage(outbox)
    sweeper = Sweeper(outbox.connection, lambda: (DESTINATION,), outbox.clock)
    await sweeper.sweep()
    await sweeper.sweep()

    assert sorted(await outbox.deliver_all()) == [2, 3]


async def test_the_next_message_of_a_key_releases_a_lane_whose_message_is_lost(
    outbox: Outbox,
) -> None:
    await outbox.open(message(1), message(2))
    await remove_record(outbox)
    await outbox.open(resolved(3))

    assert await outbox.deliver_all() == [2, 3]


async def test_quarantine_releases_a_lane(outbox: Outbox) -> None:
    await outbox.open(message(1), resolved(2))
    ((set_id, first),) = await outbox.in_sets()
    await outbox.deliveries.quarantine_unread(set_id, DESTINATION, first.id, "it ended processes")

    assert await outbox.deliver_all() == [2]
    books = await outbox.books()
    assert (books.quarantined, books.delivered, books.pending) == (1, 1, 0)


async def test_the_lanes_of_a_removed_destination_become_dead_letters_in_their_order(
    outbox: Outbox, connection: Connection
) -> None:
    """All in one check, and a replay to the destination that is back has them in their order."""
    await outbox.open(message(1), message(2), resolved(3), message(4, key=OTHER))
    orphans = OrphanedDeliveries(connection, outbox.deliveries, outbox.clock)
    (mark,) = await orphans.mark_unknown(frozenset())

    assert await orphans.abandon(mark) == 4

    letters = await outbox.dead_letters()
    assert ((await outbox.books()).dead, await outbox.waiting()) == (4, 0)
    await outbox.letters.replay(DESTINATION, letters)
    sent = await outbox.deliver_all()
    assert [number for number in sent if number != 4] == [1, 2, 3]


async def test_what_each_destination_was_told_last_can_be_asked_by_key(
    outbox: Outbox, connection: Connection, time: SetClock
) -> None:
    other = msgspec.structs.replace(message(3), id="msg_mail", destination="mail")
    grouped = message(1)
    grouped = msgspec.structs.replace(
        grouped, alert=msgspec.structs.replace(grouped.alert, id=AlertId("al_1"), count=7)
    )
    await outbox.open(grouped, resolved(2), other)
    assert await lanes.told(connection, KEY) == {}
    await outbox.deliver()
    time.now += 5

    found = await lanes.told(connection, KEY)
    assert set(found) == {DESTINATION}
    first = found[DESTINATION]
    assert (first.status, first.count, first.at) == (AlertStatus.FIRING, 7, time.now - 5)

    await outbox.deliver()
    await Outbox(connection, outbox.clock, "mail").deliver()
    found = await lanes.told(connection, KEY)
    assert {name: each.status for name, each in found.items()} == {
        DESTINATION: AlertStatus.RESOLVED,
        "mail": AlertStatus.FIRING,
    }
    assert found[DESTINATION].number > first.number
    assert await lanes.told(connection, OTHER) == {}


async def test_what_was_told_long_ago_is_forgotten_and_what_is_in_use_is_not(
    outbox: Outbox, connection: Connection, time: SetClock
) -> None:
    await outbox.open(message(1), message(2, key=OTHER))
    await outbox.deliver()
    await outbox.open(message(3, key=OTHER), resolved(4, key=OTHER))
    time.now += lanes.FORGOTTEN_AFTER + 1

    await lanes.forget_old(connection, outbox.clock)

    assert await lanes.told(connection, KEY) == {}
    assert set(await lanes.told(connection, OTHER)) == {DESTINATION}
    assert await outbox.deliver_all() == [3, 4]


async def test_a_few_hundred_keys_are_released_in_sets_of_usual_size(outbox: Outbox) -> None:
    """What many keys wait for is not one job."""
    every = [AlertKey(f"ak_{number}") for number in range(250)]
    for key in every:
        await outbox.open(message(1, key=key), resolved(2, key=key))
    found = await outbox.in_sets()
    by_set: dict[str, list[Done]] = {}
    for each in found:
        by_set.setdefault(each[0], []).append(Done(*each))
    await outbox.deliveries.settle([done for dones in by_set.values() for done in dones])

    sizes = [
        await outbox.connection.redis.hlen(keys.delivery_set(name.decode()))
        for name in await outbox.connection.redis.zrange(keys.open_sets(DESTINATION), 0, -1)
    ]
    assert max(sizes) <= 100


async def test_what_waits_behind_a_message_of_a_digest_is_in_the_same_mail(
    outbox: Outbox, time: SetClock
) -> None:
    """Case D2: a resolved alert does not wait for the window after that of its firing."""
    await outbox.open(message(1), message(2, key=OTHER))
    assert await outbox.retry(time.now + 3600, in_digest=True) == [1, 2]
    await outbox.open(message(3), resolved(4), resolved(5, key=OTHER))
    assert await outbox.waiting() == 3

    ((set_id, _), *_) = mail = await outbox.in_sets()

    of_key = [each.alert.id for _, each in mail if each.alert.key == KEY]
    assert of_key == ["al_1", "al_3", "al_4"]
    assert {each for each, _ in mail} == {set_id}
    assert await outbox.in_sets() == mail  # after a crash
    assert await outbox.deliver() == [1, 2, 3, 4, 5]
    assert (await outbox.books()).pending == 0


async def test_a_digest_that_is_retried_keeps_the_order_of_each_key(
    outbox: Outbox, time: SetClock
) -> None:
    """Case D2: those that failed together are in one mail again, with what came meanwhile."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(message(2))
    mail = await outbox.in_sets()
    later = [
        Requeued(set_id, each, time.now + 7200 + 600 * place, in_digest=True)
        for place, (set_id, each) in enumerate(mail)
    ]
    await outbox.deliveries.settle(list(later))
    await outbox.open(resolved(3))

    again = await outbox.in_sets()

    assert len({set_id for set_id, _ in again}) == 1
    assert [each.alert.id for _, each in again] == ["al_1", "al_2", "al_3"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("retried_first", [True, False])
async def test_of_a_digest_that_arrived_in_part_nothing_older_follows(
    outbox: Outbox, time: SetClock, *, together: bool, retried_first: bool
) -> None:
    """Recipients may differ from one delivery of a mail to the next."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(resolved(2))
    (set_id, first), (_, second) = await outbox.in_sets()
    ends = [Requeued(set_id, first, time.now + 7200, in_digest=True), Done(set_id, second)]
    ends = ends if retried_first else ends[::-1]
    for group in [ends] if together else [[end] for end in ends]:
        await outbox.deliveries.settle(list(group))

    assert await outbox.deliver_all() == []
    books = await outbox.books()
    assert (books.delivered, books.overtaken, books.pending) == (1, 1, 0)


async def test_a_message_follows_the_earlier_one_that_failed_alone(
    outbox: Outbox, time: SetClock
) -> None:
    """A circuit breaker lets one delivery of a digest pass, to try."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(resolved(2))
    (set_id, first), (_, second) = await outbox.in_sets()
    later = Requeued(set_id, first, time.now + 7200, in_digest=True)
    await outbox.deliveries.settle([later])

    assert (await outbox.deliveries.begin(set_id, DESTINATION)).deliveries == []

    ((later_set, _), _) = again = await outbox.in_sets()
    assert again == [(later_set, first), (later_set, second)]
    assert set_id != later_set
    assert await outbox.deliver() == [1, 2]


@pytest.mark.parametrize("reverse", [False, True])
async def test_what_was_in_one_mail_is_sent_in_order_once_the_destination_sends_no_digests(
    outbox: Outbox, time: SetClock, *, reverse: bool
) -> None:
    """A reload has changed the destination while a mail was retried."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(message(2), resolved(3))
    ends = [Requeued(set_id, each, time.now + 10) for set_id, each in await outbox.in_sets()]
    await outbox.deliveries.settle(list(reversed(ends) if reverse else ends))

    assert await outbox.sent_now() == [1]
    assert await outbox.deliver_all() == [1, 2, 3]
    books = await outbox.books()
    assert (books.opened, books.delivered, books.superseded) == (3, 3, 0)


async def test_a_mail_has_at_most_twenty_messages_of_a_key_that_waited(
    outbox: Outbox, time: SetClock
) -> None:
    await outbox.open(message(0))
    await outbox.retry(time.now + 3600, in_digest=True)
    for number in range(1, 50):
        await outbox.open(message(number))
    assert len(await outbox.in_sets()) == LANE_SIZE + 1
    for number in range(50, 100):
        await outbox.open(message(number))

    assert await outbox.waiting() == LANE_SIZE
    assert len(await outbox.in_sets()) == LANE_SIZE + 1
    sent = await outbox.deliver_all()
    assert (sent, sent[-1]) == (sorted(sent), 99)
