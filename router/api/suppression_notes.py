"""Sentences on the suppression of an alert when its event was evaluated, and on what was told later."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from router.alerts import Alert
from router.api.delivery_views import DeliveryView, delivery_text
from router.errors import ConditionError
from router.journal.silences import StoredSilence
from router.rules.model import Rule
from router.rules.state.suppress import MUTED, SILENCED
from router.rules.suppression.silences import Silence, silencing
from router.timestamps import utc_second

_LISTED: Final = 3


def suppression_notes(
    reason: str,
    rule: Rule,
    alert: Alert,
    content: dict[str, Any],
    silences: Sequence[Silence],
    at: float,
) -> Iterator[str]:
    """Yield what suppressed an alert, as far as it can still be told.

    Args:
        reason: The recorded reason.
        rule: Today's rule.
        alert: The alert as today's rule would raise it.
        content: Its event as Python values.
        silences: Those of the rules folder and of the journal.
        at: When it was evaluated, in Unix seconds.
    """
    if reason == MUTED:
        for feature in rule.features.muting:
            found = feature.suppression(at)
            if found is not None and found.ends:
                yield f"muted until {utc_second(found.ends)}"
    if reason == SILENCED:
        matching = list(silencing(alert, content, silences, at))
        for each in matching[:_LISTED]:
            until = "" if each.until_resolved else f", until {utc_second(each.ends)}"
            yield f"silence {each.id} by {each.text.author}: {each.text.comment}{until}"


def compiled_silences(stored: Iterable[StoredSilence]) -> Iterator[Silence]:
    """Yield the silences of the journal that this version can read."""
    for each in stored:
        try:
            yield each.compiled()
        except (ConditionError, ValueError):
            continue


def later_notes(deliveries: Iterable[DeliveryView]) -> Iterator[str]:
    """Yield what destinations were told of the same alert later, by another event or the time."""
    for each in deliveries:
        yield f"told later: {each.destination} {delivery_text(each)}, by event {each.event_id}"
