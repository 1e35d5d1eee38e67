"""Events without a value of what pairs them with others have nothing in common."""

import msgspec
import pytest
from support.world import configuration

from router.events.decode import decode_strictly
from router.events.model import Event
from router.offline.simulation import Simulation

RULES = """
rules:
  - name: trunk-down
    events: [down]
    resolve: {events: [up], by: [data.trunk_id]}
    send_to: [noc]
  - name: calls
    events: [call]
    send_to: [noc]
inhibitions:
  - {while: [trunk-down], hold_back: [calls], equal: [data.site]}
"""


def event(event_type: str, number: int, **data: object) -> Event:
    text = {
        "specversion": "1.0",
        "id": str(number),
        "source": "s",
        "type": event_type,
        "data": data,
    }
    (made,) = decode_strictly(msgspec.json.encode(text), received_at=0.0, max_events=1)
    return made


def told(*events: tuple[str, dict[str, object]]) -> list[tuple[str, str]]:
    """Return rule and status of each alert that is sent."""
    simulation = Simulation(configuration(RULES).rules)
    outcomes = [
        simulation.receive(event(event_type, number, **data), now=float(number))
        for number, (event_type, data) in enumerate(events)
    ]
    return [(each.alert.rule, str(each.alert.status)) for out in outcomes for each in out.sent]


@pytest.mark.parametrize("missing", [{}, {"trunk_id": None}, {"trunk": "t1"}])
def test_an_event_without_the_key_resolves_nothing(missing: dict[str, object]) -> None:
    """Case R11: null was equal to null, so that any up resolved any down."""
    assert told(("down", missing), ("up", missing)) == [("trunk-down", "firing")]


def test_an_event_with_the_key_resolves_its_alert() -> None:
    assert told(("down", {"trunk_id": "t1"}), ("up", {}), ("up", {"trunk_id": "t1"})) == [
        ("trunk-down", "firing"),
        ("trunk-down", "resolved"),
    ]


@pytest.mark.parametrize(
    ("site_down", "site_of_call", "is_told"),
    [
        ({"site": "a"}, {"site": "a"}, False),
        ({"site": "a"}, {"site": "b"}, True),
        ({}, {}, True),
        ({"site": None}, {"site": None}, True),
        ({}, {"site": "a"}, True),
        ({"site": "a"}, {}, True),
        ({"site": "null"}, {"site": "null"}, False),
    ],
)
def test_events_without_the_value_are_not_equal(
    site_down: dict[str, object], site_of_call: dict[str, object], *, is_told: bool
) -> None:
    """Case R11: `equal` of a field that neither event has held back the alerts of strangers."""
    down = {"trunk_id": "t1", **site_down}

    assert (("calls", "firing") in told(("down", down), ("call", site_of_call))) is is_told
