"""Destinations with ``send_resolved: false``: nothing of a resolved alert is stored for them."""

import msgspec
import pytest
from support.clock import SetClock
from support.world import World, configuration, event

from router.alerts import AlertStatus
from router.destinations.kinds import KINDS
from router.journal import ledger
from router.journal.connection import Connection
from router.offline.simulation import Simulation

RULES = """
destinations:
  page: {capture: {send_resolved: false}}
rules:
  - name: down
    events: [a]
    resolve: {events: [b], by: [data.k]}
    escalate: [{after: 1m, send_to: [page]}]
    send_to: [noc, page]
  - name: grouped
    events: [c]
    group: {by: [data.k], wait: 30s, interval: 2m}
    resolve: {events: [d], by: [data.k]}
    send_to: [page]
"""
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


async def test_a_resolved_alert_opens_no_delivery_there(
    connection: Connection, time: SetClock
) -> None:
    """Case D27: ``send_resolved: false``."""
    world = World(connection, time, RULES)
    statuses: dict[str, list[AlertStatus]] = {"noc": [], "page": []}
    for wait, kind in ((0, "a"), (90, "b"), (90, "c"), (60, "d"), (200, "e")):
        await world.passes(wait)
        await world.send(world.event(kind, type=kind, k="x"))
        for place, found in statuses.items():
            found += [each.alert.status for each in await world.told(place)]
    assert statuses == {"noc": [FIRING, RESOLVED], "page": [FIRING, FIRING, FIRING]}
    books = await ledger.read(connection)
    assert books.alerts == books.notified + sum(books.suppressed_alerts.values()) + books.waiting


def test_what_is_tried_out_in_memory_agrees() -> None:
    """Case D27."""
    made = configuration(RULES)
    simulation = Simulation(made.rules, now=1000.0)
    sent = []
    for number, kind in enumerate("ab"):
        happening = event(str(number), simulation.now, type=kind, k="x")
        outcome = simulation.receive(happening, now=1000.0 + number)
        sent.append([(each.alert.status, each.send_to) for each in outcome.sent])
    assert sent == [[(FIRING, ("noc", "page"))], [(RESOLVED, ("noc",))]]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_the_key(kind: str) -> None:
    """Case D27: the messages of resolved alerts are sent unless a destination says otherwise."""
    fields = {field.name: field for field in msgspec.structs.fields(KINDS[kind].config)}
    assert fields["send_resolved"].default is True
