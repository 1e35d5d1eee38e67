"""The log lines of alerts that are notified."""

import logging

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection
from router.log_sampling import LINES_PER_KIND
from router.worker.work_log import NOTIFIED, WORK_LOG

RULES = """
rules:
  - {name: each, events: [a], send_to: [noc, boss], cooldown: {for: 1h, by: [data.host]}}
  - {name: together, events: [b], send_to: [noc], group: {wait: 30s}}
"""
FIELDS = ("event", "rule", "status", "destinations", "seconds")


async def test_an_alert_that_is_notified_is_a_line_and_one_that_is_suppressed_is_none(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, WORK_LOG.name)
    world = World(connection, time, RULES)
    first = world.event("1", host="h1")
    time.now += 2
    await world.send(first, world.event("2", host="h1"), world.event("3", type="b"))
    await world.passes(60)

    assert [[vars(each)[name] for name in FIELDS] for each in caplog.records] == [
        ["1", "each", "firing", ["noc", "boss"], 2.0],
        ["3", "together", "firing", ["noc"], 30.0],
    ]
    assert {each.message for each in caplog.records} == {NOTIFIED}


async def test_a_storm_of_alerts_is_sampled(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, WORK_LOG.name)
    world = World(connection, time, RULES)
    await world.send(*[world.event(str(number), host=str(number)) for number in range(100)])

    assert caplog.messages == [NOTIFIED] * LINES_PER_KIND
