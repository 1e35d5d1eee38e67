"""Timers: what a feature defers to a later moment.

A timer is a record in the journal and needs no other record when it is due, so rules may change in
the meantime.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol, TypeVar

import msgspec

from router.alerts import Alert, AlertId
from router.events.model import Event
from router.rules.state.chain import Store
from router.rules.state.step import Place, Reason, Step
from router.rules.suppression.suppressions import Suppression

POISON: Final = Reason("poison")
"""Three processes ended while they worked on the alert; its event goes to quarantine."""
RULE_GONE: Final = Reason("rule_gone")
"""The rule, or its feature, was removed while the alert waited."""

F = TypeVar("F")


class TimerDraft(Protocol):
    """The part of a ``DecisionDraft`` that timers use; declared here so that imports go down."""

    def notify(
        self,
        alert: Alert,
        send_to: tuple[str, ...],
        *,
        new: int = 1,
        notified: int = 1,
        number: int = 0,
    ) -> None:
        """Notify of an alert."""
        ...

    def notify_again(self, alert: Alert, send_to: tuple[str, ...], number: int = 0) -> None:
        """Notify of an alert that was notified of before."""
        ...

    def suppress(self, rule: str, reason: Reason, *, new: int = 1) -> None:
        """Suppress an alert."""
        ...

    def quarantine(self, alert: Alert) -> None:
        """Put the alert's event into quarantine."""
        ...

    def set_timer(self, timer: "Timer") -> None:
        """Set a timer."""
        ...

    def overflow(self, rule: str) -> None:
        """Note that the rule's state had no room for an alert."""
        ...

    def drop_timer(self, timer: "Timer") -> None:
        """Count a timer that does nothing because its rule or feature was removed."""
        ...


class TimerContext(Protocol):
    """The state that a timer reads and writes when it is due, by the rules that are active now."""

    now: float
    """Unix time in seconds."""
    poison: frozenset[AlertId]
    """Alerts that ended three processes: they are not evaluated again."""
    store: Store

    @property
    def draft(self) -> TimerDraft:
        """The decision that is being made."""
        ...

    def feature(self, kind: type[F]) -> F | None:
        """Return this feature of the timer's rule; None if the rule, or the feature, is gone."""
        ...

    @property
    def tolerance_ms(self) -> int:
        """By how much the clocks of senders may differ."""
        ...

    def alert_of(self, event: Event) -> tuple[Alert, dict[str, Any]]:
        """Return the alert that the rule raises of an event, and the event as Python values."""
        ...

    async def raise_alert(self, alert: Alert, check: Step) -> None:
        """Raise an alert, if ``check`` does not stop it, to the features after the timer's own.

        Raises as ``store`` does.
        """
        ...

    async def follow_up(self, message: Alert, send_to: tuple[str, ...]) -> None:
        """Do what the rule's features do after the message of a group was sent.

        Raises as ``store`` does.
        """
        ...

    async def suppressions(self, alerts: Sequence[Alert]) -> list[Suppression | None]:
        """Return why each alert is suppressed now, by inhibitions, silences, mute times or as poison.

        Raises as ``store`` does.
        """
        ...

    def is_keyed(self, alert: Alert) -> bool:
        """Return whether the alert's rule has keyed alerts."""
        ...

    def older_place(self, alert: Alert) -> Place | None:
        """Return where a version before keyed alerts has stored the alert; None if it cannot be resolved."""
        ...

    async def judge(self, alerts: Mapping[str, Alert]) -> None:
        """Compare what is true of keyed alerts with what destinations were told, and notify.

        Raises as ``store`` does.
        """
        ...

    async def resolve(self, alert: Alert, by: str) -> None:
        """Resolve a keyed alert, because an operator says so. Raises as ``store`` does."""
        ...

    def summary(self, alert: Alert) -> str:
        """Return the alert's first line, rendered as plain text."""
        ...


class Timer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Base of all timers. Stored in the journal: fields are added at the end only."""

    feature: ClassVar[str] = ""
    """The rule's key that sets it."""

    due_at: float
    """Unix time in seconds."""
    rule: str
    state: str
    key: str

    @property
    def fixed_id(self) -> str:
        """The id, if a step must find the timer by its state; else ``""`` for any id."""
        return ""

    async def alerts(self, store: Store) -> list[Alert]:
        """Return the alerts that ``fire`` will evaluate. Raises as ``store`` does."""
        raise NotImplementedError

    async def fire(self, context: TimerContext) -> None:
        """Add to the draft what results from the timer. Raises as the context's store does."""
        raise NotImplementedError


class AlertTimer(Timer, frozen=True, kw_only=True, array_like=True):
    """Base of the timers of one alert."""

    alert: Alert

    async def alerts(self, store: Store) -> list[Alert]:  # noqa: ARG002 - the base class's signature
        return [self.alert]
