"""Keyed alerts as the API, the commands and the page of an alert show them (pure).

Texts of events and rules are plain text here: each reader escapes them for its place.
"""

import enum
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.alerts import Alert
from router.api.views import Time
from router.destinations.rendering.summary import decode, facts, rfc3339, summary
from router.destinations.rendering.templates import TemplateTarget
from router.events.masks import NO_MASKS, Masks
from router.journal.acknowledgements import Acknowledgement
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, UnreadableAlert
from router.journal.lanes import ToldMessage
from router.rules.state.keyed_alert import RESOLVED, LogEntry, ToldStatus
from router.timestamps import utc_minute

OptionalTime = Annotated[str, Meta(description="RFC 3339, UTC; empty for none.")]


class KeyedState(enum.StrEnum):
    """A word for what is true of a keyed alert. Several may be."""

    PENDING = "pending"
    FIRING = "firing"
    SUPPRESSED = "suppressed"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    UNREADABLE = "unreadable"


OPEN: Final = frozenset({KeyedState.PENDING, KeyedState.FIRING, KeyedState.UNREADABLE})
"""The states of alerts that are not over."""
_TELLING: Final = frozenset({"notified", "reminded", "escalated"})
"""Changes whose detail is the names of destinations."""
_BY_OPERATORS: Final = frozenset({"acknowledged", "unacknowledged", "resolved"})
"""Changes whose detail is the operator who made them."""


class AcknowledgementView(msgspec.Struct, frozen=True):
    """The operator who takes care of an alert."""

    by: str
    at: Time


class SuppressionView(msgspec.Struct, frozen=True):
    """Why an alert is not told at the moment."""

    reason: Annotated[str, Meta(description="Such as muted, silenced, inhibited, cooldown.")]
    until: Annotated[str, Meta(description="When the reason ends; empty if that is not known.")]
    dropped: Annotated[bool, Meta(description="Whether it is not told when the reason ends.")]


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """One keyed alert in a list."""

    key: str
    rule: str = ""
    severity: str = ""
    status: Annotated[str, Meta(description="pending, firing, resolved or unreadable.")]
    expired: Annotated[
        bool, Meta(description="Whether it is resolved because no further event came.")
    ] = False
    since: Annotated[
        str, Meta(description="When its first event happened: RFC 3339, UTC; empty if unknown.")
    ] = ""
    changed_at: Time
    resolved_at: OptionalTime = ""
    count: Annotated[int, Meta(description="Events since then.")] = 0
    summary: Annotated[str, Meta(description="Plain text; not escaped for HTML.")] = ""
    labels: dict[str, str] = {}
    acknowledged: AcknowledgementView | None = None
    suppressed: SuppressionView | None = None
    held_back: Annotated[
        int, Meta(description="Notifications that were suppressed since the last one.")
    ] = 0
    problem: Annotated[str, Meta(description="Why the record cannot be read, else empty.")] = ""


class FactView(msgspec.Struct, frozen=True):
    """A labelled fact about the latest event."""

    label: str
    value: str


class ToldView(msgspec.Struct, frozen=True, kw_only=True):
    """The last notification of one destination."""

    destination: str
    status: Annotated[str, Meta(description="What was decided to tell it last; empty if unknown.")]
    at: OptionalTime
    count: Annotated[int, Meta(description="Events until then.")]
    received: Annotated[str, Meta(description="The status that it has received last, else empty.")]
    received_at: OptionalTime


class ChangeView(msgspec.Struct, frozen=True):
    """One change of an alert."""

    at: Time
    change: str
    detail: Annotated[str, Meta(description="A reason, destinations, or who did it.")]


class AlertDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One keyed alert with its history, and what each destination was told."""

    alert: AlertView
    description: str
    facts: tuple[FactView, ...]
    told: tuple[ToldView, ...]
    log: Annotated[tuple[ChangeView, ...], Meta(description="The last changes, oldest first.")]
    silences: Annotated[
        tuple[str, ...], Meta(description="Ids of the operators' silences that match it now.")
    ]
    held_because: Annotated[
        tuple[str, ...], Meta(description="Why notifications since the last one were suppressed.")
    ]
    reminders: int
    pending_until: OptionalTime
    resolving_at: OptionalTime
    remind_at: OptionalTime
    ends_at: Annotated[str, Meta(description="When it ends if no further event comes.")]


def states_of(found: FoundAlert, now: float) -> frozenset[KeyedState]:
    """Return all that is true of an alert, at ``now`` in Unix seconds."""
    if isinstance(found, UnreadableAlert):
        return frozenset({KeyedState.UNREADABLE})
    status = found.status(now)
    states = {KeyedState(status)}
    if status == RESOLVED:
        return frozenset(states)
    if found.record.why:
        states.add(KeyedState.SUPPRESSED)
    if found.is_acknowledged:
        states.add(KeyedState.ACKNOWLEDGED)
    return frozenset(states)


def summary_text(alert: Alert) -> str:
    """Return an alert's first line as plain text."""
    return summary(alert, TemplateTarget.TEXT).text


def _masked(alert: Alert, masks: Masks) -> Alert:
    return (
        msgspec.structs.replace(alert, event=masks.applied_to(alert.event)[0]) if masks else alert
    )


def alert_view(found: FoundAlert, now: float, masks: Masks = NO_MASKS) -> AlertView:
    """Return an alert as a list shows it, at ``now`` in Unix seconds, its summary from masked fields."""
    changed_at = rfc3339(found.changed_at)
    if isinstance(found, UnreadableAlert):
        return AlertView(
            key=found.key,
            status=KeyedState.UNREADABLE,
            changed_at=changed_at,
            problem=found.reason,
        )
    record, alert = found.record, found.alert
    status = found.status(now)
    ended = record.until if found.is_expired(now) else record.resolved_at
    return AlertView(
        key=found.key,
        rule=alert.rule,
        severity=alert.severity,
        status=status,
        expired=found.is_expired(now),
        since=_time(record.since),
        changed_at=changed_at,
        resolved_at=_time(ended) if status == RESOLVED else "",
        count=record.count,
        summary=summary_text(_masked(alert, masks)),
        labels=alert.labels,
        acknowledged=_acknowledged(found.acknowledgement) if found.is_acknowledged else None,
        suppressed=(
            SuppressionView(record.why, _time(record.ends), record.is_dropped)
            if record.why and status != RESOLVED
            else None
        ),
        held_back=record.held,
    )


def alert_details(
    found: KeyedAlert,
    received: Mapping[str, ToldMessage],
    silences: tuple[str, ...],
    now: float,
    masks: Masks = NO_MASKS,
) -> AlertDetails:
    """Return an alert as it is shown alone.

    Args:
        found: The alert.
        received: What each destination has received last.
        silences: The ids of the silences that match it.
        now: Unix time in seconds.
        masks: The fields of the event that are not shown.
    """
    record, alert = found.record, _masked(found.alert, masks)
    is_open = found.status(now) != RESOLVED
    names = sorted({*record.told, *received})
    return AlertDetails(
        alert=alert_view(found, now, masks),
        description=found.alert.description,
        facts=tuple(FactView(fact.label, fact.value) for fact in facts(alert, decode(alert))),
        told=tuple(_told(name, record.told.get(name), received.get(name)) for name in names),
        log=tuple(map(_change, record.log)),
        silences=silences,
        held_because=tuple(record.held_because),
        reminders=record.reminders,
        pending_until=_time(record.pending_until) if is_open else "",
        resolving_at=_time(record.resolving_at) if is_open else "",
        remind_at=_time(record.remind_at) if is_open and not found.is_acknowledged else "",
        ends_at=_time(record.until) if is_open else "",
    )


def state_text(view: AlertView) -> str:
    """Return the state of an alert for a reader: ``firing, suppressed: muted until 06:00``."""
    parts = [view.status]
    if view.expired:
        parts = [f"{view.status}: no further event"]
    if view.suppressed is not None:
        until = f" until {utc_minute(view.suppressed.until)}" if view.suppressed.until else ""
        parts.append(f"suppressed: {view.suppressed.reason}{until}")
    if view.acknowledged is not None:
        parts.append(f"acknowledged by {view.acknowledged.by}")
    return ", ".join(parts)


def detail_text(entry: ChangeView) -> str:
    """Return what a change is about for a reader: ``noc-mail, pager`` or ``by ann``."""
    if entry.change in _TELLING:
        return ", ".join(entry.detail.split())
    return f"by {entry.detail}" if entry.detail and entry.change in _BY_OPERATORS else entry.detail


def _time(unix_ms: int) -> str:
    return rfc3339(unix_ms / 1000) if unix_ms else ""


def _acknowledged(found: Acknowledgement | None) -> AcknowledgementView | None:
    return None if found is None else AcknowledgementView(found.by, rfc3339(found.at))


def _told(name: str, decided: ToldStatus | None, received: ToldMessage | None) -> ToldView:
    return ToldView(
        destination=name,
        status="" if decided is None else decided.status,
        at="" if decided is None else _time(decided.at),
        count=0 if decided is None else decided.count,
        received="" if received is None else received.status,
        received_at="" if received is None else rfc3339(received.at),
    )


def _change(entry: LogEntry) -> ChangeView:
    return ChangeView(rfc3339(entry.at / 1000), entry.change, entry.detail)
