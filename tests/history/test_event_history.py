"""Events in history: written by the transactions that finish them, and found again."""

import random

import msgspec
import pytest
from support.clock import SetClock
from support.past import LIMITS, Past

from router.events.masks import Masks
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.oldest_first import oldest_first
from router.history.records import EventOutcome, MatchOutcome
from router.journal import keys
from router.journal.connection import Connection
from router.journal.history_log import EVENTS, HistoryLimits
from router.journal.history_segments import segments, trim_history
from router.journal.pagination import TimeRange
from router.settings.choices import KeptBody

pytestmark = pytest.mark.server
NOISE = random.Random(1)  # noqa: S311
"""For texts that do not compress."""
FIRST_SEGMENT = f"{keys.HISTORY}:{EVENTS}:1"
FIRST_NAMES = f"router:history-names:{EVENTS}:1"
RULES = """
rules:
  - {name: high, events: [a], when: data.n > 5, send_to: [noc]}
  - {name: many, events: [a], when: data.n > 7, count: {at_least: 2, within: 1h}, send_to: [boss]}
  - {name: quiet, events: [b], send_to: [noc]}
silences:
  - {match: {rule: quiet}, ends: "2099-01-01T00:00:00Z", author: ann, comment: works}
"""


@pytest.fixture
async def past(connection: Connection) -> Past:
    return Past(connection, SetClock(), RULES)


async def found(past: Past, **wanted: object) -> list[str]:
    page = await past.events.page(EventFilter(**wanted), limit=100)  # type: ignore[arg-type]
    return [record.id for record in page.items]


async def test_each_event_says_what_became_of_it_by_which_rule(past: Past) -> None:
    one, two, three = (past.event(str(n), n=n) for n in (1, 8, 9))
    await past.send(one, two, three, past.event("b", type="b"))
    await past.send(two)

    page = await past.events.page(EventFilter(), limit=100)
    outcomes = {record.id + record.outcome: record for record in page.items}
    assert [record.id for record in page.items] == ["8", "b", "9", "8", "1"]
    assert page.after == ""
    assert outcomes["1filtered"].matches == ()
    assert [
        (match.rule, match.outcome, match.reason, match.destinations)
        for record in (outcomes["8matched"], outcomes["9matched"], outcomes["bsuppressed"])
        for match in record.matches
    ] == [
        ("high", MatchOutcome.NOTIFIED, "", ("noc",)),
        ("many", MatchOutcome.COUNTED, "", ()),
        ("high", MatchOutcome.NOTIFIED, "", ("noc",)),
        ("many", MatchOutcome.NOTIFIED, "", ("boss",)),
        ("quiet", MatchOutcome.SUPPRESSED, "silenced", ()),
    ]
    assert outcomes["8duplicate"].body == two.body
    assert outcomes["9matched"].generation == past.configuration.generation
    assert outcomes["9matched"].received_at == outcomes["9matched"].finished_at == past.time.now


async def test_an_event_is_found_by_its_id_and_by_its_reference(past: Past) -> None:
    event = past.event("8", n=8)
    await past.send(event, past.event("1", n=1))
    await past.send(event)

    record = await past.events.get("s", "8")
    assert record is not None
    assert record.outcome is EventOutcome.MATCHED
    assert await past.events.by_reference(record.reference) == record
    assert await past.events.get("s", "none") is None
    assert await past.events.get("other", "8") is None
    for reference in ("", "zz", "00" * 8, record.reference[:8]):
        assert await past.events.by_reference(reference) is None


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"types": ("b",)}, ["b"]),
        ({"types": ("b*", "x")}, ["b"]),
        ({"source": "t"}, ["b"]),
        ({"rule": "many"}, ["9", "8"]),
        ({"outcomes": frozenset({EventOutcome.FILTERED, EventOutcome.SUPPRESSED})}, ["b", "1"]),
        ({"text": "grün"}, ["9"]),
        ({"text": "GRÜN"}, ["9"]),
        ({"text": 'say "x"'}, ["8"]),
        ({"text": "absent"}, []),
        ({"times": TimeRange(first_ms=1_700_000_001_000)}, ["b"]),
        ({"times": TimeRange(last_ms=1_700_000_000_000)}, ["9", "8", "1"]),
    ],
)
async def test_filters(past: Past, wanted: dict[str, object], ids: list[str]) -> None:
    await past.send(
        past.event("1", n=1),
        past.event("8", n=8, word='say "x"'),
        past.event("9", n=9, word="Grün"),
    )
    past.time.now += 1
    await past.send(past.event("b", type="b", source="t"))

    assert await found(past, **wanted) == ids


async def test_pages_continue_at_their_cursor_also_within_a_batch(past: Past) -> None:
    for batch in range(3):
        await past.send(*(past.event(f"{batch}{n}", n=1) for n in range(4)))

    ids, after = [], ""
    while True:
        page = await past.events.page(EventFilter(), after, limit=3)
        ids += [record.id for record in page.items]
        after = page.after
        if not after:
            break
    assert ids == [f"{batch}{n}" for batch in (2, 1, 0) for n in (3, 2, 1, 0)]
    with pytest.raises(ValueError, match="is not a cursor"):
        await past.events.page(EventFilter(), "1.2", limit=3)


async def test_a_page_reads_a_limited_number_of_events(past: Past) -> None:
    await past.send(*(past.event(str(n), n=n) for n in range(10)))

    page = await past.events.page(EventFilter(rule="none"), limit=5, max_scanned=4)
    assert (page.items, page.scanned, page.reached_at) == ((), 4, past.time.now)
    page = await past.events.page(EventFilter(rule="none"), page.after, limit=5)
    assert (page.items, page.scanned, page.after) == ((), 6, "")


async def test_what_is_new_comes_in_its_order(past: Past) -> None:
    assert await past.events.newest() == ""
    await past.send(past.event("1", n=1), past.event("2", n=1))
    seen = await past.events.newest()
    assert await past.events.after(seen, limit=10) == []
    await past.send(past.event("3", n=1), past.event("4", n=1))
    await past.send(past.event("5", n=1))

    assert [r.id for r in await past.events.after(seen, limit=2)] == ["3", "4"]
    assert [r.id for r in await past.events.after(seen, limit=10)] == ["3", "4", "5"]
    assert [r.id for r in await past.events.after("", limit=10)] == ["1", "2", "3", "4", "5"]


async def test_a_segment_is_closed_by_its_age_and_deleted_as_a_whole(past: Past) -> None:
    for hour in range(0, 24, 3):
        await past.send(past.event(f"at {hour}", n=1))
        past.time.now += 3 * 3600
    assert len(await segments(past.connection, EVENTS)) == 3

    past.time.now += LIMITS.age_seconds - 15 * 3600
    result = await trim_history(
        past.connection, past.clock, age_seconds=LIMITS.age_seconds, at_most=1 << 40
    )
    assert result.segments == 1
    assert await found(past) == [f"at {hour}" for hour in range(21, 6, -3)]
    assert await past.events.get("s", "at 0") is None

    assert (
        await trim_history(past.connection, past.clock, age_seconds=0, at_most=0)
    ).left_bytes == 0
    assert await found(past) == []
    assert not await past.connection.redis.keys("router:history:*")
    assert not await past.connection.redis.keys("router:history-names:*")


async def test_a_segment_lasts_as_long_as_the_process_that_adds_to_it_last_says(past: Past) -> None:
    limits = HistoryLimits(age_seconds=3600, share=0.1)
    shorter = Past(past.connection, past.time, RULES, limits=limits)
    await shorter.send(past.event("1", n=1))
    await past.send(past.event("2", n=1))

    for key in (FIRST_SEGMENT, FIRST_NAMES):
        assert await past.connection.redis.ttl(key) > LIMITS.age_seconds
    assert await found(past) == ["2", "1"]


async def test_events_after_a_clock_was_set_back_hide_no_earlier_ones(past: Past) -> None:
    await past.send(past.event("before", n=1))
    since = int(1000 * past.time.now)
    past.time.now -= 120
    await past.send(past.event("after", n=1))

    assert await found(past, times=TimeRange(first_ms=since)) == ["before"]


async def test_the_oldest_segments_make_room_within_the_memory(connection: Connection) -> None:
    limits = HistoryLimits(age_seconds=86_400, share=0.1)
    past = Past(connection, SetClock(), RULES, limits=limits)
    past.budget.update({"used_memory": 0, "maxmemory": 10 << 20})  # history may use 1 MiB
    for number in range(60):
        await past.send(
            *(past.event(f"{number}-{n}", n=1, text=NOISE.randbytes(2000).hex()) for n in range(20))
        )

    used = sum(segment.size_bytes for segment in await segments(connection, EVENTS))
    assert 700_000 < used < 1 << 20
    ids = await found(past)
    assert ids[0] == "59-19"
    assert await past.events.get("s", "0-0") is None


async def test_the_memory_that_is_counted_is_the_memory_that_is_used(past: Past) -> None:
    for batch in range(40):
        await past.send(
            *(past.event(f"{batch}-{n}", n=1, text=NOISE.randbytes(1000).hex()) for n in range(50))
        )
    redis = past.connection.redis
    used = sum(
        [await redis.memory_usage(key, samples=0) for key in await redis.keys("router:history*")]
    )

    counted = sum(segment.size_bytes for segment in await segments(past.connection, EVENTS))
    assert 0.8 < counted / used < 1.2


@pytest.mark.parametrize("content", [b"\xc1", b"\x28\xb5\x2f\xfd cut", b"\x91\x09"])
async def test_an_entry_that_cannot_be_read_is_left_out_in_both_directions(
    past: Past, content: bytes
) -> None:
    for number in range(3):
        await past.send(past.event(str(number), n=1))
    await past.connection.redis.lset(FIRST_SEGMENT, 1, content)

    assert await found(past) == ["2", "0"]
    scanned = [each.record async for each in oldest_first(past.connection, EventFilter())]
    assert [record.id for record in scanned if record] == ["0", "2"]
    assert [record.id for record in await past.events.after("", limit=9)] == ["0", "2"]


async def test_history_pauses_while_memory_is_short_and_events_go_on(past: Past) -> None:
    past.budget.update({"used_memory": 76, "maxmemory": 100})
    await past.send(past.event("8", n=8))

    assert await found(past) == []
    assert [delivery.alert.event_id for delivery in await past.told()] == ["8"]


STRANGE = msgspec.msgpack.encode([1, [], None, "x", {}, "y"])


@pytest.mark.parametrize(
    "commands",
    [
        [("DEL", keys.HISTORY), ("SET", keys.HISTORY, "x")],
        [("HSET", keys.HISTORY, EVENTS, b"\xc1")],
        [("SET", keys.HISTORY_SEGMENTS, "x")],
        [("ZADD", keys.HISTORY_SEGMENTS, 1, b"\xc1")],
        [("ZADD", keys.HISTORY_SEGMENTS, 1, STRANGE)],
        [("HSET", keys.HISTORY, "closed", "x")],
        [("LSET", FIRST_SEGMENT, 0, b"\xc1")],
        [("DEL", FIRST_SEGMENT), ("SET", FIRST_SEGMENT, "x")],
        [("DEL", FIRST_NAMES), ("RPUSH", FIRST_NAMES, "x")],
        [("DEL", FIRST_SEGMENT, FIRST_NAMES)],
    ],
)
async def test_a_damaged_history_begins_again_and_stops_nothing(
    past: Past, commands: list[tuple[str, ...]]
) -> None:
    await past.send(past.event("1", n=1))
    for command in commands:
        await past.connection.redis.execute_command(*command)

    await past.send(past.event("8", n=8))
    assert [delivery.alert.event_id for delivery in await past.told()] == ["8"]
    past.time.now += 86_400  # the next segment
    await past.send(past.event("9", n=9))
    assert (await found(past))[:2] == ["9", "8"]
    for event_id in ("8", "9"):
        assert await past.events.get("s", event_id) is not None
    emptied = await trim_history(past.connection, past.clock, age_seconds=0, at_most=0)
    assert emptied.left_bytes == 0
    assert await found(past) == []


@pytest.mark.parametrize(
    ("kept", "masked", "data"),
    [
        (KeptBody.FULL, (), {"n": 8, "from": "+1555"}),
        (KeptBody.FULL, ("data.from",), {"n": 8, "from": "***"}),
        (KeptBody.FIELDS, (), {"n": 8}),
        (KeptBody.FIELDS, ("data.n",), {"n": "***"}),
        (KeptBody.NONE, ("data.n",), {}),
    ],
)
async def test_bodies_are_kept_and_masked_as_the_settings_say(
    connection: Connection, kept: KeptBody, masked: tuple[str, ...], data: object
) -> None:
    past = Past(connection, SetClock(), RULES, kept=kept, masked=masked)
    await past.send(past.event("8", n=8, **{"from": "+1555"}))

    record = await past.events.get("s", "8")
    assert record is not None
    assert (record.kept, record.type, record.is_masked) == (kept, "a", "***" in str(data))
    assert msgspec.json.decode(record.body).get("data", {}) == data
    assert [match.rule for match in record.matches] == ["high", "many"]


async def test_what_was_recorded_before_there_were_masks_is_masked_when_it_is_read(
    past: Past,
) -> None:
    await past.send(past.event("1", n=1, phone="+1"))
    position = (await past.events.page(EventFilter(), limit=1)).items[0].position
    masked = EventHistory(past.connection, Masks.parse(["data.phone", "subject"]))

    records = [
        *(await masked.page(EventFilter(), limit=1)).items,
        await masked.get("s", "1"),
        *await masked.after("", limit=1),
    ]
    assert [msgspec.json.decode(record.body)["data"] for record in records if record] == [
        {"n": 1, "phone": "***"}
    ] * 3
    assert {
        (record.is_masked, record.position, record.subject) for record in records if record
    } == {(True, position, "")}
    hits = [(await masked.page(EventFilter(text=text), limit=1)).items for text in ("+1", '"n":1')]
    assert list(map(len, hits)) == [0, 1]
