"""Events that are too late for a rule are counted, on a real Redis with a set clock."""

import pytest
from support.clock import SetClock
from support.world import World

from router.journal.connection import Connection


@pytest.mark.parametrize(
    ("feature", "newer", "late"),
    [
        ("count: {at_least: 9, within: 1m}", "a", "a"),
        ("count: {at_least: 9, within: 1m, distinct: data.n}", "a", "a"),
        ("count: {at_least: 9, within: 1m, in_a_row: true, broken_by: {events: [b]}}", "a", "a"),
        ("count: {at_least: 9, within: 1m, in_a_row: true, broken_by: {events: [b]}}", "a", "b"),
        ("ratio: {of: data.n == 1, at_least: 5%, min_events: 9, within: 1m}", "a", "a"),
        ("measure: {value: data.n, avg: {above: 3}, min_events: 9, within: 1m}", "a", "a"),
        ("spike: {times: 3, min_events: 9, within: 1m}", "a", "a"),
        ("follows: {event: b, within: 1m}", "b", "b"),
        ("absent: {event: b, for: 1m}", "a", "b"),
    ],
    ids=["count", "distinct", "row", "break", "ratio", "measure", "spike", "follows", "absent"],
)
async def test_what_is_too_late_is_counted(
    connection: Connection, time: SetClock, feature: str, newer: str, late: str
) -> None:
    rule = f"rules: [{{name: one, events: [a], {feature}, send_to: [noc]}}]"
    world = World(connection, time, rule)
    times = {"newer": "2023-11-14T22:00:00Z", "late": "2023-11-14T21:58:00Z"}

    await world.send(world.event("1", type=newer, time=times["newer"], n=1))
    found = [world.metric("router_rule_events_left_out_total", rule="one", reason="late")]
    await world.send(world.event("2", type=late, time=times["late"], n=2))
    found.append(world.metric("router_rule_events_left_out_total", rule="one", reason="late"))

    assert found == [0, 1]
