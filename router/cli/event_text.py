"""An event for the terminal: what came of it, and why there was no more, on one screen."""

from collections.abc import Iterator, Sequence
from typing import Final

from router.api.delivery_views import delivery_text
from router.api.event_views import (
    ConditionPartView,
    EventDetails,
    EventView,
    PartResult,
    RuleOutcomeView,
    RuleVerdict,
)
from router.quantities import counted

_NEAR_MISSES: Final = 6
"""Rules that did not match which are shown with the parts of their conditions."""
_MISSED: Final = frozenset({RuleVerdict.NOT_MATCHED, RuleVerdict.ERROR})
_PART_WIDTH: Final = 60
_INDENT: Final = "  "


def event_row(view: EventView) -> str:
    """Return an event as a line of a list."""
    rules = ", ".join(view.rules)
    return (
        f"{_second(view.finished_at)}  {view.outcome:<11}  {view.reference}  {view.type}  {view.id}"
        + (f"  {rules}" if rules else "")
    )


EVENT_HEADINGS: Final = (
    f"{'EVALUATED':<20}  {'OUTCOME':<11}  {'REFERENCE':<16}  TYPE  ID  RULES THAT MATCHED"
)


def event_lines(details: EventDetails, *, all_rules: bool = False) -> Iterator[str]:
    """Yield the lines of an event.

    Args:
        details: The event.
        all_rules: Whether each rule is shown with its parts, not only those nearest to a match.
    """
    event = details.event
    yield f"{event.id}  {event.type or 'of no known type'}"
    subject = f", subject {event.subject}" if event.subject else ""
    yield f"{_INDENT}source {event.source}{subject}"
    yield f"{_INDENT}received {_second(event.received_at)}, reference {event.reference}"
    yield f"{_INDENT}{details.summary}"
    if details.quarantine_id:
        yield f"{_INDENT}router quarantine show {details.quarantine_id}"
    shown, hidden = _chosen(details.rules, all_rules=all_rules)
    for view in shown:
        yield ""
        yield from _rule_lines(view)
    yield ""
    if hidden:
        names = ", ".join(map(_name, hidden[:10]))
        more = ", …" if len(hidden) > 10 else ""
        yield f"{counted(len(hidden), 'further rule')} did not match: {names}{more} (--all-rules)"
    for line in details.endings:
        yield f"by today's rules it ends: {line}"
    if details.generation:
        is_one = details.other_rules == 1
        yield f"{details.other_rules} {'rule is' if is_one else 'rules are'} for other event types"
    for note in details.notes:
        yield f"note: {note}"


def _name(view: RuleOutcomeView) -> str:
    """Return the name of a rule that is not shown in full."""
    is_error = view.verdict is RuleVerdict.ERROR
    return f"{view.rule} (evaluation failed)" if is_error else view.rule


def _rule_lines(view: RuleOutcomeView) -> Iterator[str]:
    shadow = " (shadow)" if view.is_shadow else ""
    has_parts = bool(view.parts) and not view.recorded
    said = (
        view.verdict.value if has_parts and view.verdict is RuleVerdict.NOT_MATCHED else view.text
    )
    alert = f"  alert {view.alert}" if view.alert else ""
    yield f"{view.rule}{shadow}  {said}{alert}"
    for part in view.parts if has_parts or view.differs else ():
        yield f"{_INDENT}{_part_line(part)}"
    for delivery in view.deliveries:
        yield f"{_INDENT}→ {delivery.destination}  {delivery_text(delivery)}  {delivery.id}"
    for note in view.notes:
        yield f"{_INDENT}{note}"


def _part_line(part: ConditionPartView) -> str:
    mark = "*" if part.decides else " "
    values = f": {part.values}" if part.values else ""
    return f"{mark} {part.text:<{_PART_WIDTH}}  is {part.result}{values}"


def _chosen(
    views: Sequence[RuleOutcomeView], *, all_rules: bool
) -> tuple[list[RuleOutcomeView], list[RuleOutcomeView]]:
    """Return the rules to show in full, and the others."""
    missed = [view for view in views if view.verdict in _MISSED and not view.recorded]
    near = {id(view) for view in sorted(missed, key=_distance)[:_NEAR_MISSES]}
    hidden = [] if all_rules else [view for view in missed if id(view) not in near]
    hidden_ids = set(map(id, hidden))
    return [view for view in views if id(view) not in hidden_ids], hidden


def _distance(view: RuleOutcomeView) -> tuple[int, int]:
    """Return how far a rule is from a match: its parts that are not true, then those that are."""
    wrong = sum(part.result is not PartResult.TRUE for part in view.parts)
    return wrong, wrong - len(view.parts)


def _second(time: str) -> str:
    return f"{time[:10]} {time[11:19]}Z" if time else ""
