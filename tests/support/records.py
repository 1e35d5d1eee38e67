"""One record of every kind, as the code writes it: written, dumped, loaded and read.

``python -m support.records`` (in ``tests``) prints what ``write`` leaves in Redis, in the form of the files in
``tests/data/records``.
"""

import asyncio
import base64
import contextlib
import enum
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from router.alerts import AlertKey, Attempt, Delivery, DeliveryId, after_attempt
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.errors import JournalUnavailableError
from router.events.masks import NO_MASKS
from router.events.model import Malformed, Received
from router.history.delivery_history import DeliveryFilter, DeliveryHistory
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.journal import keys, ledger
from router.journal.acknowledgements import Acknowledgements
from router.journal.audit import Audit, AuditAction, Audited, AuditEntry, AuditFilter, Via
from router.journal.connection import Connection, connect
from router.journal.crash_counts import CrashCounter
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.destination_store import RedisDestinationStore
from router.journal.history_log import unpacked
from router.journal.history_segments import NEWEST
from router.journal.keys import BatchId, SetId, TimerId
from router.journal.pauses import Pause, PauseKind, Pauses
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.settlements import Done, GivenUp, Requeued
from router.journal.shards import Checkpoint, ConsumerId, ShardId, Shards
from router.journal.silences import Silences
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog
from router.journal.timers import Timers
from router.journal.twilio_tests import SinkTest, SinkTests
from router.rules.suppression.silences import SilenceText
from support.clock import SetClock
from support.cutting import Cutting
from support.past import Past
from support.world import World

RULES = """
rules:
  - {name: plain, events: [plain], send_to: [noc, boss]}
  - name: counted
    events: [counted]
    count: {at_least: 3, within: 10m, by: [data.k]}
    send_to: [noc]
  - name: cooled
    events: [cooled]
    cooldown: {for: 10m, by: [data.k]}
    send_to: [noc]
  - name: grouped
    events: [grouped]
    group: {by: [data.k], wait: 30s, interval: 5m}
    resolve: {events: [up], by: [data.k]}
    send_to: [noc]
  - name: awaited
    events: [started]
    absent: {event: ended, for: 1h, by: [data.k]}
    send_to: [noc]
  - name: escalated
    events: [raised]
    resolve: {events: [up], by: [data.k]}
    escalate: [{after: 5m, send_to: [boss]}, {after: 5m, send_to: [noc]}]
    send_to: [noc]
  - {name: inhibited, events: [quiet], send_to: [noc]}
inhibitions:
  - {while: [escalated], hold_back: [inhibited], equal: [data.k], for: 2h}
"""
TIMER_PREFIX = keys.timer(TimerId(""))
AUDITED = AuditEntry(
    action=AuditAction.PAUSED,
    kind=Audited.DESTINATION,
    object="noc",
    by="alice",
    named="ann",
    via=Via.API,
    address="192.0.2.7",
    details={"reason": "work", "records": 2},
)
COUNTED = SourceAddition(
    source="crm",
    number=1,
    accepted=3,
    quarantined=2,
    skipped=1,
    refused=1,
    accepted_at=1_700_000_001.5,
    refused_at=1_700_000_002.5,
    refusals=(
        RefusedRequest(
            at=1_700_000_002.5,
            status=403,
            code="wrong_signature",
            reason="the signature is wrong",
            hint="compare the secret",
            client="192.0.2.7",
            path="/in/crm",
            method="POST",
        ),
    ),
)
SETTLED = "settled"
"""A destination whose deliveries end in each way, without rules."""
SHARED = "shared"
"""A destination whose deliveries share an alert."""


async def write(connection: Connection) -> None:
    """Leave one record of every kind in an empty Redis."""
    time = SetClock()
    world = World(connection, time, RULES)
    await _write_rule_state(world)
    await _write_deliveries(world)
    world.clock.new_id()  # earlier code took one here, and what follows has the ids of earlier files
    await _leave_unfinished(world)
    await world.batches.accept([Received([], [Malformed("no id", "$.id", time.now, b'{"a": 1}')])])
    await Acknowledgements(connection).acknowledge(AlertKey("ak_1"), "ann", time.now)
    await SinkTests(connection).record(
        SinkTest(test_id="t1", account_sid="AC1", received_at=time.now)
    )
    pauses = Pauses(connection)
    await pauses.pause("noc", Pause(kind=PauseKind.PAUSED, at=time.now, reason="work", by="ann"))
    await pauses.pause("boss", Pause(kind=PauseKind.DISABLED, at=time.now, reason="HTTP 410"))
    silences = Silences(connection, world.clock)
    for comment in ("lasts", "ended"):
        text = SilenceText(
            match={"rule": "plain"}, ends="2023-11-20T00:00:00Z", author="ann", comment=comment
        )
        silence = await silences.add(text)
    await silences.expire(silence.id)
    await CrashCounter(connection).begin("job", "piece")
    await RedisDestinationStore(connection).put("key", b"value", seconds=604_800)
    shards = Shards(connection, "arn:stream", ConsumerId("c"), lease=60.0)
    await shards.acquire(ShardId("shard-1"), None)
    await shards.checkpoint(ShardId("shard-1"), Checkpoint(after="49"))
    await _write_references(world)
    await Audit(connection, world.clock).record(AUDITED)
    await SourceLog(connection, world.clock).add("process", [COUNTED])
    await _write_history(connection, time)


async def _write_history(connection: Connection, time: SetClock) -> None:
    """Events of each outcome, and deliveries that end in two ways."""
    past = Past(connection, time, RULES, masked=["data.phone"])
    event = past.event("past", type="plain", phone="+1555")
    await past.send(event, past.event("unmatched", type="none"))
    await past.send(event)
    (of_noc,), (of_boss,) = [
        [each for each in await past.waiting(name) if each[1].alert.event_id == "past"]
        for name in ("noc", "boss")
    ]
    await past.deliveries.settle([Done(*of_noc, 0.082, 200)])
    await past.deliveries.settle([GivenUp(of_boss[0], _attempted(of_boss[1]), "HTTP 500")])


async def _write_rule_state(world: World) -> None:
    for number, kind in enumerate(
        [
            "counted",
            "counted",
            "cooled",
            "cooled",
            "grouped",
            "grouped",
            "started",
            "raised",
            "quiet",
        ]
    ):
        await world.send(world.event(f"state-{number}", type=kind, k="x"))
        world.time.now += 1


async def _leave_unfinished(world: World) -> None:
    """Leave a timer and a batch that were decided, and whose workers ended before they finished."""
    connection = world.connection
    before = {timer_id for timer_id, _ in await world.timers()}
    await world.send(*[world.event(f"taken-{n}", type="grouped", k="y") for n in range(2)])
    ((flush, _),) = [each for each in await world.timers() if each[0] not in before]
    with contextlib.suppress(JournalUnavailableError):
        await world.timer_worker(Cutting(connection, 3, happens=False)).run(flush)
    batch = await world.accept(
        [world.event("open-1", type="plain"), world.event("open-2", type="grouped", k="z")]
    )
    with contextlib.suppress(JournalUnavailableError):
        await world.worker(Cutting(connection, 3, happens=False)).run(batch)


async def _write_deliveries(world: World) -> None:
    """Leave deliveries to SETTLED: untouched, requeued twice, replayed, and dead letters."""
    from router.journal.finish import FinishedWork
    from support.events import deliveries_of

    event = world.event("delivered", type="plain", k="x")
    deliveries = deliveries_of(event, 7, SETTLED)
    batch = await world.accept([event])
    await world.batches.finish(BatchId(batch), FinishedWork(matched=1, deliveries=deliveries))
    (name,) = await world.connection.redis.zrange(keys.open_sets(SETTLED), 0, -1)
    set_id = SetId(name.decode())
    done, retried, in_digest, *dead, untouched = map(_attempted, deliveries)
    del untouched
    due_at = world.time.now + 3600
    settled = Deliveries(world.connection, world.clock)
    await settled.settle(
        [
            Done(set_id, done),
            Requeued(set_id, msgspec.structs.replace(retried, attempt=2), due_at),
            Requeued(set_id, in_digest, due_at, in_digest=True),
            *(GivenUp(set_id, each, "HTTP 500") for each in dead),
        ]
    )
    letters = DeadLetters(world.connection, world.clock)
    wanted = DeadLetterFilter(ids=(dead[0].id,))
    await letters.replay(SETTLED, (await letters.find(SETTLED, wanted)(None, 1)).items)


async def _write_references(world: World) -> None:
    """Leave an alert with three deliveries: untouched, requeued, and a dead letter."""
    from router.journal.finish import FinishedWork
    from support.events import deliveries_of

    event = world.event("shared", type="plain", k="x")
    (delivery,) = deliveries_of(event, 1, SHARED)
    others = [
        msgspec.structs.replace(delivery, id=DeliveryId(f"msg_shared_{number}"))
        for number in range(2)
    ]
    batch = await world.accept([event])
    verdict = FinishedWork(matched=1, deliveries=(delivery, *others))
    await world.batches.finish(BatchId(batch), verdict)
    (name,) = await world.connection.redis.zrange(keys.open_sets(SHARED), 0, -1)
    settled = Deliveries(world.connection, world.clock)
    page = await settled.begin(SetId(name.decode()), SHARED)
    _, retried, dead = map(_attempted, sorted(page.deliveries, key=lambda each: each.id))
    await settled.settle(
        [
            Requeued(SetId(name.decode()), retried, world.time.now + 3600),
            GivenUp(SetId(name.decode()), dead, "HTTP 500"),
        ]
    )


def _attempted(delivery: Delivery) -> Delivery:
    return after_attempt(
        delivery,
        Attempt(
            number=1,
            at=1_700_000_001.0,
            seconds=0.25,
            reason="HTTP 500",
            status=500,
            response="no",
            reached=("a@example.com",),
        ),
    )


async def read(connection: Connection) -> dict[str, Any]:
    """Return what the records say, in JSON's types, by kind. Nothing is changed but leases."""
    redis = connection.redis
    clock = SetClock().clock()
    deliveries = Deliveries(connection, clock)
    timers = Timers(connection, clock)
    found: dict[str, Any] = {
        "ledger": _plain(await ledger.read(connection)),
        "pauses": _plain(await Pauses(connection).all()),
        "silences": _plain(await Silences(connection, clock).all()),
        "acknowledgement": _plain(
            await Acknowledgements(connection).acknowledged(AlertKey("ak_1"))
        ),
        "sink_tests": _plain(await SinkTests(connection).latest()),
        "destination_store": _plain(await RedisDestinationStore(connection).get("key")),
        "audit": [
            _plain(each)
            for each in (await Audit(connection, clock).page(AuditFilter(), limit=9)).items
        ],
        "sources": [
            _plain(await SourceLog(connection, clock).counts(["crm"])),
            _plain(await SourceLog(connection, clock).refusals(["crm"])),
        ],
        "history": [
            _plain(each)
            for each in (
                *(await EventHistory(connection, NO_MASKS).page(EventFilter(), limit=9)).items,
                *(await DeliveryHistory(connection).page(DeliveryFilter(), limit=9)).items,
            )
        ],
        "quarantine": [
            _plain(each)
            for each in (
                await Quarantine(connection, clock).find(QuarantineFilter())(None, 9)
            ).items
        ],
        "dead_letters": [
            _plain(each)
            for each in (
                await DeadLetters(connection, clock).find(SETTLED, DeadLetterFilter())(None, 9)
            ).items
        ],
        "shared_dead_letters": [
            _plain(each)
            for each in (
                await DeadLetters(connection, clock).find(SHARED, DeadLetterFilter())(None, 9)
            ).items
        ],
        "timers": {
            name.decode(): _plain(begun.timer)
            for name in await redis.zrange(keys.TIMERS, 0, -1)
            if (begun := await timers.begin(TimerId(name.decode()))) is not None
        },
        "deliveries": {
            destination: [
                sorted(
                    map(
                        _plain,
                        (await deliveries.begin(SetId(name.decode()), destination)).deliveries,
                    ),
                    key=str,
                )
                for name in await redis.zrange(keys.open_sets(destination), 0, -1)
            ]
            for destination in (SETTLED, "noc", "boss", SHARED)
        },
    }
    world = World(connection, SetClock(), RULES)
    (batch,) = await redis.zrange(keys.BATCHES, 0, -1)
    found["batch"] = _plain(await world.batches.begin(BatchId(batch.decode()), claim_seconds=60))
    return found


async def go_on(connection: Connection) -> list[Any]:
    """Return what is delivered from now on: two hours of timers, and events about the same keys."""
    await connection.redis.delete(keys.SILENCES)
    time = SetClock()
    time.now += 20
    world = World(connection, time, RULES)
    (batch,) = await connection.redis.zrange(keys.BATCHES, 0, -1)
    for destination in ("noc", "boss"):
        await world.told(destination)
    await world.evaluate.run(BatchId(batch.decode()))
    for kind in ("counted", "cooled", "quiet"):
        await world.send(world.event(f"on-{kind}", type=kind, k="x"))
    await world.passes(700)
    await world.send(world.event("on-cooled-later", type="cooled", k="x"))
    await world.send(world.event("on-up", type="up", k="x"))
    await world.passes(6500)
    delivered = [
        (
            destination,
            each.alert.rule,
            each.alert.status.value,
            each.alert.event_id,
            each.alert.count,
            each.alert.held_back,
            each.alert.grouped,
            each.alert.escalation,
            each.alert.raised_at,
            [member.event_id for member in each.alert.members],
        )
        for destination in ("noc", "boss")
        for each in await world.told(destination)
    ]
    return json.loads(json.dumps(sorted(delivered)))


async def dump(connection: Connection) -> dict[str, Any]:
    """Return every key of Redis: its type, its value, and whether it expires.

    Claims are left out, because they contain Redis's own time; a router without them claims again.
    """
    redis = connection.redis
    found = {}
    for key in sorted(await redis.keys("*")):
        if key.decode().startswith(keys.CLAIMS):
            continue
        kind = (await redis.type(key)).decode()
        match kind:
            case "string":
                value: Any = _text(await redis.get(key))
            case "list":
                value = [_text(_opened(key, each)) for each in await redis.lrange(key, 0, -1)]
            case "hash":
                fields = sorted((await redis.hgetall(key)).items())
                value = {_text(name): _text(_sized(key, each)) for name, each in fields}
            case "stream":
                value = {
                    _text(entry): {_text(k): _text(v) for k, v in fields.items()}
                    for entry, fields in await redis.xrange(key, count=100)
                }
            case _:
                value = {
                    _text(member): score
                    for member, score in await redis.zrange(key, 0, -1, withscores=True)
                }
        expires = await redis.pttl(key) >= 0
        found[_text(key)] = {"type": kind, "value": value, "expires": expires}
    return found


async def load(connection: Connection, dumped: Mapping[str, Any]) -> None:
    """Put every key of a dump into Redis; those that expire do so in a day."""
    redis = connection.redis
    for name, entry in dumped.items():
        key, value = _bytes(name), entry["value"]
        match entry["type"]:
            case "string":
                await redis.set(key, _bytes(value))
            case "list":
                await redis.rpush(key, *(_packed(key, _bytes(each)) for each in value))
            case "hash":
                await redis.hset(key, mapping={_bytes(k): _bytes(v) for k, v in value.items()})
            case "set":
                await redis.sadd(key, *map(_bytes, value))
            case "stream":
                await _load_stream(connection, key, value)
            case _:
                await redis.zadd(key, {_bytes(member): score for member, score in value.items()})
        if entry["expires"]:
            await redis.expire(key, 86_400)


_SEGMENTS = f"{keys.HISTORY}:".encode()


def _opened(key: bytes, value: bytes) -> bytes:
    """Return an entry of history as it was before its compression, which has versions of its own."""
    return unpacked(value) if key.startswith(_SEGMENTS) else value


def _packed(key: bytes, value: bytes) -> bytes:
    return zstandard.compress(value) if key.startswith(_SEGMENTS) else value


def _sized(key: bytes, value: bytes) -> bytes:
    """Return the state of a log of history with a size that does not depend on the compression."""
    if key != keys.HISTORY.encode() or len(value) != NEWEST.size:
        return value
    *state, _ = NEWEST.unpack(value)
    return NEWEST.pack(*state, 1)


async def _load_stream(connection: Connection, key: bytes, value: Mapping[str, Any]) -> None:
    for entry_id, fields in value.items():
        entry = {_bytes(name): _bytes(text) for name, text in fields.items()}
        await connection.redis.xadd(key, entry, entry_id)


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    if text.startswith("base64:"):
        return base64.b64decode(text.removeprefix("base64:"))
    return text.encode()


def _plain(value: Any) -> Any:  # noqa: PLR0911 - a return per type
    """Return a value in JSON's types, each Struct as a map of its fields."""
    match value:
        case msgspec.Struct():
            fields = type(value).__struct_fields__
            return {name: _plain(getattr(value, name)) for name in fields}
        case enum.Enum():
            return value.value
        case bytes():
            return _text(value)
        case dict():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
        case frozenset():
            return sorted(value)
    return value


def main() -> None:
    """Print a dump, and what it says, as JSON."""

    async def record(server: EmbeddedRedis) -> dict[str, Any]:
        connection = connect(server.url, deadline=5.0, max_connections=4)
        try:
            await write(connection)
            dumped = await dump(connection)
            result = {"redis": dumped}
            for name, reader in (("read", read), ("delivered", go_on)):
                await connection.redis.flushall()
                await load(connection, dumped)
                result[name] = await reader(connection)
            return result
        finally:
            await connection.close()

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(find_server(""), Path(folder))
        server.start()
        try:
            result = asyncio.run(record(server))
        finally:
            server.stop()
    json.dump(result, sys.stdout, indent=1, sort_keys=True)
    print()  # noqa: T201 - the file ends with a line


if __name__ == "__main__":
    main()
