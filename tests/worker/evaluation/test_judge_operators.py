"""Operators and the life of an alert: what follows from an acknowledgement, its withdrawal, a resolution."""

import asyncio

import pytest
from support.clock import SetClock
from support.waiting import until
from support.world import World

from router.alerts import AlertKey, AlertStatus
from router.api.alert_actions import AlertActions
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.journal.keys import TimerId

RULE = """
rules:
  - name: trunk
    events: [down]
    resolve: {events: [up], by: [data.k]}
    cooldown: {for: 10m, by: [data.k]}
    remind: 1h
    send_to: [noc]
"""


class Operated:
    """A rule on Redis whose alert fires, and an operator's hands on it."""

    def __init__(self, world: World, connection: Connection) -> None:
        self.world = world
        self.alerts = KeyedAlerts(connection)
        self.actions = AlertActions(connection, world.clock)
        self._number = 0

    async def happens(self, kind: str) -> None:
        self._number += 1
        await self.world.send(self.world.event(f"e{self._number}", type=kind, k=1))
        await self.world.passes(0)

    async def alert(self) -> KeyedAlert:
        (key,) = await self.alerts.latest_keys(9)
        found = await self.alerts.get(key)
        assert isinstance(found, KeyedAlert)
        return found

    async def acknowledge(self, by: str) -> None:
        found = await self.alert()
        await self.actions.acknowledge(found.key, by, found)
        await self.world.passes(0)

    async def told(self) -> list[tuple[str, int, str]]:
        """The status, the number of the reminder, and who has the alert, of each new message."""
        return [
            (str(each.alert.status), each.alert.reminder, each.alert.acknowledged_by)
            for each in await self.world.told()
        ]


@pytest.fixture
async def operated(connection: Connection, time: SetClock) -> Operated:
    operated = Operated(World(connection, time, RULE), connection)
    await operated.happens("down")
    assert await operated.told() == [("firing", 0, "")]
    return operated


async def test_later_messages_of_an_acknowledged_alert_say_who_has_it(operated: Operated) -> None:
    await operated.acknowledge("ann")
    await operated.world.passes(700)
    await operated.happens("down")
    assert await operated.told() == [("firing", 0, "ann")]

    await operated.happens("up")
    assert await operated.told() == [("resolved", 0, "ann")]
    assert (await operated.alert()).is_acknowledged

    await operated.world.passes(700)
    await operated.happens("down")
    await operated.happens("up")
    assert await operated.told() == [("firing", 0, ""), ("resolved", 0, "")]
    assert not (await operated.alert()).is_acknowledged


async def test_reminders_go_on_when_an_acknowledgement_is_withdrawn(operated: Operated) -> None:
    await operated.acknowledge("ann")
    await operated.world.passes(3 * 3600)
    assert await operated.told() == []

    assert await operated.actions.unacknowledge((await operated.alert()).key, "bob")
    for number in range(1, 4):
        await operated.world.passes(3600)
        assert await operated.told() == [("firing", number, "")]
    # The last of several reminders stands for all, so that the history keeps the rest.
    log = [(entry.change, entry.detail) for entry in (await operated.alert()).record.log]
    assert log == [
        ("opened", ""),
        ("notified", "noc"),
        ("acknowledged", "ann"),
        ("unacknowledged", "bob"),
        ("reminded", "noc"),
    ]


async def test_an_operator_resolves_an_alert_and_the_next_event_begins_another(
    operated: Operated, connection: Connection
) -> None:
    found = await operated.alert()
    timer = keys.timer(TimerId(f"resolution-{found.key}"))

    async def work() -> None:
        await until(lambda: connection.redis.exists(timer))
        await operated.world.passes(0)

    async with asyncio.TaskGroup() as group:
        resolving = group.create_task(operated.actions.resolve(found, "ann"))
        group.create_task(work())

    assert resolving.result()
    assert await operated.told() == [("resolved", 0, "")]
    over = await operated.alert()
    assert (over.record.status, over.record.log[-1].detail) == ("resolved", "ann")
    assert not await connection.redis.exists(timer)

    await operated.world.passes(700)
    await operated.happens("down")
    assert await operated.told() == [("firing", 0, "")]


async def test_the_acknowledgement_of_one_alert_says_nothing_of_another(
    operated: Operated,
) -> None:
    await operated.actions.acknowledge(AlertKey("ak_other"), "ann", None)
    await operated.happens("up")

    assert await operated.told() == [(AlertStatus.RESOLVED, 0, "")]
