"""Work that the ledger counts and Redis does not have is reported, and nothing else is."""

import logging

import pytest
from support.clock import SetClock
from support.world import World

from router.journal import keys
from router.journal.connection import Connection
from router.journal.missing_work import MissingWork, suspects
from router.metrics import Metrics

RULES = """
rules:
  - {name: a, events: [a], severity: info, send_to: [noc]}
"""


@pytest.mark.parametrize(
    ("before", "stored", "after", "found"),
    [
        ({"events": 3}, {"events": 0}, {"events": 3}, {"events": 3}),
        ({"events": 3}, {"events": 1}, {"events": 3}, {}),
        ({"events": 3}, {"events": 0}, {"events": 2}, {}),
        ({"events": 0}, {"events": 0}, {"events": 0}, {}),
        ({"events": -1}, {"events": 0}, {"events": -1}, {}),
        ({"events": 3, "x": 1}, {"events": 0, "x": 1}, {"events": 3, "x": 1}, {"events": 3}),
    ],
)
def test_a_kind_is_suspected_if_its_count_stands_and_nothing_is_stored(
    before: dict[str, int], stored: dict[str, int], after: dict[str, int], found: dict[str, int]
) -> None:
    """Mutants seen to fail: ``after`` not compared; ``>=`` for ``>``."""
    assert suspects(before, stored, after) == found


class Audit:
    """Looks, and what they have reported."""

    def __init__(self, connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
        self.metrics = Metrics()
        self._missing = MissingWork(connection, self.metrics)
        self._caplog = caplog

    async def checks(self, count: int) -> list[object]:
        """Return the kinds of the errors that these checks log."""
        self._caplog.clear()
        for _ in range(count):
            await self._missing.check()
        errors = [each for each in self._caplog.records if each.levelno >= logging.ERROR]
        return [each.__dict__["kind"] for each in errors]

    def shown(self, kind: str) -> float:
        return self.metrics.registry.get_sample_value("router_work_missing", {"kind": kind}) or 0.0


@pytest.fixture
def audit(connection: Connection, caplog: pytest.LogCaptureFixture) -> Audit:
    return Audit(connection, caplog)


@pytest.fixture
def world(connection: Connection, time: SetClock) -> World:
    return World(connection, time, RULES)


async def test_three_looks_report_events_whose_batches_are_gone(
    audit: Audit, world: World, connection: Connection
) -> None:
    """Mutant seen to fail: ``_CHECKS`` is 2."""
    await world.accept([world.event("1"), world.event("2")])
    assert await audit.checks(4) == []
    await connection.redis.delete(keys.BATCHES)

    assert await audit.checks(2) == []
    assert await audit.checks(1) == ["events"]
    assert await audit.checks(1) == []
    assert audit.shown("events") == 2

    await connection.redis.hincrby(keys.LEDGER, "filtered", 2)
    assert await audit.checks(1) == []
    assert audit.shown("events") == 0


async def test_deliveries_dead_letters_and_quarantine_are_kinds_of_their_own(
    audit: Audit, world: World, connection: Connection
) -> None:
    await world.send(world.event("1"))
    books = {"dead:noc": 4, "opened:noc": 5, "malformed": 3}
    await connection.redis.hset(keys.LEDGER, mapping=books)
    await connection.redis.hset(keys.dead_letters("noc"), "a", b"")
    await connection.redis.hset(keys.QUARANTINE, "a", b"")
    assert await audit.checks(4) == []
    await connection.redis.delete(keys.open_sets("noc"), keys.dead_letters("noc"), keys.QUARANTINE)

    assert sorted(map(str, await audit.checks(3))) == [
        "dead letters:noc",
        "deliveries:noc",
        "quarantine",
    ]
    assert audit.shown("dead letters:noc") == 4


async def test_a_count_that_moves_is_not_missing(
    audit: Audit, world: World, connection: Connection
) -> None:
    """Mutant seen to fail: ``_note`` does not compare the counts of two checks."""
    await world.accept([world.event("1")])
    await connection.redis.delete(keys.BATCHES)
    for _ in range(4):
        await connection.redis.hincrby(keys.LEDGER, "accepted", 1)
        assert await audit.checks(2) == []


OWN_COMMANDS = {
    f"cmdstat_{name}" for name in ("auth", "client|setinfo", "config|resetstat", "info")
}
"""What connecting and asking costs."""


async def test_an_empty_ledger_costs_one_command(audit: Audit, connection: Connection) -> None:
    await connection.redis.config_resetstat()
    await audit.checks(1)
    ran = await connection.redis.info("commandstats")

    assert set(ran) - OWN_COMMANDS == {"cmdstat_hgetall"}
