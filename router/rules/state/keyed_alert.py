"""Keyed alerts: a rule and the values of its ``by``, with what is true of them and what was told of it.

A keyed alert is ``pending``, ``firing`` or ``resolved``. Beside that it may be acknowledged, and be
suppressed for a reason. It is one record, which ``keyed_alert.lua`` writes too: a msgpack map, in which
a field with its default is missing. The alert that a notification is rendered from is stored beside it.
"""

from typing import ClassVar, Final, NewType

import msgspec

from router.rules.state.step import Record

PENDING: Final = "pending"
FIRING: Final = "firing"
RESOLVED: Final = "resolved"

KEYED_ALERTS: Final = "alert"
"""The state of all keyed alerts; the key of a place is the alert's key."""

LOG_LIMIT: Final = 20
"""Changes that a keyed alert records; the oldest are dropped."""

Change = NewType("Change", str)
"""A kind of change: ``opened``, ``pending``, ``notified``, ``suppressed``, ``reminded``, ``acknowledged``,
``unacknowledged``, ``resolved`` or ``expired``."""


class LogEntry(msgspec.Struct, frozen=True, array_like=True):
    """One change of a keyed alert."""

    at: int
    """Unix ms."""
    change: Change
    detail: str = ""
    """A reason, destinations, or who did it."""


class ToldStatus(msgspec.Struct, array_like=True):
    """The last notification of a destination."""

    status: str
    """``firing`` or ``resolved``."""
    at: int
    """Unix ms at which the notification was decided."""
    count: int = 1
    """The events so far."""
    by: str = "-"
    """The decider: ``-`` for a chain, or the timer of a group, which may retract it."""


class AlertRecord(Record):
    """A keyed alert. Times are Unix ms; 0 stands for none."""

    expires: ClassVar[bool] = False

    form: int = 1
    """The version of this form."""
    version: int = 0
    """Raised by each change."""
    status: str = FIRING
    since: int = 0
    """When the first event of this life happened, by its own time."""
    at: int = 0
    """When the last one happened."""
    changed: int = 0
    """When the status, the reason or what was told changed last, by the workers' clock."""
    until: int = 0
    """When it is over if no further event comes."""
    resolved_at: int = 0
    count: int = 0
    """Events of this life."""
    held: int = 0
    """Notifications that were suppressed since the last one."""
    held_because: list[str] = msgspec.field(default_factory=list)
    """Their reasons, each once."""
    why: str = ""
    """The reason for which it is suppressed now."""
    ends: int = 0
    """When that reason ends, as far as it is known."""
    is_dropped: bool = False
    """True if what was suppressed is not to be told when the reason ends."""
    pending_until: int = 0
    resolving_at: int = 0
    """When it is resolved, unless an event of the rule comes before."""
    remind_at: int = 0
    reminders: int = 0
    told: dict[str, ToldStatus] = msgspec.field(default_factory=dict)
    """By the name of the destination."""
    waiting: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """The groups in which it waits, ``<place> <number>``, and the destinations of each."""
    log: list[LogEntry] = msgspec.field(default_factory=list)
    """The last changes, oldest first."""
