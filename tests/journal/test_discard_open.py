"""A flood that is of no use any more is dropped: what waits in sets and lanes, and nothing else."""

import msgspec
import pytest
from support.clock import SetClock
from support.events import deliveries_of, event_from
from support.lanes import OTHER, Outbox, message
from support.large_sets import fill_digest
from support.stored import agree, references_counted

from router.alerts import Attempt, Delivery, after_attempt
from router.clock import Clock
from router.history.delivery_history import DeliveryFilter, DeliveryHistory
from router.journal import discard_open, keys, ledger
from router.journal.connection import Connection
from router.journal.discard_open import DiscardOpen, DiscardPage, OpenFilter
from router.journal.ended_deliveries import DeliveryOutcome
from router.journal.history_log import HistoryLimits
from router.journal.pagination import TimeRange
from router.journal.settlements import Requeued

DESTINATION = "pager"
ALL = OpenFilter(destination=DESTINATION)
LIMITS = HistoryLimits(age_seconds=86_400, share=0.1)
FAILED = Attempt(number=1, at=1.0, seconds=0.5, reason="HTTP 503", status=503)


@pytest.fixture
def outbox(connection: Connection, clock: Clock) -> Outbox:
    outbox = Outbox(connection, clock)
    outbox.sends_digests = False
    return outbox


@pytest.fixture
def operator(connection: Connection, clock: Clock) -> DiscardOpen:
    return DiscardOpen(connection, clock, LIMITS)


def flood(sample: bytes, count: int, event: str = "NO1") -> tuple[Delivery, ...]:
    return deliveries_of(event_from(sample, id=event), count, DESTINATION)


async def everything(
    operator: DiscardOpen, wanted: OpenFilter = ALL, *, limit: int = 1000
) -> DiscardPage:
    """Drop all that match, page by page; return the sums."""
    page = await operator.discard(wanted, "", limit=limit)
    total = page
    while page.after:
        page = await operator.discard(wanted, page.after, limit=limit)
        total = DiscardPage(
            matching=total.matching + page.matching,
            discarded=total.discarded + page.discarded,
            in_flight=total.in_flight + page.in_flight,
        )
    return total


async def books_of(connection: Connection) -> ledger.DestinationLedger:
    return (await ledger.read(connection)).destinations[DESTINATION]


async def test_all_that_waits_is_dropped_and_the_books_balance(
    operator: DiscardOpen, outbox: Outbox, connection: Connection, sample: bytes, time: SetClock
) -> None:
    """In many sets, some of them retries. Mutants: without the end of references, without ending jobs."""
    deliveries = flood(sample, 250)
    shared = [msgspec.structs.replace(each, destination="mail") for each in deliveries]
    await outbox.open(*deliveries, *shared)
    retried = [
        Requeued(set_id, after_attempt(each, FAILED), time.now + 60)
        for set_id, each in await outbox.in_sets()
    ]
    await outbox.deliveries.settle([*retried])
    await outbox.open(*flood(sample, 5, "NO2"))

    counted = await operator.count(ALL, "", limit=1000)
    assert (counted.matching, counted.discarded) == (255, 0)
    assert (await books_of(connection)).pending == 255
    assert await everything(operator, limit=7) == DiscardPage(matching=255, discarded=255)

    books = await books_of(connection)
    assert (books.pending, books.discarded) == (0, 255)
    await agree(connection)
    left = [key async for key in connection.redis.scan_iter("arq:job:*")]
    assert len(left) == await connection.redis.zcard(keys.open_sets("mail")) > 0
    assert await connection.redis.zcard(keys.deliver_queue(DESTINATION)) == 0
    assert sum((await references_counted(connection)).values()) == 250  # those of mail
    assert await everything(operator) == DiscardPage()


async def test_history_has_what_was_dropped(
    operator: DiscardOpen, outbox: Outbox, connection: Connection, sample: bytes
) -> None:
    await outbox.open(*flood(sample, 3))
    await everything(operator)

    page = await DeliveryHistory(connection).page(DeliveryFilter(), limit=10)
    assert {(each.rule, each.outcome) for each in page.items} == {
        (f"rule-{number}", DeliveryOutcome.DISCARDED) for number in range(3)
    }


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (OpenFilter(destination=DESTINATION, rule="rule-1"), {"rule-0", "rule-2"}),
        (OpenFilter(destination=DESTINATION, rule="nope"), {"rule-0", "rule-1", "rule-2"}),
        (OpenFilter(destination="other"), {"rule-0", "rule-1", "rule-2"}),
        (
            OpenFilter(destination=DESTINATION, times=TimeRange(last_ms=1)),
            {"rule-0", "rule-1", "rule-2"},
        ),
        (OpenFilter(destination=DESTINATION, times=TimeRange(first_ms=1)), set()),
    ],
)
async def test_only_what_is_selected_is_dropped(
    operator: DiscardOpen, outbox: Outbox, sample: bytes, wanted: OpenFilter, left: set[str]
) -> None:
    await outbox.open(*flood(sample, 3))
    await everything(operator, wanted)

    assert {each.alert.rule for _, each in await outbox.in_sets()} == left


async def test_what_a_worker_has_is_left_and_said(
    operator: DiscardOpen, outbox: Outbox, connection: Connection, sample: bytes
) -> None:
    """Mutant: without the look at the lease."""
    await outbox.open(*flood(sample, 2))
    (name,) = await connection.redis.zrange(keys.open_sets(DESTINATION), 0, 0)
    await connection.redis.set(keys.lease(name.decode()), "worker", px=60_000)
    await connection.redis.delete(keys.filling(keys.deliver_queue(DESTINATION)))
    await outbox.open(*flood(sample, 3, "NO2"))

    counted = await operator.count(ALL, "", limit=1000)
    assert (counted.matching, counted.in_flight) == (3, 2)
    assert await everything(operator) == DiscardPage(matching=3, discarded=3, in_flight=2)
    assert (await books_of(connection)).pending == 2


async def test_of_a_lane_those_that_wait_are_dropped_with_the_one_before_them(
    operator: DiscardOpen, outbox: Outbox, connection: Connection
) -> None:
    """Nothing of the key is sent, and its next message is. Mutant: the sets first."""
    await outbox.open(*(message(number) for number in range(1, 6)))
    await outbox.open(message(6, key=OTHER))
    assert await everything(operator) == DiscardPage(matching=6, discarded=6)
    assert await outbox.waiting() == 0
    assert not await connection.redis.exists(keys.lanes(DESTINATION))
    await agree(connection)

    await outbox.open(message(7))
    assert await outbox.deliver_all() == [7]


async def test_what_is_not_selected_of_a_lane_is_sent(
    operator: DiscardOpen, outbox: Outbox
) -> None:
    """The one in flight is dropped, and two of those that wait."""
    await outbox.open(*(message(number) for number in range(1, 6)))
    times = TimeRange(last_ms=int(1000 * message(3).alert.raised_at))
    wanted = OpenFilter(destination=DESTINATION, times=times)

    assert (await everything(operator, wanted, limit=1)).discarded == 3
    assert await outbox.deliver_all() == [4, 5]


async def test_a_large_digest_is_dropped_page_by_page(
    operator: DiscardOpen, connection: Connection, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard_open, "SCANNED", 200)
    await fill_digest(connection, sample, 1500, 1500)
    wanted = OpenFilter(destination="mail")
    first = await operator.discard(wanted, "", limit=1000)

    assert 100 <= first.discarded <= 400
    assert (await everything(operator, wanted)).discarded == 1500 - first.discarded
    assert (await ledger.read(connection)).destinations["mail"].pending == 0


async def test_what_has_changed_since_it_was_read_is_left(
    outbox: Outbox,
    operator: DiscardOpen,
    connection: Connection,
    sample: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One was retried meanwhile, and a worker has begun the set of others: the rest is dropped."""
    one, *others = flood(sample, 4)
    await outbox.open(*others)
    await connection.redis.delete(keys.filling(keys.deliver_queue(DESTINATION)))
    await outbox.open(one)
    (busy, _), *_ = [found for found in await outbox.in_sets() if found[1].id == one.id]
    choose = operator._chosen

    async def chosen_then_changed(*arguments: object) -> object:
        found = await choose(*arguments)  # type: ignore[arg-type]
        for each in found:
            if each.delivery.id == others[0].id:
                later = after_attempt(each.delivery, FAILED)
                await outbox.deliveries.settle([Requeued(each.found.set_id, later, 2e9)])
        await connection.redis.set(keys.lease(busy), "worker", px=60_000)
        return found

    monkeypatch.setattr(operator, "_chosen", chosen_then_changed)
    page = await operator.discard(ALL, "", limit=1)

    assert (page.discarded, page.in_flight) == (2, 1)
    assert {each.id for _, each in await outbox.in_sets()} == {one.id, others[0].id}
    await agree(connection)


async def test_what_cannot_be_read_is_left(
    outbox: Outbox, operator: DiscardOpen, connection: Connection, sample: bytes
) -> None:
    await outbox.open(*flood(sample, 2))
    (name,) = await connection.redis.zrange(keys.open_sets(DESTINATION), 0, 0)
    await connection.redis.hset(keys.delivery_set(name.decode()), "nonsense", b"\xc1")

    assert (await everything(operator)).discarded == 2
    assert await connection.redis.hkeys(keys.delivery_set(name.decode())) == [b"nonsense"]


@pytest.mark.parametrize(
    "cursor", ["x", "lanes-x", "sets-x", "set-1", "set-x-1-a", "set-1-x", "lanes-" + "9" * 21]
)
async def test_a_cursor_that_is_none_is_an_error(operator: DiscardOpen, cursor: str) -> None:
    with pytest.raises(ValueError, match="is not a cursor"):
        await operator.discard(ALL, cursor, limit=1)
