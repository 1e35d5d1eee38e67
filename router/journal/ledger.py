"""The ledger: counters in Redis, changed in the same transactions as the records that they count.

    events:            accepted = duplicate + filtered + suppressed + matched + quarantined + pending
    alerts:            alerts   = notified + suppressed_alerts (all reasons) + waiting
    each destination:  opened   = delivered + dead + discarded + quarantined + superseded + pending

The sums hold at any moment, so that an operator can check that nothing was lost.

- A ``suppressed`` event raised alerts that were all suppressed. A ``matched`` event did anything
  else for a rule: a destination is notified, or the event is counted, awaited or grouped.
- ``pending`` events are in a batch, pending deliveries in a set or a lane, ``waiting`` alerts in a group.
- An event that a timer quarantines moves from ``matched`` to ``quarantined``.
- ``dead`` are the dead letters that exist now: a replay makes them pending again.
- ``discarded`` are dead letters and waiting deliveries that an operator has dropped.
- ``quarantined`` of a destination are deliveries whose record could not be decoded.
- An event that is accepted again after the dedup window has the same delivery ids. If the earlier
  delivery waits in the same set or is a dead letter, the later record replaces it: one of the two
  is ``superseded``. So is a delivery that a later one of its alert key makes obsolete (``lanes.py``);
  ``overtaken`` are those of them whose receiver had the later one.
- An alert exists once a ``count`` is reached or an ``absent`` is overdue, not before. Resolved
  messages and escalations are about alerts that exist; they are not alerts themselves.

Outside the sums: ``timers_dropped`` (absences and escalations whose rule or feature was removed;
such an absence is a suppressed alert too), ``malformed`` (input that never was an event),
``quarantine_replayed`` (accepted again as a new event), ``quarantine_discarded`` and a destination's
``replayed`` and ``overtaken``.

In Redis the fields ``notified`` and ``suppressed_alerts`` are called ``told`` and ``held:<reason>``.
They keep these names, because processes of several versions count together during an upgrade.
"""

from typing import Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection
from router.journal.unreadable import report, text_of

DUPLICATE: Final = "duplicate"
FILTERED: Final = "filtered"
SUPPRESSED: Final = "suppressed"
MATCHED: Final = "matched"
QUARANTINED: Final = "quarantined"
QUARANTINE_REPLAYED: Final = "quarantine_replayed"
QUARANTINE_DISCARDED: Final = "quarantine_discarded"
ALERTS: Final = "alerts"
NOTIFIED: Final = "told"
TIMERS_DROPPED: Final = "timers_dropped"
_SUPPRESSED_ALERTS: Final = "held"


def suppressed_alert(reason: str) -> str:
    """Return the field that counts the alerts suppressed for a reason."""
    return f"{_SUPPRESSED_ALERTS}:{reason}"


def opened(destination: str) -> str:
    """Return the field that counts the deliveries opened for a destination."""
    return f"opened:{destination}"


def delivered(destination: str) -> str:
    """Return the field that counts the deliveries made to a destination."""
    return f"delivered:{destination}"


def dead(destination: str) -> str:
    """Return the field that counts the dead letters that a destination has now."""
    return f"dead:{destination}"


def replayed(destination: str) -> str:
    """Return the field that counts the replays of a destination's dead letters."""
    return f"replayed:{destination}"


def discarded(destination: str) -> str:
    """Return the field that counts what an operator has discarded of a destination."""
    return f"discarded:{destination}"


def undecodable(destination: str) -> str:
    """Return the field that counts a destination's deliveries that went to quarantine."""
    return f"quarantined:{destination}"


def superseded(destination: str) -> str:
    """Return the field that counts a destination's records that a later one has replaced."""
    return f"superseded:{destination}"


def overtaken(destination: str) -> str:
    """Return the field that counts the superseded deliveries whose receiver was told something later."""
    return f"overtaken:{destination}"


class DestinationLedger(msgspec.Struct, frozen=True):
    """The counters of a destination; see the module."""

    opened: int = 0
    delivered: int = 0
    dead: int = 0
    discarded: int = 0
    quarantined: int = 0
    replayed: int = 0
    superseded: int = 0
    overtaken: int = 0
    """Counted in ``superseded`` too."""

    @property
    def pending(self) -> int:
        """Deliveries that are in a set, or wait in a lane."""
        ended = self.delivered + self.dead + self.discarded + self.quarantined
        return self.opened - ended - self.superseded


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """All counters; see the module."""

    accepted: int = 0
    malformed: int = 0
    duplicate: int = 0
    filtered: int = 0
    suppressed: int = 0
    matched: int = 0
    quarantined: int = 0
    quarantine_replayed: int = 0
    quarantine_discarded: int = 0
    alerts: int = 0
    notified: int = msgspec.field(default=0, name=NOTIFIED)
    suppressed_alerts: dict[str, int] = msgspec.field(default_factory=dict, name=_SUPPRESSED_ALERTS)
    """Suppressed alerts, by reason."""
    timers_dropped: int = 0
    destinations: dict[str, DestinationLedger] = {}

    @property
    def pending(self) -> int:
        """Events that are in a batch."""
        evaluated = self.duplicate + self.filtered + self.suppressed + self.matched
        return self.accepted - evaluated - self.quarantined

    @property
    def waiting(self) -> int:
        """Alerts that are in a group."""
        return self.alerts - self.notified - sum(self.suppressed_alerts.values())


async def read(connection: Connection) -> Ledger:
    """Return all counters at one moment. Raises JournalUnavailableError."""
    raw: dict[bytes, bytes] = await connection.ask(connection.redis.hgetall(keys.LEDGER))
    counters: dict[str, int] = {}
    suppressed_alerts: dict[str, int] = {}
    destinations: dict[str, dict[str, int]] = {}
    for field, text in raw.items():
        count = _count(field, text)
        if count is None:
            continue
        name, _, rest = field.decode().partition(":")
        if name == _SUPPRESSED_ALERTS:
            suppressed_alerts[rest] = count
        elif rest and name in DestinationLedger.__struct_fields__:
            destinations.setdefault(rest, {})[name] = count
        elif not rest:
            counters[name] = count
    return msgspec.convert(
        {**counters, _SUPPRESSED_ALERTS: suppressed_alerts, "destinations": destinations}, Ledger
    )


def _count(field: bytes, text: bytes) -> int | None:
    """Return the count of a field; None, with a report, if it is not one."""
    try:
        field.decode()
        return int(text)
    except ValueError:  # a UnicodeDecodeError is one too
        report("ledger", text_of(field), f"not a counter: {text_of(text[:100])}")
        return None
