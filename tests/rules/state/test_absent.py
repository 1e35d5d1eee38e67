"""``absent``: which event another one answers, whatever order they arrive in."""

import datetime as dt

import pytest
from support.world import configuration, event

from router.offline.simulation import Simulation

START = 1_700_000_000.0
DOOR = """
rules:
  - name: open-door
    events: [opened]
    absent: {event: closed, for: 5m, by: [data.door]}
    send_to: [noc]
"""
BEAT = """
rules:
  - name: silent-host
    events: [beat]
    absent: {event: beat, for: 5m, by: [data.host]}
    send_to: [noc]
"""
SUMMARY = """
rules:
  - name: never-completed
    events: [partial]
    absent: {event: complete, for: 26h, by: [data.id]}
    send_to: [noc]
"""

Arrival = tuple[int, str, int]
"""When an event arrives, its type, and its own time: seconds."""


def utc(second: int) -> str:
    return dt.datetime.fromtimestamp(START + second, dt.UTC).isoformat()


def told(simulation: Simulation, story: list[Arrival]) -> list[tuple[int, str]]:
    """Return when and of which event, by its place in the story, the rule tells."""
    sent = []
    for number, (second, kind, own) in enumerate(story):
        now = START + second
        moved = event(str(number), now, type=kind, time=utc(own), door=1, host=1)
        sent += simulation.receive(moved, now=now).sent
    for outcome in simulation.pass_time(START + 100_000):
        sent += outcome.sent
    return [(round(each.alert.raised_at - START), each.alert.event_id) for each in sent]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(0, "opened", 0), (60, "closed", 60)], []),
        ([(0, "opened", 0)], [(300, "0")]),
        ([(0, "opened", 0), (60, "closed", 60), (120, "opened", 120)], [(420, "2")]),
        ([(0, "opened", 0), (120, "opened", 120)], [(300, "0")]),
        ([(0, "opened", 0), (120, "opened", 120), (130, "closed", 60)], [(420, "1")]),
        (
            [(0, "opened", 0), (120, "opened", 120), (130, "closed", 60), (140, "closed", 131)],
            [],
        ),
        ([(0, "opened", 0), (120, "opened", 120), (125, "closed", 95)], []),
        ([(100, "opened", 100), (105, "closed", 71)], []),
        ([(100, "opened", 100), (105, "closed", 69)], [(400, "0")]),
        ([(100, "closed", 100), (110, "opened", 71)], [(410, "1")]),
        ([(100, "closed", 100), (110, "opened", 69)], []),
        ([(100, "closed", 100), (401, "opened", 69)], [(701, "1")]),
        ([(7200, "opened", 0), (7260, "closed", 60)], []),
        ([(7200, "opened", 0)], [(7500, "0")]),
        ([(100, "opened", 100), (120, "opened", 20), (130, "closed", 60)], [(400, "0")]),
        ([(100, "closed", 100), (110, "closed", 20), (120, "opened", 60)], []),
    ],
    ids=[
        "closed in time",
        "never closed",
        "closed before it was opened again",
        "opened twice, told of the first",
        "a closing between two openings arrives late",
        "and another one closes",
        "a closing a little before the second opening",
        "a closing before, within the tolerance",
        "a closing before, beyond it",
        "a closing after, within the tolerance, arrived first",
        "a closing after, beyond it, arrived first",
        "a closing is known for five minutes",
        "a backlog of the sender",
        "an opening that arrives late waits from then on",
        "an earlier opening arrives late, and its closing",
        "of two closings the later one counts",
    ],
)
def test_what_answers_is_decided_by_the_time_of_the_events(
    story: list[Arrival], expected: list[tuple[int, str]]
) -> None:
    assert told(Simulation(configuration(DOOR).rules), story) == expected


@pytest.mark.parametrize(("tolerance", "expected"), [(0.0, []), (10.0, [(410, "1")])])
def test_the_tolerance_says_when_arrival_decides(
    tolerance: float, expected: list[tuple[int, str]]
) -> None:
    simulation = Simulation(configuration(DOOR).rules, clock_tolerance=tolerance)
    assert told(simulation, [(100, "closed", 100), (110, "opened", 90)]) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(0, "beat", 0), (200, "beat", 200), (400, "beat", 400)], [(700, "2")]),
        ([(0, "beat", 0), (200, "beat", 200), (210, "beat", 100)], [(500, "1")]),
        ([(second, "beat", 0) for second in (0, 200, 400)], [(700, "2")]),
        ([(200 + second, "beat", second) for second in (0, 200, 400)], [(900, "2")]),
    ],
    ids=["told of the last one", "a late one restarts nothing", "a stopped clock", "a slow clock"],
)
def test_a_heartbeat_waits_for_the_next_one(
    story: list[Arrival], expected: list[tuple[int, str]]
) -> None:
    assert told(Simulation(configuration(BEAT).rules), story) == expected


def test_complete_pairs_take_room_for_as_long_as_they_matter() -> None:
    """Case R1, smaller: each pair would have taken a place for 31 days."""
    simulation = Simulation(configuration(SUMMARY).rules, keys_limit=30)
    sent = 0
    for number in range(200):
        now = START + number * 11 * 86_400 / 200
        for second, kind in ((0, "partial"), (900, "complete")):
            happened = event(f"{kind} {number}", now + second, type=kind, id=number)
            sent += len(simulation.receive(happened, now=now + second).sent)
    now = START + 11 * 86_400
    for number in range(3):
        simulation.receive(event(f"p{number}", now, type="partial", id=f"p{number}"), now=now)
    assert sent == 0

    (outcome,) = simulation.pass_time(now + 26 * 3600)

    assert [each.alert.event_id for each in outcome.sent] == ["p0", "p1", "p2"]
    assert (simulation.used_ratios(), dict(simulation.overflowed)) == ({}, {})


def test_a_state_that_is_nearly_full_or_full_is_reported() -> None:
    simulation = Simulation(configuration(SUMMARY).rules, keys_limit=50)
    found = []
    for number in range(52):
        simulation.receive(event(str(number), START, type="partial", id=number), now=START)
        found.append((simulation.used_ratios(), simulation.overflowed["never-completed"]))

    assert found[38] == ({}, 0)
    assert found[39] == ({"never-completed": 0.8}, 0)
    assert found[49] == ({"never-completed": 1.0}, 0)
    assert found[51] == ({"never-completed": 1.0}, 2)
