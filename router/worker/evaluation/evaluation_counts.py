"""The metrics of evaluation: outcomes of events, matches of rules, and what their events lack."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from router.events.model import Event
from router.journal.finish import FinishedWork
from router.metrics import Metrics
from router.rules.index.rule_set import Judgement
from router.rules.severity_by_value import SeverityByValue
from router.rules.state.decision import Decision
from router.worker.evaluation.decide import EvaluatedEvent
from router.worker.evaluation.verdict import count_decision

logger = logging.getLogger(__name__)


class EvaluationCounts:
    """Counts what evaluation does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._warned: set[str] = set()
        """Rules of whose events without a key a warning was logged."""

    def missing_keys(self, event: Event, content: dict[str, Any], judgement: Judgement) -> None:
        """Count events that lack a value of ``by`` or ``equal``."""
        rules = [*judgement.matches, *(watch.rule for watch in judgement.endings)]
        for rule in rules:
            if not any(feature.lacks_key(content) for feature in rule.features.keyed):
                continue
            self._metrics.rule_missing_keys.labels(rule.name).inc()
            if rule.name not in self._warned:  # once, because each of its events may be like this
                self._warned.add(rule.name)
                logger.warning(
                    "event lacks a value of by or equal; it resolves and inhibits nothing",
                    extra={"rule": rule.name, "event": event.id, "type": event.type},
                )

    def severity_fallbacks(
        self, event: Event, content: dict[str, Any], judgement: Judgement
    ) -> None:
        """Count alerts whose severity by value is its ``otherwise``."""
        for rule in judgement.matches:
            severity = rule.severity
            if isinstance(severity, SeverityByValue) and severity.selected(content) is None:
                self._metrics.severity_fallbacks.labels(rule.name).inc()
                # Without the value, which may be a masked field's.
                logger.debug(
                    "severity not selected; otherwise used",
                    extra={"rule": rule.name, "event": event.id, "expression": severity.text},
                )

    def finished(
        self, verdict: FinishedWork, evaluated: Sequence[EvaluatedEvent], decision: Decision
    ) -> None:
        """Count the events and alerts of finished work."""
        counts = {
            "duplicate": verdict.duplicate,
            "filtered": verdict.filtered,
            "suppressed": verdict.suppressed,
            "matched": verdict.matched,
            "quarantined": len(verdict.quarantined),
        }
        for outcome, count in counts.items():
            if count:
                self._metrics.events_evaluated.labels(outcome).inc(count)
        matches = Counter(
            possible.rule.name
            for each in evaluated
            for possible in each.possible
            if possible.is_match
        )
        for rule, count in matches.items():
            self._metrics.rule_matches.labels(rule).inc(count)
        count_decision(decision, self._metrics)
