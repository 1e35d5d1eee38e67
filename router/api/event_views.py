"""Events of history, with their results, as the API, the commands and the console show them (pure).

Texts of events and rules are plain text here: each reader escapes them for its place.
"""

import enum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from router.api.delivery_views import DeliveryView
from router.api.views import Time
from router.destinations.rendering.summary import rfc3339
from router.events.json_text import UNDECODABLE, decode_json
from router.history.records import EventMatch, EventRecord, MatchOutcome
from router.settings.choices import KeptBody


class MatchView(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded result of an event by one rule."""

    rule: str
    outcome: Annotated[
        str,
        Meta(
            description=(
                "notified, suppressed, counted, pending, expected, grouped, resolved, ended or nothing."
            )
        ),
    ]
    reason: Annotated[
        str, Meta(description="Why it was suppressed or left out, such as muted or cooldown.")
    ] = ""
    destinations: Annotated[
        tuple[str, ...], Meta(description="Those of which deliveries were opened.")
    ] = ()
    key: Annotated[str, Meta(description="Key of the alert; empty if it stands alone.")] = ""
    is_match: Annotated[
        bool, Meta(description="False if the event ended something of the rule, without a match.")
    ] = True
    text: Annotated[str, Meta(description="The same as a sentence without an end.")]


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One event in a list."""

    reference: Annotated[str, Meta(description="16 hexadecimal digits for its source and id.")]
    position: Annotated[str, Meta(description="Place in history: a cursor for pages.")]
    id: str
    source: str
    type: str
    subject: str
    time: Annotated[str, Meta(description="As the sender wrote it; empty for none.")]
    received_at: Time
    finished_at: Annotated[
        str, Meta(description="When its evaluation was recorded: RFC 3339, UTC.")
    ]
    outcome: Annotated[
        str, Meta(description="matched, filtered, suppressed, duplicate or quarantined.")
    ]
    reason: Annotated[str, Meta(description="Why it is in quarantine, else empty.")]
    rules: Annotated[tuple[str, ...], Meta(description="Names of the rules that matched it.")]
    matches: Annotated[
        tuple[MatchView, ...],
        Meta(description="The rules that matched, or of which it ended something."),
    ]
    generation: Annotated[str, Meta(description="Generation of the rules that evaluated it.")]
    kept: Annotated[
        str, Meta(description="How much of the body history has: full, fields or none.")
    ]
    is_masked: Annotated[bool, Meta(description="Whether values of the body are masked.")]


class EventState(enum.StrEnum):
    """The state of an event."""

    EVALUATED = "evaluated"
    """History has the result."""
    WAITING = "waiting"
    """It is accepted, and no worker has evaluated it yet."""
    QUARANTINED = "quarantined"
    """It could not be decoded or evaluated."""


class RuleVerdict(enum.StrEnum):
    """The verdict of one of today's rules on an event."""

    MATCHED = "matched"
    NOT_MATCHED = "did not match"
    ERROR = "evaluation failed"
    UNKNOWN = "cannot be judged"
    """Its condition reads what history has not kept, or only masked."""
    ENDED = "ended something"
    """The event is none of the rule's own, and ended something of it."""
    GONE = "rule removed"
    """History has a result, and today's rules have no such rule for this type."""


class PartResult(enum.StrEnum):
    """The value of a part of a condition."""

    TRUE = "true"
    FALSE = "false"
    NOTHING = "nothing"
    """Neither true nor false, because a field is missing or of another type."""
    UNKNOWN = "unknown"
    """It reads what history has not kept, or only masked."""


class ConditionPartView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a condition; all parts must be true for a match."""

    text: Annotated[str, Meta(description="Its text in CEL.")]
    result: PartResult
    values: Annotated[
        str, Meta(description="The fields that it read, with their values; empty for none.")
    ]
    decides: Annotated[bool, Meta(description="Whether it is the reason why there is no match.")]


class RuleOutcomeView(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an event by one rule, and why there was no more."""

    rule: str
    verdict: RuleVerdict
    text: Annotated[str, Meta(description="A sentence on what came of it, or why nothing did.")]
    is_shadow: Annotated[bool, Meta(description="Whether the rule notifies no destination.")] = (
        False
    )
    severity: str = ""
    condition: Annotated[str, Meta(description="Its condition in CEL; empty without one.")] = ""
    parts: Annotated[
        tuple[ConditionPartView, ...], Meta(description="The parts that must all be true.")
    ] = ()
    recorded: MatchView | None = None
    """The result when the event was evaluated; null if the rule did not match then."""
    differs: Annotated[
        bool, Meta(description="Whether today's rule judges otherwise than what was recorded.")
    ] = False
    alert: Annotated[str, Meta(description="Id of the alert; empty without a match.")] = ""
    deliveries: tuple[DeliveryView, ...] = ()
    notes: Annotated[
        tuple[str, ...], Meta(description="Sentences on the state of the rule and its alert now.")
    ] = ()


class EventDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One event, its results, and why there were no more."""

    state: EventState
    summary: Annotated[str, Meta(description="A sentence on what came of it.")]
    event: EventView
    body: Annotated[
        Any, Meta(description="The CloudEvent as far as it is kept; a string if it is not JSON.")
    ]
    rules: Annotated[
        tuple[RuleOutcomeView, ...],
        Meta(description="The rules of its type and those with a recorded result, matched first."),
    ] = ()
    other_rules: Annotated[int, Meta(description="How many rules are for other types.")] = 0
    endings: Annotated[
        tuple[str, ...], Meta(description="Sentences on what the event ends by today's rules.")
    ] = ()
    generation: Annotated[
        str, Meta(description="Generation of today's rules; empty if this process has none.")
    ] = ""
    rules_changed: Annotated[
        bool, Meta(description="Whether the rules have changed since it was evaluated.")
    ] = False
    quarantine_id: Annotated[
        str, Meta(description="Id in quarantine; empty if it is not there.")
    ] = ""
    notes: Annotated[
        tuple[str, ...], Meta(description="Sentences on what limits this explanation.")
    ] = ()


REASONS: Final = {
    "muted": "a mute time of the rule",
    "silenced": "a silence",
    "inhibited": "another alert inhibits it",
    "cooldown": "within the cooldown of its key",
    "shadow": "the rule is in shadow mode",
    "first_of": "another rule of its list tells of it",
    "resolved": "it was resolved already",
    "rule_gone": "its rule was removed",
    "poison": "it ended processes that tried to send it",
    "late": "it came too late for the window of its key",
    "no_value": "it has no value that the rule can count or measure",
    "learning": "the rule still learns which values are usual",
}
"""Reasons of suppression, and of events that are left out, as sentences."""
_OUTCOMES: Final = {
    MatchOutcome.SUPPRESSED: "suppressed",
    MatchOutcome.COUNTED: "counted, no alert yet",
    MatchOutcome.PENDING: "pending: destinations are told if it goes on",
    MatchOutcome.EXPECTED: "waits for the event that should follow",
    MatchOutcome.GROUPED: "waits in its group",
    MatchOutcome.RESOLVED: "resolved an alert",
    MatchOutcome.ENDED: "ended what waited, of which no destination was told",
    MatchOutcome.NOTHING: "changed nothing",
}


def event_view(record: EventRecord) -> EventView:
    """Return an event as a list shows it."""
    return EventView(
        reference=record.reference,
        position=record.position,
        id=record.id,
        source=record.source,
        type=record.type,
        subject=record.subject,
        time=record.time,
        received_at=rfc3339(record.received_at),
        finished_at=rfc3339(record.finished_at),
        outcome=record.outcome,
        reason=record.reason,
        rules=tuple(match.rule for match in record.matches if match.is_match),
        matches=tuple(map(match_view, record.matches)),
        generation=record.generation,
        kept=record.kept,
        is_masked=record.is_masked,
    )


def match_view(match: EventMatch) -> MatchView:
    """Return the recorded result of one rule."""
    return MatchView(
        rule=match.rule,
        outcome=match.outcome,
        reason=match.reason,
        destinations=match.destinations,
        key=match.key,
        is_match=match.is_match,
        text=match_text(match),
    )


def match_text(match: EventMatch) -> str:
    """Return a sentence without an end: ``suppressed: a mute time of the rule``."""
    if match.outcome is MatchOutcome.NOTIFIED:
        none = "notified no destination: no route took it, or none was on duty"
        return f"notified {', '.join(match.destinations)}" if match.destinations else none
    text = _OUTCOMES[match.outcome]
    if not match.reason:
        return text
    reason = REASONS.get(match.reason, match.reason)
    if match.outcome is MatchOutcome.SUPPRESSED:
        return f"{text}: {reason}"
    return f"left out: {reason}" if match.reason in REASONS else f"{text}: {reason}"


def body_view(body: bytes) -> Any:
    """Return a body as JSON values; as text if it is not JSON."""
    try:
        return decode_json(body)
    except UNDECODABLE:
        return body.decode("utf-8", "replace")


def body_note(record: EventRecord) -> str:
    """Return a sentence on what of the body is missing; ``""`` if nothing is."""
    parts = []
    if record.kept is KeptBody.NONE:
        parts.append("history keeps no bodies (ROUTER_HISTORY_BODIES=none)")
    if record.kept is KeptBody.FIELDS:
        parts.append("history keeps the fields that rules read (ROUTER_HISTORY_BODIES=fields)")
    if record.is_masked:
        parts.append("fields of the body are masked (ROUTER_MASKED_FIELDS)")
    return "; ".join(parts)
