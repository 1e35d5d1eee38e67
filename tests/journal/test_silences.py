"""Silences made by hand, in a real Redis: listed, ended, bounded, and known to all workers at once."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from support.clock import SetClock
from support.waiting import until
from support.world import World

from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.errors import ConditionError, OverloadedError
from router.journal import keys, silences
from router.journal.connection import Connection
from router.journal.silences import KEPT_SECONDS, Silences
from router.rules.suppression.silences import SilenceText
from router.rules.suppression.when_over import WhenOver
from router.worker.evaluation.silence_cache import SilenceCache

RULES = "rules: [{name: one, events: [a], send_to: [noc]}]"


def text(**changes: object) -> SilenceText:
    values = {"match": {"rule": "one"}, "ends": "2023-11-15T00:00:00Z", "author": "ann"}
    return SilenceText(**{**values, "comment": "work", **changes})  # type: ignore[arg-type]


@pytest.fixture
def posted(connection: Connection, clock: Clock) -> Silences:
    return Silences(connection, clock)


@pytest.fixture
async def board(connection: Connection, posted: Silences) -> AsyncIterator[ActiveConfiguration]:
    """What a worker that follows the journal knows."""
    world = World(connection, SetClock(), RULES)
    board = SilenceCache(posted, connection, world.live, lambda: 0.5, lambda *_: None)
    task = asyncio.get_running_loop().create_task(board.run())

    async def follows() -> bool:
        ((_, count),) = await connection.redis.pubsub_numsub(keys.SILENCES_CHANGED)
        return bool(count)

    await until(follows)
    yield world.live
    task.cancel()
    await asyncio.wait([task])


async def test_a_stored_silence_knows_what_becomes_of_its_alerts(
    posted: Silences, time: SetClock
) -> None:
    added = await posted.add(text(ends="", until_resolved=True, when_over=WhenOver.DROP))
    (listed,) = await posted.all()
    compiled = listed.compiled()

    assert listed == added
    assert (compiled.drops, compiled.until_resolved) == (True, True)
    assert (compiled.starts, compiled.ends) == (time.now, time.now + 30 * 86_400)


async def test_a_silence_without_newer_keys_is_stored_as_older_versions_read_it(
    connection: Connection, posted: Silences
) -> None:
    added = await posted.add(text())
    stored = msgspec.json.decode(await connection.redis.hget(keys.SILENCES, added.id))

    assert set(stored["text"]) == {"match", "ends", "author", "comment"}


async def test_a_silence_is_listed_until_some_days_after_its_end(
    posted: Silences, time: SetClock
) -> None:
    first = await posted.add(text())
    time.now += 1
    second = await posted.add(text(comment="more work"))

    assert await posted.all() == [second, first]
    time.now += 86_400 + KEPT_SECONDS
    third = await posted.add(text(ends="2024-01-01T00:00:00Z"))
    assert await posted.all() == [third]


async def test_a_silence_is_ended_by_hand_once(posted: Silences, time: SetClock) -> None:
    added = await posted.add(text())
    time.now += 10
    ended = await posted.expire(added.id)
    time.now += 10

    assert await posted.expire(added.id) == ended
    assert ended is not None
    assert ended.compiled().ends == time.now - 10
    assert await posted.expire("none") is None


async def test_a_condition_that_cannot_be_is_refused(posted: Silences) -> None:
    with pytest.raises(ConditionError):
        await posted.add(text(when="data.x =="))
    assert await posted.all() == []


async def test_silences_are_bounded(posted: Silences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silences, "SILENCES_LIMIT", 2)
    added = [await posted.add(text()) for _ in range(2)]
    with pytest.raises(OverloadedError):
        await posted.add(text())

    await posted.expire(added[0].id)

    assert await posted.add(text())


async def test_what_another_version_wrote_stops_nothing(
    connection: Connection, posted: Silences
) -> None:
    added = await posted.add(text())
    await connection.redis.hset(keys.SILENCES, "other", b'{"id": "other", "text": {}}')

    found = await posted.all()

    assert found[0] == added
    assert [each.is_unreadable for each in found] == [False, True]


async def test_every_worker_knows_within_moments(
    posted: Silences, board: ActiveConfiguration
) -> None:
    loop = asyncio.get_running_loop()

    async def known() -> bool:
        return [each.id for each in board.silences] == [added.id]

    async def ended() -> bool:
        return [each.ends for each in board.silences] == [1_700_000_000.0]

    added = await posted.add(text())
    began = loop.time()
    await until(known)
    await posted.expire(added.id)
    await until(ended)
    assert loop.time() - began < 1.0


async def test_a_silence_made_by_hand_holds_back(
    connection: Connection, time: SetClock, posted: Silences
) -> None:
    world = World(connection, time, RULES)
    board = SilenceCache(posted, connection, world.live, lambda: 0.5, lambda *_: None)
    added = await posted.add(text(match={"data.host": "h1"}))
    await board.refresh()
    await world.send(world.event("1", host="h1"), world.event("2", host="h2"))

    await posted.expire(added.id)
    await board.refresh()
    await world.send(world.event("3", host="h1"))

    assert [each.alert.event_id for each in await world.told()] == ["2", "3"]


async def test_links_leave_some_silences_to_operators(
    posted: Silences, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants: links have the operators' limit; a link's own silence is not replaced at the limit."""
    monkeypatch.setattr(silences, "LINK_SILENCES_LIMIT", 2)
    monkeypatch.setattr(silences, "SILENCES_LIMIT", 3)
    for name in ("link-a", "link-b"):
        await posted.add(text(), link_id=name)
    with pytest.raises(OverloadedError, match="there are 2 silences already"):
        await posted.add(text(), link_id="link-c")

    await posted.add(text(comment="again"), link_id="link-b")
    await posted.add(text())

    found = await posted.all()
    assert len(found) == 3
    assert [each.text.comment for each in found if each.id == "link-b"] == ["again"]


async def test_silences_that_ended_are_bounded_too(
    posted: Silences, time: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: only those that ended long ago are deleted; short ones then fill Redis for days."""
    monkeypatch.setattr(silences, "_KEPT", 6)
    for number in range(20):
        added = await posted.add(text(comment=str(number)))
        await posted.expire(added.id)
        time.now += 1

    assert [each.text.comment for each in await posted.all()] == [
        "19",
        "18",
        "17",
        "16",
        "15",
        "14",
    ]


async def test_no_call_deletes_many_silences_at_once(
    posted: Silences, connection: Connection
) -> None:
    """Mutant: a call deletes all that ended long ago."""
    await connection.redis.zadd(keys.SILENCE_ENDS, {f"old{number}": 1 for number in range(250)})
    counts = []
    for _ in range(4):
        await posted.add(text())
        counts.append(await connection.redis.zcount(keys.SILENCE_ENDS, 1, 1))

    assert counts == [150, 50, 0, 0]
