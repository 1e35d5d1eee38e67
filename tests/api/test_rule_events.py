"""The last events that a rule matched, and those of which one part of its condition was false."""

import pytest
from support.clock import SetClock
from support.past import Past

from router.api.rule_events import rule_events
from router.journal.connection import Connection

pytestmark = pytest.mark.server
RULES = """
rules:
  - {name: high, events: [a], when: data.n > 5 && data.region == "us1", send_to: [noc]}
"""


async def test_matches_and_near_misses_are_told_apart(connection: Connection) -> None:
    past = Past(connection, SetClock(), RULES)
    await past.send(
        past.event("both", n=9, region="us1"),
        past.event("low", n=5, region="us1"),
        past.event("elsewhere", n=9, region="de1"),
        past.event("neither", n=1, region="de1"),
        past.event("no region", n=1),
        past.event("other", type="b", n=9, region="de1"),
    )
    configuration = past.live.configuration

    found = await rule_events(configuration.rules.by_name["high"], configuration, past.events)

    assert [each.id for each in found.matches] == ["both"]
    assert {each.event.id: (each.part, each.values) for each in found.near_misses} == {
        "low": ("data.n > 5", "data.n = 5"),
        "elsewhere": ('data.region == "us1"', 'data.region = "de1"'),
    }
    assert found.judged == 5
    assert found.judged_since is not None
