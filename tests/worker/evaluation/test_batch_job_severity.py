"""Alerts whose severity depends on their event, and the count of those whose severity is a fallback."""

from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection

RULES = """
rules:
  - name: calls
    events: [call]
    severity: "{{ data.level }}"
    send_to: [noc]
"""


async def test_the_severity_of_an_alert_is_that_of_its_event(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, RULES)
    levels = {"1": "critical", "2": "info", "3": "high"}
    events = [world.event(number, type="call", level=level) for number, level in levels.items()]

    await world.send(*events, world.event("4", type="call"))

    told = await world.told()
    assert sorted(each.alert.severity for each in told) == [
        "critical",
        "info",
        "warning",
        "warning",
    ]
    assert world.metric("router_severity_fallbacks_total", rule="calls") == 2


async def test_a_group_is_as_severe_as_its_most_severe_alert(
    connection: Connection, time: SetClock
) -> None:
    world = World(connection, time, f"{RULES}    group: {{wait: 30s}}\n")
    for number, level in enumerate(["info", "critical", "warning"]):
        await world.send(world.event(str(number), type="call", level=level))
    await world.passes(31)

    (delivery,) = await world.told()
    assert (delivery.alert.severity, delivery.alert.grouped) == ("critical", 3)
