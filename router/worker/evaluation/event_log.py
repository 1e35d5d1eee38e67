"""A line for each event, at level debug: what became of it, by which rules, and why not."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from router.events.model import Event
from router.rules.index.rule_set import RuleSet
from router.rules.state.step import ChainResult
from router.worker.evaluation.decide import EvaluatedEvent, decide
from router.worker.evaluation.suppression_reason import Snapshot

EVENT_LOG: Final = logging.getLogger(__name__)
EVALUATED: Final = "event evaluated"
DUPLICATE: Final = "duplicate event dropped"


def log_evaluated(
    evaluated: Iterable[EvaluatedEvent],
    results: Mapping[str, ChainResult],
    snapshot: Snapshot,
    rules: RuleSet,
) -> None:
    """Log what became of events, given the result of each chain by its id, and the active rules."""
    for each in evaluated:
        decision = decide([each], results, snapshot)
        outcome = (
            "filtered" if decision.filtered else "suppressed" if decision.suppressed else "matched"
        )
        EVENT_LOG.debug(
            EVALUATED,
            extra={
                **_identity(each.event),
                "outcome": outcome,
                "candidates": [rule.name for rule in rules.candidates(each.event.type)],
                "rules": _names(each, is_match=True),
                "ends": _names(each, is_match=False),
                "suppressed": [f"{rule}: {reason}" for rule, reason in decision.suppressed_alerts],
                "notified": sorted(
                    {name for sent in decision.notifications for name in sent.send_to}
                ),
            },
        )


def _names(evaluated: EvaluatedEvent, *, is_match: bool) -> list[str]:
    """Return the rules that an event matches, or of which it ends something."""
    return sorted(
        {possible.rule.name for possible in evaluated.possible if possible.is_match is is_match}
    )


def log_duplicates(events: Iterable[Event]) -> None:
    """Log events that were accepted before."""
    for event in events:
        EVENT_LOG.debug(DUPLICATE, extra=_identity(event))


def _identity(event: Event) -> dict[str, str]:
    return {"event": event.id, "source": event.source, "type": event.type}
