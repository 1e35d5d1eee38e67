"""The results of events and timers: notifications, suppressed alerts, timers. Pure."""

from collections import Counter
from typing import Final

import msgspec

from router.alerts import Alert, AlertStatus
from router.rules.state.step import Reason
from router.rules.state.timer import Timer


class Notification(msgspec.Struct, frozen=True):
    """An alert that is to be delivered to these destinations."""

    alert: Alert
    send_to: tuple[str, ...]
    number: int = 0
    """The number of the chain by which the alert arose; 0 without one."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The result of events or of a timer. Each event is in exactly one of the first three."""

    filtered: int = 0
    """Events that no rule matches."""
    suppressed: int = 0
    """Events that rules match, and of which every alert was suppressed."""
    matched: int = 0
    """All other events: they notify, count, wait, join a group or end something."""
    alerts: int = 0
    """Alerts that exist since now, notified or not."""
    notified: int = 0
    """Alerts of which destinations are notified, each member of a group counted."""
    suppressed_alerts: tuple[tuple[str, Reason], ...] = ()
    """The rule and the reason of each alert that is suppressed."""
    overflowed: tuple[str, ...] = ()
    """Rules whose state had no room, once for each alert that was affected."""
    unremembered: tuple[str, ...] = ()
    """Rules of alerts that are told without a keyed alert, because there are too many of them."""
    left_out: tuple[tuple[str, Reason], ...] = ()
    """The rule and the reason of each event that a rule did not measure."""
    notifications: tuple[Notification, ...] = ()
    timers: tuple[Timer, ...] = ()
    dropped_timers: tuple[Timer, ...] = ()
    """Timers that did nothing because their rule or feature was removed."""
    quarantined: tuple[Alert, ...] = ()
    """Alerts whose events go to quarantine; those events are counted as matched."""


class DecisionDraft:
    """A decision that is being made.

    Args:
        now: Unix time in seconds.
        firing_only: Names of the destinations that get no messages of resolved alerts.
    """

    def __init__(self, now: float, firing_only: frozenset[str] = frozenset()) -> None:
        self.now: Final = now
        self._firing_only = firing_only
        self._events: Counter[str] = Counter()
        self._alerts = 0
        self._notified = 0
        self._suppressed: list[tuple[str, Reason]] = []
        self._overflowed: list[str] = []
        self._unremembered: list[str] = []
        self._left_out: list[tuple[str, Reason]] = []
        self._notifications: list[Notification] = []
        self._timers: list[Timer] = []
        self._dropped: list[Timer] = []
        self._quarantined: list[Alert] = []

    @property
    def suppressed_so_far(self) -> int:
        """How many alerts are suppressed."""
        return len(self._suppressed)

    def count_event(self, outcome: str) -> None:
        """Count an event as ``filtered``, ``suppressed`` or ``matched``."""
        self._events[outcome] += 1

    def notify(
        self,
        alert: Alert,
        send_to: tuple[str, ...],
        *,
        new: int = 1,
        notified: int = 1,
        number: int = 0,
    ) -> None:
        """Notify of an alert.

        Args:
            alert: It represents ``notified`` alerts, of which ``new`` are not counted yet.
            send_to: Names of destinations.
            new: How many of the alerts are not in the ledger yet.
            notified: How many alerts ``alert`` represents.
            number: That of the chain by which it arose.
        """
        self._alerts += new
        self._notified += notified
        self.notify_again(alert, send_to, number)

    def notify_again(self, alert: Alert, send_to: tuple[str, ...], number: int = 0) -> None:
        """Notify of an alert that was notified of before: it is resolved, or it escalates."""
        if self._firing_only and alert.status is AlertStatus.RESOLVED:
            send_to = tuple(name for name in send_to if name not in self._firing_only)
        if send_to:
            self._notifications.append(Notification(alert, send_to, number))

    def suppress(self, rule: str, reason: Reason, *, new: int = 1) -> None:
        """Suppress an alert; ``new`` is 0 if the alert is counted already."""
        self._alerts += new
        self._suppressed.append((rule, reason))

    def wait(self) -> None:
        """Count an alert that waits."""
        self._alerts += 1

    def overflow(self, rule: str) -> None:
        """Note that the rule's state had no room for an alert."""
        self._overflowed.append(rule)

    def forget(self, rule: str) -> None:
        """Note that an alert of the rule is told without a keyed alert, because there are too many."""
        self._unremembered.append(rule)

    def leave_out(self, rule: str, reason: Reason) -> None:
        """Note that the rule did not measure an event."""
        self._left_out.append((rule, reason))

    def quarantine(self, alert: Alert) -> None:
        """Put the alert's event into quarantine."""
        self._quarantined.append(alert)

    def set_timer(self, timer: Timer) -> None:
        """Set a timer."""
        self._timers.append(timer)

    def drop_timer(self, timer: Timer) -> None:
        """Count a timer that does nothing because its rule or feature was removed."""
        self._dropped.append(timer)

    def decision(self) -> Decision:
        """Return the decision as it is now."""
        return Decision(
            filtered=self._events["filtered"],
            suppressed=self._events["suppressed"],
            matched=self._events["matched"],
            alerts=self._alerts,
            notified=self._notified,
            suppressed_alerts=tuple(self._suppressed),
            overflowed=tuple(self._overflowed),
            unremembered=tuple(self._unremembered),
            left_out=tuple(self._left_out),
            notifications=tuple(self._notifications),
            timers=tuple(self._timers),
            dropped_timers=tuple(self._dropped),
            quarantined=tuple(self._quarantined),
        )
