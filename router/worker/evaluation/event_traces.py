"""The spans of events that are evaluated: one for each event whose trace is recorded.

A span begins with its batch and ends when the transaction with its results is made. Alerts contain the
context of the span that raised them, so it is the parent of their deliveries. A rerun of a batch makes
further spans.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from router.events.model import Event
from router.history.records import EventOutcome
from router.journal.batches import ClaimedBatch
from router.journal.finish import Quarantined
from router.rules.state.step import ChainResult
from router.tracing import spans
from router.tracing.contexts import is_sampled, stored_context
from router.tracing.spans import Attributes, SpanKind, Tracer, TraceSpan
from router.worker.evaluation.batch_cut import BatchPart
from router.worker.evaluation.decide import EvaluatedEvent, PossibleAlert
from router.worker.evaluation.history_entry import match_of, outcome_of_matches

NAME: Final = "process events"
_RULES_SHOWN: Final = 128
"""Rules in an attribute, as many as a span has events."""
MATCH: Final = "match"
"""The name of the span's event for each rule that matched."""
POSTPONED: Final = "postponed"
"""The outcome of an event that remains in its batch."""

_PROCESS: Final = {
    spans.MESSAGING_SYSTEM: spans.SYSTEM,
    spans.MESSAGING_DESTINATION: "events",
    spans.MESSAGING_OPERATION: "process",
    spans.MESSAGING_TYPE: "process",
}


class BatchTrace:
    """The spans of one batch, by the positions of its events; none if traces are off.

    A context: at its end the spans that remain end, because their events remain in the batch.
    """

    def __init__(self) -> None:
        self._spans: dict[int, TraceSpan] = {}
        self.traced: dict[int, Event] = {}
        """The events that have one, with its context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for span in self._spans.values():
            span.end(_outcome(POSTPONED), error="" if kind is None else kind.__name__)
        self._spans.clear()

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The labels by which the time of the batch leads to a trace; None if none is recorded."""
        first = next(iter(self.traced.values()), None)
        context = None if first is None else stored_context(first.trace)
        return None if context is None else {"trace_id": context.trace_id}

    def begin(self, position: int, event: Event, span: TraceSpan) -> None:
        """Add the span of an event."""
        self._spans[position] = span
        self.traced[position] = msgspec.structs.replace(event, trace=span.context.text)

    def finish(
        self,
        part: BatchPart,
        results: Mapping[str, ChainResult],
        quarantined: Sequence[Quarantined],
    ) -> None:
        """End the spans of events whose results are stored.

        Args:
            part: The part of the batch that is finished.
            results: The result of each chain by its id.
            quarantined: The events that went to quarantine.
        """
        if not self._spans:
            return
        bodies = {each.body for each in quarantined}
        by_key = {each.event.key: each for each in part.evaluated}
        for position in part.finished & self._spans.keys():
            span, event = self._spans.pop(position), self.traced[position]
            evaluated = by_key.get(event.key)
            if evaluated is None or event.body in bodies:
                span.end(_outcome(EventOutcome.QUARANTINED), error=EventOutcome.QUARANTINED)
                continue
            _end(span, evaluated, results)


class EventTraces:
    """Begins the spans of batches.

    Args:
        tracer: Makes spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, begun: ClaimedBatch, fresh: Mapping[int, Event]) -> BatchTrace:
        """Begin the spans of a batch.

        Args:
            begun: The batch. Duplicates in it get spans that have ended.
            fresh: Its events that are no duplicates, by their positions.
        """
        trace = BatchTrace()
        for position, event in enumerate(begun.events):
            if not event.trace or not is_sampled(event.trace):
                continue
            parent = stored_context(event.trace)
            span = self._tracer.start(NAME, SpanKind.CONSUMER, parent, self._attributes(event))
            if position in fresh:
                trace.begin(position, event, span)
            else:
                span.end(_outcome(EventOutcome.DUPLICATE))
        return trace

    @staticmethod
    def _attributes(event: Event) -> Attributes:
        # None of these can be masked: an event is known by them (``check_field_paths``).
        return {
            **_PROCESS,
            spans.CLOUDEVENTS_ID: event.id,
            spans.CLOUDEVENTS_SOURCE: event.source,
            spans.CLOUDEVENTS_TYPE: event.type,
        }


def _end(span: TraceSpan, evaluated: EvaluatedEvent, results: Mapping[str, ChainResult]) -> None:
    if not evaluated.possible:
        span.end(_outcome(EventOutcome.FILTERED))
        return
    matches = [match_of(each, results) for each in evaluated.possible]
    outcome, _ = outcome_of_matches(matches)
    for possible, match in zip(evaluated.possible, matches, strict=True):
        reason = {spans.ROUTER_REASON: match.reason} if match.reason else {}
        span.note(MATCH, {**_match(possible), spans.ROUTER_OUTCOME: match.outcome.value, **reason})
    rules = sorted({each.rule.name for each in evaluated.possible})[:_RULES_SHOWN]
    span.end({**_outcome(outcome), spans.ROUTER_RULES: rules})


def _match(possible: PossibleAlert) -> Attributes:
    return {
        spans.ROUTER_RULE: possible.rule.name,
        spans.ROUTER_SEVERITY: possible.alert.severity.value,
        spans.ROUTER_ALERT: possible.alert.id,
    }


def _outcome(outcome: str) -> Attributes:
    return {spans.ROUTER_OUTCOME: str(outcome)}
