"""One event, explained: from history, from a batch that waits, and from quarantine."""

from collections.abc import AsyncIterator

import pytest
from support.clock import SetClock
from support.past import Past

from router.api import event_finding
from router.api.delivery_reading import DeliveryReader
from router.api.event_details import EventReader, UnknownEvent
from router.api.event_views import EventDetails, EventState, RuleVerdict
from router.configuration.model import Configuration
from router.events.masks import Masks
from router.events.model import Malformed, Received
from router.journal.connection import Connection
from router.journal.history_log import HistoryLimits
from router.journal.silences import Silences
from router.rules.suppression.silences import SilenceText

pytestmark = pytest.mark.server
RULES = """
rules:
  - {name: high, events: [a], when: data.n >= 3 && data.region == "us1", send_to: [noc, boss]}
  - {name: many, events: [a], count: {at_least: 3, within: 1h, by: [data.n]}, send_to: [boss]}
  - {name: cool, events: [a], when: data.n > 100, cooldown: {for: 1h}, send_to: [noc]}
"""
OTHER = """
rules:
  - {name: high, events: [a], when: data.n >= 30, send_to: [noc]}
"""


@pytest.fixture
async def past(connection: Connection) -> AsyncIterator[Past]:
    return Past(connection, SetClock(), RULES)


def reader(past: Past, configuration: Configuration | None = None, *masked: str) -> EventReader:
    return EventReader(
        past.connection,
        past.clock,
        lambda: configuration or past.configuration,
        DeliveryReader(past.connection),
        Masks.parse(masked),
    )


def explained(found: EventDetails | UnknownEvent) -> EventDetails:
    assert isinstance(found, EventDetails), found
    return found


async def test_each_rule_says_why_or_why_not_and_what_each_destination_got(past: Past) -> None:
    event = past.event("1", n=5, region="us1")
    await past.send(event)
    await past.deliver("noc")

    found = explained(await reader(past).details("s", "1"))

    assert found.state is EventState.EVALUATED
    assert found.summary == "1 rule notified: deliveries 1 waiting, 1 delivered."
    high, many, cool = found.rules
    assert (high.verdict, high.text) == (RuleVerdict.MATCHED, "matched: notified noc, boss")
    assert [(each.destination, each.state) for each in high.deliveries] == [
        ("noc", "delivered"),
        ("boss", "waiting"),
    ]
    assert high.deliveries[0].event == found.event.reference
    assert many.text == "matched: counted, no alert yet"
    assert "now: 1 of 3 within 1h" in many.notes
    assert cool.text == "did not match: data.n > 100 is false: data.n = 5"
    assert not found.rules_changed
    by_reference = await reader(past).of_reference(found.event.reference)
    assert by_reference == found == explained(await reader(past).of_id("1"))
    only = explained(await reader(past).details("s", "1", rule="cool"))
    assert [each.rule for each in only.rules] == ["cool"]


async def test_an_alert_within_its_cooldown_says_until_when(past: Past) -> None:
    await past.send(past.event("1", n=101))
    await past.send(past.event("2", n=102))
    found = explained(await reader(past).details("s", "2"))
    cool = found.rules[1]
    assert cool.text == "matched: suppressed: within the cooldown of its key"
    assert any("suppressed: cooldown until" in each for each in cool.notes), cool.notes


HUSHED = """
rules:
  - {name: quiet, events: [a], send_to: [noc]}
  - {name: night, events: [b], mute_times: [nights], send_to: [noc]}
  - {name: lasting, events: [c], pending: 5m, resolve: {events: [d]}, send_to: [noc]}
mute_times:
  nights: {times: [{from: "22:00", to: "06:00"}], time_zone: UTC}
silences:
  - {match: {rule: quiet}, ends: "2099-01-01T00:00:00Z", author: ann, comment: works}
"""


async def test_a_suppressed_alert_says_by_whom_until_when_and_what_was_told_later(
    connection: Connection,
) -> None:
    past = Past(connection, SetClock(), HUSHED)  # 22:13 UTC
    await past.send(past.event("1"), past.event("2", type="b"), past.event("3", type="c"))
    text = SilenceText(
        match={"rule": "quiet"}, ends="2030-01-01T00:00:00Z", author="bo", comment="x"
    )
    await Silences(connection, past.clock).add(text)
    reading = reader(past)
    quiet = explained(await reading.of_id("1")).rules[0]
    assert quiet.text == "matched: suppressed: a silence"
    assert "by ann: works, until 2099-01-01 00:00:00Z" in quiet.notes[0]
    assert "by bo" in quiet.notes[1]
    night = explained(await reading.of_id("2")).rules[0]
    assert night.notes[0] == "muted until 2023-11-15 06:00:00Z"
    await past.passes(400)
    await past.deliver()
    lasting = explained(await reading.of_id("3")).rules[0]
    assert lasting.text == "matched: pending: destinations are told if it goes on"
    assert lasting.deliveries or "told later: noc delivered" in lasting.notes[0], lasting


async def test_a_search_for_an_id_alone_that_was_cut_short_says_so(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    await past.send(*(past.event(str(n), hint="none") for n in range(60)))
    monkeypatch.setattr(event_finding, "_SEARCH_SECONDS", 0.0)
    found = await reader(past).of_id("none")
    assert isinstance(found, UnknownEvent)
    assert "was found since 2023-11-14 22:13:20Z, where the search ended" in found.message


async def test_changed_rules_are_pointed_out(past: Past) -> None:
    await past.send(past.event("1", n=5, region="us1"))
    other = Past(past.connection, past.time, OTHER).configuration
    found = explained(await reader(past, other).details("s", "1"))
    assert found.rules_changed
    assert found.rules[0].text == (
        "matched: notified noc, boss; by today's rules it does not match"
    )
    assert found.rules[1].verdict is RuleVerdict.GONE
    assert "the rules have changed since" in found.notes[0]


async def test_a_type_that_is_nearly_that_of_a_rule_is_pointed_out(past: Past) -> None:
    rules = "rules: [{name: r, events: [com.example.call.completed], send_to: [noc]}]"
    other = Past(past.connection, past.time, rules)
    await other.send(past.event("1", type="com.example.call.complete"))
    found = explained(await reader(other).of_id("1"))
    assert found.summary == "No alert came of it: no rule is for its type."
    assert found.notes == ("rules are for events of the similar type com.example.call.completed",)


async def test_a_process_without_rules_shows_what_was_recorded(past: Past) -> None:
    await past.send(past.event("1", n=5, region="us1"))
    alone = EventReader(past.connection, past.clock, None, DeliveryReader(past.connection), Masks())
    found = explained(await alone.details("s", "1"))
    assert [each.rule for each in found.rules] == ["high", "many"]
    assert "this process has no rules" in found.notes[0]


async def test_an_event_that_waits_is_explained_with_its_masks(past: Past) -> None:
    await past.batches.accept([Received([past.event("1", n=5, region="us1")], [])])
    found = explained(await reader(past, None, "data.region").details("s", "1"))
    assert found.state is EventState.WAITING
    assert "not evaluated yet" in found.summary
    assert found.body["data"] == {"n": 5, "region": "***"}
    assert found.rules[0].verdict is RuleVerdict.UNKNOWN
    assert found.rules[1].text == "matches, and is not evaluated yet"


@pytest.mark.parametrize("source", ["s", ""])
async def test_input_in_quarantine_is_found_by_the_id_in_it(past: Past, source: str) -> None:
    body = b'{"id": "odd/1", "source": 7}'
    odd = Malformed("source is no text", "$.source", past.time.now, body)
    await past.batches.accept([Received([], [odd])])
    reading = reader(past)
    found = explained(
        await (reading.details(source, "odd/1") if source else reading.of_id("odd/1"))
    )
    assert found.state is EventState.QUARANTINED
    assert found.quarantine_id
    assert found.event.reason == "source is no text"


async def test_an_unknown_event_says_what_to_check(past: Past) -> None:
    missing = await reader(past).details("s", "nope")
    assert isinstance(missing, UnknownEvent)
    assert "History is empty" in missing.message
    assert "Check id and source" in missing.message
    assert isinstance(await reader(past).of_id("nope"), UnknownEvent)
    assert isinstance(await reader(past).of_reference("0" * 16), UnknownEvent)

    off = HistoryLimits(age_seconds=0, share=0)
    without = Past(past.connection, past.time, RULES, limits=off)
    await without.send(without.event("2", n=1))
    forgotten = await reader(past).details("s", "2")
    assert isinstance(forgotten, UnknownEvent)
    assert "was accepted within ROUTER_DEDUP_WINDOW" in forgotten.message
