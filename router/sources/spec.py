"""A source as the rules folder describes it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.cel import Condition, Expression
from router.datatypes import Rate
from router.sources.contract import VerifierConfig

PREFIX: Final = "/in/"
"""The beginning of the paths of all sources."""
RESERVED: Final = frozenset({"twilio", "events", "kinesis", "unknown"})
"""Names of the sources that the router has without a rules folder; ``unknown`` is that of unknown paths."""
EVENTS_PER_REQUEST: Final = 1000
MOST_EVENTS_PER_REQUEST: Final = 10_000


class EventMapping(msgspec.Struct, frozen=True, kw_only=True):
    """The expressions that make the attributes of an event. None for the default of an attribute."""

    type: Expression | None = None
    id: Expression | None = None
    source: Expression | None = None
    time: Expression | None = None
    subject: Expression | None = None
    data: Expression | None = None
    extensions: Mapping[str, Expression] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a handshake, whose requests become no events."""

    when: Condition
    status: int = 200
    json: Mapping[str, Expression] | None = None
    """The members of a JSON object to answer with."""
    text: Expression | None = None
    """The text to answer with."""
    visit: Expression | None = None
    """A URL to get, which confirms a subscription."""
    hosts: tuple[str, ...] = ()
    """Patterns with ``*`` of the hosts that may be visited."""


class AcceptedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The response to a request whose events are durable."""

    status: int
    text: str


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A source as the rules folder describes it."""

    name: str
    path: str
    """The path of its requests, which begins with ``PREFIX``."""
    preset: str | None = None
    """The preset that it extends."""
    methods: tuple[str, ...] = ("POST",)
    verify: Mapping[str, VerifierConfig] = {}
    """The options of its verifiers by their names; empty for ``verify: none``."""
    split: Expression | None = None
    skip: Condition | None = None
    event: EventMapping = EventMapping()
    replies: tuple[Reply, ...] = ()
    accepted: AcceptedResponse | None = None
    """None for 202 with the number of events."""
    events_per_request: int = EVENTS_PER_REQUEST
    rate: Rate | None = None
    continues_trace: bool | None = None
    """Whether the traces of its requests are continued; None if the settings decide."""
    missing_variables: tuple[str, ...] = ()
    """Variables without a value, because of which it refuses all requests."""
