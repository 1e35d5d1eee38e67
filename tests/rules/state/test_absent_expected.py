"""Rows of a table that ``absent`` expects, also if they never speak."""

import pytest
from support.world import configuration, event

from router.events.model import document
from router.offline.simulation import SimulatedAlert, Simulation
from router.rules.describe import describe_state

START = 1_700_000_000.0
RULES = """
tables:
  hosts:
    rows:
      h1: {owner: Ann, site: north}
      h2: {owner: Bob}
rules:
  - name: silent-host
    events: [beat]
    absent: {event: beat, for: 5m, by: [data.host], expected: tables.hosts}
    resolve: {events: [beat], by: [data.host]}
    summary: "{{ data.host }} of {{ data.owner or 'nobody' }} is silent"
    send_to: [noc]
"""


def beats(simulation: Simulation, *beats: tuple[int, str]) -> list[SimulatedAlert]:
    sent = []
    for second, host in beats:
        now = START + second
        sent += simulation.pass_time(now)
        sent.append(simulation.receive(event(f"{second}", now, type="beat", host=host), now=now))
    return [each for outcome in sent for each in outcome.sent]


def shown(sent: list[SimulatedAlert]) -> list[tuple[int, str, str]]:
    return [
        (round(each.at - START), str(each.alert.status), each.alert.event_type) for each in sent
    ]


def test_who_never_speaks_is_told_of_once_and_resolved_when_it_does() -> None:
    simulation = Simulation(configuration(RULES).rules, now=START)

    sent = beats(simulation, (200, "h1"), (299, "h1"), (400, "h1"), (690, "h1"), (4000, "h2"))

    assert shown(sent) == [
        (300, "firing", "router.absent.expected"),  # h2
        (990, "firing", "beat"),  # h1
        (4000, "resolved", "router.absent.expected"),
    ]
    alert = sent[0].alert
    assert (alert.event_source, alert.event_time) == ("router", "2023-11-14T22:13:20Z")
    assert b'"data":{"owner":"Bob","host":"h2"}' in alert.event.replace(b'"site":null,', b"")
    assert alert.key == sent[2].alert.key != sent[1].alert.key


def test_a_recording_expects_rows_from_its_first_event_on() -> None:
    simulation = Simulation(configuration(RULES).rules)

    assert shown(beats(simulation, (0, "h1"), (250, "h1"), (400, "h1"))) == [
        (300, "firing", "router.absent.expected")
    ]


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("h1", "tables.hosts expects it"), ("h9", "tables.hosts has no row of it")],
)
def test_explain_says_whether_a_row_is_expected(host: str, sentence: str) -> None:
    rule = configuration(RULES).rules.by_name["silent-host"]
    content = document(event("1", START, type="beat", host=host))

    assert sentence in list(describe_state(rule, content))


def test_a_field_may_lie_deep_in_the_data() -> None:
    text = RULES.replace("data.host", "data.probe.host").replace("resolve:", "#")
    simulation = Simulation(configuration(text).rules, now=START)

    outcomes = simulation.pass_time(START + 300)

    found = [each.alert.event for outcome in outcomes for each in outcome.sent]
    assert [b'"probe":{"host":"h1"}' in each for each in found] == [True, False]
