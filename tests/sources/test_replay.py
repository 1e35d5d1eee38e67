"""The replay of a request of a source: mapped by the active sources, within the limits of a request."""

from functools import partial

import msgspec
from support.preset_mapping import LIMITS

from router.cel import compile_expression
from router.events.model import UnmappedRequest
from router.sources.mapping import NAMES
from router.sources.mapping_budget import MappingBudget
from router.sources.replay import RequestReplay
from router.sources.spec import EventMapping, SourceSpec

LARGEST = 4 << 20


def replay_of(data: str) -> RequestReplay:
    spec = SourceSpec(
        name="crm",
        path="/in/crm",
        split=compile_expression("body", NAMES),
        event=EventMapping(data=compile_expression(data, NAMES)),
    )
    budget = partial(MappingBudget, LARGEST, lambda: 0.0)
    return RequestReplay(lambda: (spec,), LIMITS, lambda: "new-id", budget)


REQUEST = UnmappedRequest(source="crm", content_type="application/json")
BODY = msgspec.json.encode(["x" * 1000] * 1000)


def test_a_request_becomes_its_events() -> None:
    assert len(replay_of("item").events(REQUEST, BODY, 0.0)) == 1000


def test_a_request_whose_events_are_too_large_stays_in_quarantine() -> None:
    assert replay_of("body").events(REQUEST, BODY, 0.0) is None


def test_a_request_of_a_source_that_was_removed_stays_in_quarantine() -> None:
    request = msgspec.structs.replace(REQUEST, source="removed")

    assert replay_of("item").events(request, BODY, 0.0) is None
