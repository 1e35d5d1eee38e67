"""The entry of history of the events that a transaction finishes: what became of each, by which rule."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from router.alerts import AlertKey
from router.clock import Clock
from router.events.model import Event
from router.history.kept_body import BodyKeeper
from router.history.records import EventMatch, EventOutcome, MatchOutcome
from router.history.stored import StoredEvent, event_record
from router.journal.finish import Quarantined
from router.journal.history_log import EVENTS, NO_HISTORY, HistoryEntry, HistoryLog
from router.rules.state.step import ChainResult, Outcome
from router.worker.evaluation.batch_cut import Evaluation
from router.worker.evaluation.decide import EvaluatedEvent, PossibleAlert

_OUTCOMES: Final = {
    Outcome.NOTIFY: MatchOutcome.NOTIFIED,
    Outcome.SUPPRESSED: MatchOutcome.SUPPRESSED,
    Outcome.COUNTED: MatchOutcome.COUNTED,
    Outcome.PENDING: MatchOutcome.PENDING,
    Outcome.EXPECTED: MatchOutcome.EXPECTED,
    Outcome.GROUPED: MatchOutcome.GROUPED,
    Outcome.RESOLVED: MatchOutcome.RESOLVED,
    Outcome.ENDED: MatchOutcome.ENDED,
    Outcome.NOTHING: MatchOutcome.NOTHING,
}


class FinishedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event of a batch that is being finished."""

    event: Event
    evaluation: Evaluation | None
    """None if it is a duplicate."""


class EventEntries:
    """Makes the entries of events.

    Args:
        log: Of history; None for no history.
        keeper: Cuts and masks bodies.
        clock: The time.
    """

    def __init__(self, log: HistoryLog | None, keeper: BodyKeeper, clock: Clock) -> None:
        self._log = log
        self._keeper = keeper
        self._now = clock.now

    @property
    def is_on(self) -> bool:
        """Whether events are to be recorded now."""
        return self._log is not None and self._log.is_on

    def entry(
        self,
        finished: Sequence[FinishedEvent],
        results: Mapping[str, ChainResult],
        quarantined: Iterable[Quarantined],
        generation: str,
    ) -> HistoryEntry:
        """Return the entry of events.

        Args:
            finished: The events, in their order.
            results: The result of each chain by its id.
            quarantined: Those that go to quarantine.
            generation: That of the rules.
        """
        if self._log is None or not finished:
            return NO_HISTORY
        reasons = {item.body: item.reason for item in quarantined}
        return self._log.entry(
            EVENTS,
            (self._now(), generation, self._keeper.kept),
            [event_record(each.event, self._stored(each, results, reasons)) for each in finished],
        )

    def _stored(
        self,
        finished: FinishedEvent,
        results: Mapping[str, ChainResult],
        reasons: Mapping[bytes, str],
    ) -> StoredEvent:
        event, evaluation = finished.event, finished.evaluation
        body, is_masked = self._keeper.keep(event.body)
        matches: tuple[EventMatch, ...] = ()
        reason = ""
        if evaluation is None:
            outcome = EventOutcome.DUPLICATE
        elif event.body in reasons or not isinstance(evaluation, EvaluatedEvent):
            outcome, reason = EventOutcome.QUARANTINED, reasons.get(event.body, "")
        elif not evaluation.possible:
            outcome = EventOutcome.FILTERED
        else:
            outcome, matches = outcome_of_matches(
                [match_of(each, results) for each in evaluation.possible]
            )
        return StoredEvent(event.received_at, body, outcome, matches, reason, is_masked)


def outcome_of_matches(
    matches: Sequence[EventMatch],
) -> tuple[EventOutcome, tuple[EventMatch, ...]]:
    """Return the outcome of an event, and what is worth recording of what became of it by each rule."""
    is_suppressed = all(each.outcome is MatchOutcome.SUPPRESSED for each in matches)
    outcome = EventOutcome.SUPPRESSED if is_suppressed else EventOutcome.MATCHED
    kept = [each for each in matches if each.is_match or each.outcome is not MatchOutcome.NOTHING]
    return outcome, tuple(kept)


def match_of(possible: PossibleAlert, results: Mapping[str, ChainResult]) -> EventMatch:
    """Return what became of a possible result of an event, given the results of the chains."""
    alert = possible.alert
    key = AlertKey("") if str(alert.key) == alert.id else alert.key
    if possible.chain is None:
        if possible.suppressed is not None:
            return EventMatch(
                possible.rule.name, MatchOutcome.SUPPRESSED, possible.suppressed, (), key
            )
        return EventMatch(possible.rule.name, MatchOutcome.NOTIFIED, "", possible.send_to, key)
    result = results[possible.chain.id]
    outcome = _OUTCOMES[result.outcome]
    told: tuple[str, ...] = ()
    if outcome is MatchOutcome.NOTIFIED:
        told = possible.send_to
    elif outcome is MatchOutcome.RESOLVED:
        told = result.notified
    return EventMatch(
        possible.rule.name, outcome, result.reason or "", told, key, possible.is_match
    )
