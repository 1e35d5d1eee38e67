"""Events without a value of ``resolve.by`` or ``equal`` are counted, and logged once for each rule."""

import logging

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection

RULES = """
rules:
  - name: trunk-down
    events: [down]
    resolve: {events: [up], by: [data.trunk_id]}
    send_to: [noc]
"""


async def test_events_without_a_key_are_counted_and_logged_once(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Case R11."""
    world = World(connection, time, RULES)
    with caplog.at_level(logging.WARNING):
        await world.send(world.event("1", type="down", trunk_id="t1"))
        assert world.metric("router_rule_missing_keys_total", rule="trunk-down") == 0
        await world.send(world.event("2", type="up"), world.event("3", type="down"))

    assert world.metric("router_rule_missing_keys_total", rule="trunk-down") == 2
    assert [each.message for each in caplog.records].count(
        "event lacks a value of by or equal; it resolves and inhibits nothing"
    ) == 1
