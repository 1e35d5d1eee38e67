"""``escalate``: notify further destinations of an alert that is neither acknowledged nor resolved."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from router.alerts import Alert, alert_id
from router.cel import Condition
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.chain import Chain
from router.rules.state.decision import DecisionDraft
from router.rules.state.feature import (
    AlertFacts,
    By,
    Feature,
    StateId,
    check_span,
    digest,
    milliseconds,
    span_text,
)
from router.rules.state.keyed_alert import find_alert, names_text
from router.rules.state.step import DAY_MS, ChainResult, ChainRun, Outcome, Place, Record, Step
from router.rules.state.timer import AlertTimer, TimerContext
from router.rules.suppression.suppressions import Suppression

LEVELS_LIMIT: Final = 10
_OPEN_MS: Final = 3_600_000
"""How long an alert that nothing resolves is open after its last level."""

_KEY: Final = "escalate"
_ASK_AGAIN: Final = 30.0
"""Seconds after which a level that is suppressed is tried again, if no end is known."""
_KEPT_MS: Final = 7 * DAY_MS
"""How long an escalation is stored after its last level."""


class EscalateText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Further destinations of an alert that is neither acknowledged nor resolved."""

    after: Annotated[Duration, about("How long after the previous level, or the alert.")]
    send_to: Annotated[tuple[str, ...], about("Names of destinations.", min_length=1)]

    def __post_init__(self) -> None:
        check_span("after", self.after)


class _Escalation(Record):
    run: str
    since: int
    """Unix ms."""
    over: bool = False


class StartEscalation(Step, frozen=True, array_like=True):
    """Begin to escalate, unless an escalation of this key is under way. Never stops.

    A look that reminds, or notifies one more destination, begins none.
    """

    state: str
    key: str
    alert_key: str
    escalation: str
    for_ms: int

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if run.opened is not None and run.opened.is_told:
            return False
        record = run.memory.find(place, _Escalation)
        is_on = record is not None and not record.over
        if record is not None and run.memory.is_acknowledged(self.alert_key, record.since):
            is_on = False
        if not is_on and run.touch(place, self.for_ms):
            run.memory.put(place, _Escalation(self.escalation, run.now))
            run.escalates = True
        return False


class ContinueEscalation(Step, frozen=True, array_like=True):
    """Continue if the escalation is under way and no operator acknowledged the alert.

    ``send_to`` are notified now of the keyed alert. ``last`` ends the escalation.
    """

    state: str
    key: str
    alert_key: str
    escalation: str
    last: bool
    send_to: tuple[str, ...]
    older: Place | None = None
    """The place at which a version before keyed alerts has stored the alert."""

    def run(self, run: ChainRun) -> bool:
        record = _under_way(run, (self.state, self.key), self.escalation)
        if record is None:
            return run.stop(Outcome.NOTHING)
        is_acknowledged = run.memory.is_acknowledged(self.alert_key, record.since)
        record.over = self.last or is_acknowledged
        if is_acknowledged:
            return run.stop(Outcome.NOTHING)
        alert = find_alert(run.memory, self.alert_key)
        if alert is not None and alert.is_open(run.now) and self.send_to:
            alert.tell(self.send_to, run.now)
            alert.note(run.now, "escalated", names_text(self.send_to))
            alert.version += 1
        return False


class CheckEscalation(Step, frozen=True, array_like=True):
    """Continue if the escalation is under way and no operator acknowledged the alert."""

    state: str
    key: str
    alert_key: str
    escalation: str

    def run(self, run: ChainRun) -> bool:
        record = _under_way(run, (self.state, self.key), self.escalation)
        if record is None or run.memory.is_acknowledged(self.alert_key, record.since):
            return run.stop(Outcome.NOTHING)
        return False


def _under_way(run: ChainRun, place: Place, escalation: str) -> _Escalation | None:
    record = run.memory.find(place, _Escalation)
    return record if record is not None and record.run == escalation and not record.over else None


class EscalationTimer(AlertTimer, frozen=True, kw_only=True, array_like=True, tag="escalation"):
    """Notifies further destinations of ``alert``, unless it was acknowledged or resolved."""

    feature = _KEY

    run: str
    """As in ``StartEscalation.escalation``."""
    level: int
    """From 1."""
    levels: tuple[tuple[float, tuple[str, ...]], ...]
    """This level and those that follow: seconds after the previous one, and destinations."""

    async def fire(self, context: TimerContext) -> None:
        is_gone = context.feature(EscalateFeature) is None
        is_poison = self.alert.id in context.poison
        last = is_gone or is_poison or len(self.levels) == 1
        alert = msgspec.structs.replace(
            self.alert, id=alert_id(self.run, f"level {self.level}"), escalation=self.level
        )
        send_to: tuple[str, ...] = ()
        if not (is_poison or is_gone):
            (suppression,) = await context.suppressions([alert])
            if suppression is not None:
                await self._postpone(context, suppression)
                return
            send_to = self.levels[0][1]
        step = ContinueEscalation(
            self.state,
            self.key,
            self.alert.key,
            self.run,
            last,
            send_to,
            context.older_place(self.alert) if send_to else None,
        )
        (result,) = await context.store.decide([Chain(f"{self.run}-level-{self.level}", (step,))])
        if result.outcome is not Outcome.NOTIFY:
            return
        if is_gone:
            context.draft.drop_timer(self)
            return
        if is_poison:
            context.draft.quarantine(self.alert)
            return
        context.draft.notify_again(alert, send_to, result.number)
        if not last:
            context.draft.set_timer(
                msgspec.structs.replace(
                    self,
                    due_at=context.now + self.levels[1][0],
                    level=self.level + 1,
                    levels=self.levels[1:],
                )
            )

    async def _postpone(self, context: TimerContext, suppression: Suppression) -> None:
        """Fire again when the suppression ends, unless the escalation is over."""
        step = CheckEscalation(self.state, self.key, self.alert.key, self.run)
        (result,) = await context.store.decide([Chain(f"{self.run}-waits-{self.level}", (step,))])
        if result.outcome is Outcome.NOTIFY:
            until = context.now + _ASK_AGAIN
            if context.now < suppression.ends < until:
                until = suppression.ends
            context.draft.set_timer(msgspec.structs.replace(self, due_at=until))


class EscalateFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts escalate until they are acknowledged or resolved."""

    key = _KEY
    purpose = "Further destinations of an alert that is neither acknowledged nor resolved."
    written = EscalateText
    items_limit = LEVELS_LIMIT
    timer = EscalationTimer
    in_shadow = False

    text: tuple[EscalateText, ...]

    @property
    def lasts_ms(self) -> int:
        return sum(milliseconds(level.after) for level in self.text) + _OPEN_MS

    @classmethod
    def configure(cls, rule: str, text: Any, by: By, condition: Condition | None) -> Feature:
        levels = text if isinstance(text, tuple) else (text,)
        state = StateId(f"{_KEY}-{digest((rule,))}")
        return cls(text=levels, by=by, state=state, condition=condition)

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(name for level in self.text for name in level.send_to)

    def binds(self, alert: Alert) -> Place | None:
        return self.state, digest((alert.key,))

    def follow_ups(self, facts: AlertFacts) -> Iterator[Step]:
        lasts = sum(milliseconds(level.after) for level in self.text) + _KEPT_MS
        key = digest((facts.alert.key,))
        yield StartEscalation(self.state, key, facts.alert.key, facts.alert.id, lasts)

    def conclude(
        self,
        draft: DecisionDraft,
        alert: Alert,
        steps: Sequence[Step],  # noqa: ARG002 - the base class's signature
        result: ChainResult,
    ) -> None:
        if not result.escalates:
            return
        levels = tuple((float(level.after), level.send_to) for level in self.text)
        draft.set_timer(
            EscalationTimer(
                due_at=draft.now + levels[0][0],
                rule=alert.rule,
                state=self.state,
                key=digest((alert.key,)),
                alert=alert,
                run=alert.id,
                level=1,
                levels=levels,
            )
        )

    def describe(self, content: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - the base class's signature
        previous = "the notification"
        for level in self.text:
            names = ", ".join(level.send_to)
            yield f"escalates to {names} {span_text(level.after)} after {previous}"
            previous = "the previous level"
