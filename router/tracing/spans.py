"""The interface by which the other packages trace: a tracer makes spans. It needs no OpenTelemetry.

``docs/operate/tracing.md`` lists the spans and their attributes. Names are those of OpenTelemetry's
semantic conventions 1.38 where these have one:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/,
https://opentelemetry.io/docs/specs/semconv/http/http-spans/,
https://opentelemetry.io/docs/specs/semconv/cloudevents/cloudevents-spans/.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from router.tracing.contexts import TraceContext

AttributeValue = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, AttributeValue]

NO_ATTRIBUTES: Final[Attributes] = {}

CLOUDEVENTS_ID: Final = "cloudevents.event_id"
CLOUDEVENTS_SOURCE: Final = "cloudevents.event_source"
CLOUDEVENTS_TYPE: Final = "cloudevents.event_type"
ERROR_TYPE: Final = "error.type"
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
MESSAGING_COUNT: Final = "messaging.batch.message_count"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_ID: Final = "messaging.message.id"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_TYPE: Final = "messaging.operation.type"
ROUTER_ALERT: Final = "router.alert"
ROUTER_ATTEMPT: Final = "router.attempt"
ROUTER_FEATURE: Final = "router.feature"
ROUTER_OUTCOME: Final = "router.outcome"
ROUTER_REASON: Final = "router.reason"
ROUTER_REPLAYS: Final = "router.replays"
ROUTER_RULE: Final = "router.rule"
ROUTER_RULES: Final = "router.rules"
ROUTER_SEVERITY: Final = "router.severity"
ROUTER_SOURCE: Final = "router.source"

SYSTEM: Final = "event_router"
"""The messaging system of all spans but those of requests."""


class SpanKind(enum.Enum):
    """The kinds of OpenTelemetry."""

    INTERNAL = enum.auto()
    SERVER = enum.auto()
    CLIENT = enum.auto()
    PRODUCER = enum.auto()
    CONSUMER = enum.auto()


class TraceSpan(Protocol):
    """A span that has begun."""

    @property
    def context(self) -> TraceContext:
        """The parent of what it causes."""
        ...

    def note(self, name: str, attributes: Attributes) -> None:
        """Add something that happens now."""
        ...

    def link(self, context: TraceContext) -> None:
        """Add another span that caused it."""
        ...

    def end(self, attributes: Attributes = NO_ATTRIBUTES, *, error: str = "") -> None:
        """End it. Later calls do nothing.

        Args:
            attributes: What is known only now.
            error: The type of the error that it ended with, a word; ``""`` if it succeeded.
        """
        ...


class Tracer(Protocol):
    """Makes the spans of one process. No method waits or raises."""

    def samples(self, parent: TraceContext | None) -> bool:
        """Return whether a trace that arrives is recorded; None for one that begins here."""
        ...

    def unrecorded(self) -> TraceContext:
        """Return the context of a trace that begins here and is not recorded."""
        ...

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        attributes: Attributes = NO_ATTRIBUTES,
        *,
        links: Sequence[TraceContext] = (),
        age: float = 0.0,
    ) -> TraceSpan:
        """Begin a span of a trace that is recorded.

        Args:
            name: One of few, so that spans can be counted by it.
            kind: Its part in an exchange.
            parent: The span that caused it; None for the first one of a trace.
            attributes: What is known of it.
            links: Other spans that caused it.
            age: The seconds since it began.
        """
        ...
