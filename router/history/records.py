"""The records of history, as readers get them: events with what came of them, and deliveries that ended.

``stored.py`` has their compact forms in Redis.
"""

import enum
from typing import Annotated

import msgspec

from router.alerts import AlertId, AlertKey, AlertStatus, Attempt, DeliveryId
from router.events.model import Event
from router.journal.ended_deliveries import DeliveryOutcome
from router.settings.choices import KeptBody


class EventOutcome(enum.StrEnum):
    """The result of an event. The values are stored: do not change them."""

    MATCHED = "matched"
    """A rule matched, and it notified, counted, waits, joined a group or ended something."""
    FILTERED = "filtered"
    """No rule matched."""
    SUPPRESSED = "suppressed"
    """Rules matched, and every alert was suppressed."""
    DUPLICATE = "duplicate"
    """It was accepted before, within the dedup window."""
    QUARANTINED = "quarantined"
    """It could not be evaluated."""


class MatchOutcome(enum.StrEnum):
    """The result of an event by one rule. The values are stored: do not change them."""

    NOTIFIED = "notified"
    """Deliveries were opened."""
    SUPPRESSED = "suppressed"
    """The alert was suppressed, for a reason."""
    COUNTED = "counted"
    """There was no alert yet: too few events, or figures on the right side of the threshold."""
    PENDING = "pending"
    """The alert's life has begun; it is told if it goes on."""
    EXPECTED = "expected"
    """There was no alert yet: another event still had time to arrive."""
    GROUPED = "grouped"
    """The alert waits in its group."""
    RESOLVED = "resolved"
    """It ended an alert of which destinations were told."""
    ENDED = "ended"
    """It ended something of which no destination was told."""
    NOTHING = "nothing"
    """It changed nothing."""


class EventMatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of an event by a rule that matched it, or of which it ended something."""

    rule: str
    outcome: MatchOutcome
    reason: str = ""
    """The reason for which it was suppressed or left out: ``muted``, ``cooldown``, ``late``."""
    destinations: tuple[str, ...] = ()
    """Those of which deliveries were opened."""
    key: AlertKey = AlertKey("")
    """The key of the alert; ``""`` if it stands alone."""
    is_match: bool = True
    """False if the rule's own condition did not match: the event ended something of the rule."""


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One event of history."""

    position: str
    """Its place in history, newer ones later: a cursor for pages."""
    reference: str
    """16 hexadecimal digits that stand for its source and id."""
    id: str
    source: str
    type: str
    subject: str = ""
    time: str = ""
    """RFC 3339 as the sender wrote it; ``""`` if the event has none."""
    key: str
    """As ``Event.key``."""
    received_at: float
    """Unix time in seconds."""
    finished_at: float
    """Unix time in seconds at which its evaluation was recorded."""
    outcome: EventOutcome
    reason: str = ""
    """The reason if it is in quarantine, else ``""``."""
    matches: tuple[EventMatch, ...] = ()
    generation: str
    """The generation of the rules that evaluated it."""
    kept: KeptBody
    is_masked: bool = False
    """Whether a value of the body was replaced by ``***``."""
    body: bytes
    """A CloudEvent in JSON, as far as it is kept."""

    @property
    def event(self) -> Event:
        """The event, as far as its body is kept."""
        return Event(
            self.id, self.source, self.type, self.time, self.key, self.received_at, self.body
        )


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that has ended."""

    position: str
    """As that of an event."""
    id: DeliveryId
    destination: str
    rule: str
    alert: AlertId
    key: AlertKey
    """The alert's own id if it stands alone."""
    status: AlertStatus
    event_id: str
    event: str
    """The reference of the event that raised the alert, as ``EventRecord.reference``."""
    outcome: DeliveryOutcome
    raised_at: float
    """Unix time in seconds at which the alert was raised."""
    ended_at: float
    """Unix time in seconds."""
    attempts: int
    """The number of the last attempt."""
    seconds: float
    """The duration of the last attempt."""
    http_status: int | None = None
    """The status of the last response, if the kind of destination has one."""
    failed_attempts: tuple[Attempt, ...] = ()
    replay_of: str = ""
    """The id of the original delivery; ``""`` unless this was a replay."""
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    """The events or alerts that it told of."""
    alerts: frozenset[str] = frozenset()
    """The first 16 hexadecimal digits of the ids of its alert and of those in its group."""
