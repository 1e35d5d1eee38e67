"""The log of a worker at level debug names events and rules, and no value of an event's data."""

import logging

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection

CANARY = "+49c4nary"
RULES = """
rules:
  - {name: fails, events: ['*'], when: int(data.status) > 0, send_to: [noc]}
  - {name: fallback, events: ['*'], severity: '{{ data.status }}', send_to: [noc]}
  - {name: missing, events: ['*'], when: data.nothing == 1, send_to: [noc]}
  - name: remembers
    events: ['*']
    count: {at_least: 1, within: 1m, by: [data.status]}
    resolve: {events: [x], by: [data.status]}
    send_to: [noc]
"""
CONFERENCE = "com.twilio.voice.insights.conference-summary.complete"


async def test_no_line_has_a_value_of_an_event(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world = World(connection, time, RULES)
    await world.send(
        world.event("1", status=CANARY, friendly_name=[CANARY], type=CONFERENCE),
        world.event("1", status=CANARY, type=CONFERENCE),
        world.event("2", status={CANARY: CANARY}),
    )

    lines = [str(vars(each)) for each in caplog.records]
    assert {
        "duplicate event dropped",
        "event violates its schema",
        "rule evaluation failed",
        "severity not selected; otherwise used",
        "event evaluated",
        "alert notified",
    } <= set(caplog.messages)
    assert [line for line in lines if CANARY in line] == []
