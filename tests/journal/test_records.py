"""Records of every version are read, for ever, and a form does not change without a version."""

import base64
import itertools
import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support import records
from support.clock import SetClock
from support.events import deliveries_of, event_from

from router.clock import Clock
from router.errors import NewerRecordError, RecordError
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId, TimerId
from router.journal.pauses import PauseKind, Pauses
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.records import POSTPONE_SECONDS
from router.journal.settlements import Done
from router.journal.silences import Silences
from router.journal.timers import Timers
from router.journal.unreadable import UNREADABLE

FILES = sorted((Path(__file__).parents[1] / "data" / "records").glob("*.json"))
NEWEST = FILES[-1]
DIGESTS = {
    "1.json": "e249d1e8054c62e8",
    "2.json": "ae76feb9bb739461",
    "3.json": "a4e34c4bde8f9096",
    "4.json": "f7b73d906d82842c",
}
"""A file is never changed: a record in its form may be in a Redis."""
ENCODE = msgspec.msgpack.encode
DECODE = msgspec.msgpack.decode


def content(file: Path) -> Any:
    return json.loads(file.read_text())


def differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Yield where ``new`` differs from ``old``. A field that ``new`` adds is no difference."""
    match old, new:
        case dict(), dict():
            for key, value in old.items():
                yield from differences(value, new.get(key), f"{at}/{key}")
        case list(), list() if len(old) == len(new):
            for index, (one, other) in enumerate(zip(old, new, strict=True)):
                yield from differences(one, other, f"{at}/{index}")
        case _ if old != new:
            yield f"{at}: {old!r} was read as {new!r}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_what_was_written_says_the_same_today(connection: Connection, file: Path) -> None:
    written = content(file)
    await records.load(connection, written["redis"])

    found = json.loads(json.dumps(await records.read(connection)))

    assert list(differences(written["read"], found)) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_what_was_begun_goes_on_as_it_would_have(connection: Connection, file: Path) -> None:
    written = content(file)
    await records.load(connection, written["redis"])

    assert await records.go_on(connection) == written["delivered"]


def test_no_file_was_changed() -> None:
    found = {file.name: blake2b(file.read_bytes(), digest_size=8).hexdigest() for file in FILES}

    assert found == DIGESTS


async def test_a_form_changes_with_a_new_file_and_a_new_version(connection: Connection) -> None:
    await records.write(connection)

    assert await records.dump(connection) == content(NEWEST)["redis"], (
        "the form of a record has changed: give it a new version (router/journal/records.py) and"
        " add a file (tests/data/records/README.md)"
    )


def value_of(file: Path, prefix: str) -> list[bytes]:
    """Return the records at the keys with a prefix, in order."""
    found = []
    for key, entry in sorted(content(file)["redis"].items()):
        if key == prefix or (prefix.endswith(":") and key.startswith(prefix)):
            value = entry["value"]
            values = value.values() if isinstance(value, dict) else value
            found += [values] if isinstance(values, str) else list(values)
    return [
        base64.b64decode(each.removeprefix("base64:"))
        if each.startswith("base64:")
        else each.encode()
        for each in found
    ]


VERSIONS = {
    "router:batch:": lambda raw: [event[7] for event in DECODE(raw)],
    "router:set:": lambda raw: DECODE(raw)[7],
    "router:dead:": lambda raw: DECODE(raw)["version"],
    "router:quarantine": lambda raw: DECODE(raw)["version"],
    "router:holds": lambda raw: DECODE(raw)["version"],
    "router:silences": lambda raw: msgspec.json.decode(raw)["version"],
    "router:timer:": lambda raw: DECODE(raw)[0],
}


@pytest.mark.parametrize("prefix", VERSIONS)
def test_a_form_that_differs_from_the_file_before_has_another_version(prefix: str) -> None:
    read_version = VERSIONS[prefix]
    for before, after in itertools.pairwise(FILES[1:]):  # the first file has no versions
        old, new = value_of(before, prefix), value_of(after, prefix)
        # A timer's version has no units: an addition at the end of its alert is none.
        is_added = prefix == "router:timer:" and all(
            is_extended(DECODE(one), DECODE(other)) for one, other in zip(old, new, strict=True)
        )
        assert (
            old == new or is_added or list(map(read_version, old)) != list(map(read_version, new))
        )
    assert all(map(read_version, value_of(NEWEST, prefix)))


@pytest.mark.parametrize("prefix", VERSIONS)
def test_the_router_before_versions_reads_what_is_written_now(prefix: str) -> None:
    """Its forms are those of the first file; its decoders ignore what is added at the end."""
    for old, new in zip(value_of(FILES[0], prefix), value_of(FILES[1], prefix), strict=True):
        if prefix == "router:silences":
            before, now = msgspec.json.decode(old), msgspec.json.decode(new)
        else:
            before, now = DECODE(old), DECODE(new)
        assert is_extended(before, now)


def is_extended(before: Any, now: Any) -> bool:
    """Return whether ``now`` is ``before`` with elements and keys added at the end."""
    match before, now:
        case dict(), dict():
            return all(key in now and is_extended(before[key], now[key]) for key in before)
        case list(), list():
            return len(before) <= len(now) and all(
                is_extended(one, other) for one, other in zip(before, now, strict=False)
            )
    return bool(before == now)


@pytest.mark.fault_row(20)
async def test_a_batch_of_a_newer_version_is_left_alone(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    """Mutant: a newer version is read as a known one."""
    batches = Batches(connection, clock)
    await batches.accept([Received([event_from(sample)], [])])
    name = keys.batch(BatchId("id0001"))
    (payload,) = await connection.redis.lrange(name, 0, -1)
    newer = [[*event[:7], 200, "a new field"] for event in DECODE(payload)]
    await connection.redis.rpush(name, ENCODE(newer))

    with pytest.raises(NewerRecordError, match="event of version 200: this router reads"):
        await batches.begin(BatchId("id0001"), claim_seconds=60)

    assert await connection.redis.llen(name) == 2
    assert await connection.redis.exists(keys.job("id0001")) == 1
    assert (await ledger.read(connection)).pending == 1


async def test_an_event_with_a_later_addition_is_evaluated(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    event = event_from(sample)
    batches = Batches(connection, clock)
    await batches.accept([Received([event], [])])
    name = keys.batch(BatchId("id0001"))
    (payload,) = await connection.redis.lrange(name, 0, -1)
    ((*fields, _, trace),) = DECODE(payload)
    await connection.redis.lset(name, 0, ENCODE([[*fields, 102, trace, "a new field"]]))

    begun = await batches.begin(BatchId("id0001"), claim_seconds=60)

    assert begun is not None
    assert begun.events == [msgspec.structs.replace(event, version=102)]


@pytest.mark.fault_row(20)
async def test_a_delivery_of_a_newer_version_waits_by_itself_and_its_neighbours_do_not(
    connection: Connection,
    clock: Clock,
    time: SetClock,
    sample: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Mutant: a newer version is read as a known one."""
    event = event_from(sample)
    batches, deliveries = Batches(connection, clock), Deliveries(connection, clock)
    await batches.accept([Received([event], [])])
    opened = deliveries_of(event, 2)
    await batches.finish(BatchId("id0001"), FinishedWork(matched=1, deliveries=opened))
    set_id = SetId("id0002")
    newer = ENCODE(["a new form", *[None] * 6, 300])
    await connection.redis.hset(keys.delivery_set(set_id), opened[0].id, newer)

    assert (await deliveries.begin(set_id, "mail")).deliveries == [opened[1]]
    await deliveries.settle([Done(set_id, opened[1])])

    assert caplog.messages == ["delivery of a newer version postponed"]
    ((moved, due_ms),) = await connection.redis.zrange(
        keys.open_sets("mail"), 0, -1, withscores=True
    )
    assert due_ms == (time.now + POSTPONE_SECONDS) * 1000
    assert await connection.redis.hvals(keys.delivery_set(SetId(moved.decode()))) == [newer]
    assert await connection.redis.zscore(keys.deliver_queue("mail"), moved) == due_ms
    assert await connection.redis.zcard(keys.QUARANTINE_INDEX) == 0
    counters = (await ledger.read(connection)).destinations["mail"]
    assert (counters.delivered, counters.pending) == (1, 1)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (["absence.2", 1.0], NewerRecordError),
        (["unknown", 1.0], RecordError),
        ({"a": 1}, RecordError),
        (7, RecordError),
    ],
)
async def test_a_timer_that_cannot_be_read_is_left_alone(
    connection: Connection, record: object, error: type[RecordError]
) -> None:
    await connection.redis.set(keys.timer(TimerId("t")), ENCODE(record))

    with pytest.raises(RecordError) as raised:
        await Timers(connection, SetClock().clock()).begin(TimerId("t"))

    assert type(raised.value) is error
    assert await connection.redis.exists(keys.timer(TimerId("t"))) == 1


@pytest.mark.parametrize(
    "record", [{"version": 200}, {"version": "x"}, {"version": None}, {"reason": 5}, "no map"]
)
async def test_items_that_cannot_be_read_are_listed_with_the_reason_and_can_be_discarded(
    connection: Connection, clock: Clock, record: object
) -> None:
    """The mutant: a version that is no number is compared with one."""
    for name, index in (
        (keys.QUARANTINE, keys.QUARANTINE_INDEX),
        (keys.dead_letters("mail"), keys.dead_letter_index("mail")),
    ):
        await connection.redis.hset(name, "x", ENCODE(record))
        await connection.redis.zadd(index, {"x": 1})
    await connection.redis.hset(keys.SILENCES, "x", msgspec.json.encode(record))
    quarantine = Quarantine(connection, clock)
    letters = DeadLetters(connection, clock)
    silences = Silences(connection, clock)

    (item,) = (await quarantine.find(QuarantineFilter())(None, 9)).items
    (letter,) = (await letters.find("mail", DeadLetterFilter())(None, 9)).items
    (silence,) = await silences.all()

    reasons = (item.record.reason, letter.reason, silence.text.comment)
    assert all(reason.startswith(UNREADABLE) for reason in reasons)
    assert (item.record.body, letter.delivery.alert.event) == (ENCODE(record), ENCODE(record))
    assert await quarantine.get("x") == item
    assert await letters.get("mail", "x") == letter
    assert (await quarantine.replay([item]), await letters.replay("mail", [letter])) == (0, 0)
    assert silence.compiled().ends == 0
    assert await quarantine.discard([item]) == await letters.discard("mail", [letter]) == 1
    assert await silences.expire("x") == silence
    assert await silences.all() == []


async def test_records_whose_names_are_not_utf_8_are_listed_and_discarded(
    connection: Connection, clock: Clock
) -> None:
    for number in range(3):
        await connection.redis.hset(keys.QUARANTINE, b"\xff%d" % number, b"\xc1")
        await connection.redis.zadd(keys.QUARANTINE_INDEX, {b"\xff%d" % number: 1})
    quarantine = Quarantine(connection, clock)

    first = await quarantine.find(QuarantineFilter())(None, 2)
    second = await quarantine.find(QuarantineFilter())(first.after, 2)

    items = (*first.items, *second.items)
    assert len({item.id for item in items}) == 3
    assert await quarantine.get(items[0].id) == items[0]
    assert await quarantine.discard(items) == 3


async def test_a_pause_that_cannot_be_read_is_a_pause(connection: Connection) -> None:
    await connection.redis.hset(keys.PAUSES, "mail", ENCODE({"kind": "later", "version": 200}))
    await connection.redis.hset(keys.PAUSES, "chat", b"\xc1")

    found = await Pauses(connection).all()

    assert {pause.kind for pause in found.values()} == {PauseKind.PAUSED}
    assert found["mail"].reason == "pause of version 200: this router reads versions below 200"
    assert found["chat"].reason.startswith("not a pause: ")
    assert await Pauses(connection).resume("mail")


@pytest.mark.parametrize("version", [[1], {}, "100", None, b"x"])
async def test_a_version_that_is_no_number_is_unreadable(
    connection: Connection, clock: Clock, version: object
) -> None:
    """Found by fuzzing: a list as version was a TypeError, and the whole page failed."""
    await connection.redis.hset(keys.QUARANTINE, "x", ENCODE({"version": version}))
    await connection.redis.zadd(keys.QUARANTINE_INDEX, {"x": 1})

    page = await Quarantine(connection, clock).find(QuarantineFilter())(None, 9)

    (item,) = page.items
    assert item.record.reason.startswith(UNREADABLE)
