"""The books: counters in Redis, changed in the same transactions as what they count.

For events:     accepted = duplicate + filtered + suppressed + matched + quarantined + pending
For alerts:      alerts  = told + held (by reason) + waiting
Per destination: opened  = delivered + dead + discarded + pending

so at any moment anybody can check that nothing has disappeared. A ``suppressed`` event raised
alerts that were all held back; a ``matched`` one did anything else for a rule: somebody is told, or
it is counted, waited for or grouped. ``pending`` events wait in a batch, pending deliveries in a
set. An event that a timer quarantines leaves ``matched`` for it. ``dead`` are those in the dead letters now: a replay makes them pending again. Outside the sums:
``malformed`` (such a thing was never an event), ``replayed`` and ``discarded`` of quarantine (what is
replayed is accepted anew), ``replayed`` of a destination.

An alert is there once a ``count`` is reached and an ``absent`` is overdue, not before; ``waiting``
ones are in a group that is not told yet. Resolved messages and escalations are about alerts that
were told, and no alerts of their own.
"""

from typing import Final

import msgspec

from router.journal import keys
from router.journal.connection import Connection

ACCEPTED: Final = "accepted"
MALFORMED: Final = "malformed"
DUPLICATE: Final = "duplicate"
FILTERED: Final = "filtered"
SUPPRESSED: Final = "suppressed"
MATCHED: Final = "matched"
QUARANTINED: Final = "quarantined"
QUARANTINE_REPLAYED: Final = "quarantine_replayed"
QUARANTINE_DISCARDED: Final = "quarantine_discarded"
ALERTS: Final = "alerts"
NOTIFIED: Final = "told"


def suppressed_alert(reason: str) -> str:
    return f"held:{reason}"


def opened(destination: str) -> str:
    return f"opened:{destination}"


def delivered(destination: str) -> str:
    return f"delivered:{destination}"


def dead(destination: str) -> str:
    return f"dead:{destination}"


def replayed(destination: str) -> str:
    return f"replayed:{destination}"


def discarded(destination: str) -> str:
    return f"discarded:{destination}"


class DestinationLedger(msgspec.Struct, frozen=True):
    opened: int = 0
    delivered: int = 0
    dead: int = 0
    discarded: int = 0
    replayed: int = 0
    """How often dead letters were replayed."""

    @property
    def pending(self) -> int:
        return self.opened - self.delivered - self.dead - self.discarded


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
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
    notified: int = msgspec.field(default=0, name="told")
    suppressed_alerts: dict[str, int] = msgspec.field(default_factory=dict, name="held")
    """Alerts held back, by reason."""
    destinations: dict[str, DestinationLedger] = {}

    @property
    def pending(self) -> int:
        """Events that wait to be evaluated."""
        judged = self.duplicate + self.filtered + self.suppressed + self.matched
        return self.accepted - judged - self.quarantined

    @property
    def waiting(self) -> int:
        """Alerts that wait in a group."""
        return self.alerts - self.notified - sum(self.suppressed_alerts.values())


async def read(connection: Connection) -> Ledger:
    """One consistent look at the books. Raises JournalUnavailableError."""
    raw: dict[bytes, bytes] = await connection.ask(connection.redis.hgetall(keys.LEDGER))
    events: dict[str, int] = {}
    suppressed_alerts: dict[str, int] = {}
    destinations: dict[str, dict[str, int]] = {}
    for field, count in raw.items():
        name, _, destination = field.decode().partition(":")
        if name == "held":
            suppressed_alerts[destination] = int(count)
        elif destination:
            destinations.setdefault(destination, {})[name] = int(count)
        else:
            events[name] = int(count)
    return msgspec.convert(
        {**events, "held": suppressed_alerts, "destinations": destinations}, Ledger
    )
