"""``absent``: notify when an event came and another one did not."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec

from router.alerts import Alert
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.chain import Chain
from router.rules.state.decision import DecisionDraft
from router.rules.state.feature import (
    AlertFacts,
    ByText,
    Feature,
    by_text,
    check_span,
    digest,
    milliseconds,
    span_text,
)
from router.rules.state.step import (
    DAY_MS,
    ChainResult,
    ChainRun,
    Outcome,
    Place,
    Reason,
    Record,
    Step,
)
from router.rules.state.timer import AlertTimer, TimerContext

RULE_GONE: Final = Reason("rule_gone")
"""The rule, or its ``absent``, was removed while the alert waited."""

_KEY: Final = "absent"
_STATES: Final = "states"
"""The key of a rule's states; no digest of values is equal to it."""
WORDINGS_LIMIT: Final = 20
"""Wordings of a rule's ``absent`` whose events are found after it was changed."""
_KEPT_MS: Final = 30 * DAY_MS
"""How long an expectation is stored after its timer is due."""


class AbsentText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when an event of the rule came and another one did not."""

    event: Annotated[str, about("The type of the other event; a `*` may stand at its end.")]
    when: Annotated[str | None, about("A condition in CEL on the other event.")] = None
    for_: Annotated[Duration, about("How long the other event has time to arrive.")] = (
        msgspec.field(name="for")
    )
    by: ByText = ()

    def __post_init__(self) -> None:
        check_span("for", self.for_)


class _Expectation(Record):
    pending: str = ""
    """The event that waits."""
    arrived: str = ""
    """The other event, the last one that arrived."""
    arrived_at: int = 0


class _States(Record):
    """The states of a rule, one for each wording in which events wait."""

    expires: ClassVar[bool] = False

    until: dict[str, int] = msgspec.field(default_factory=dict)
    """State -> until when events may wait in it, in Unix ms."""

    def add(self, state: str, until: int) -> None:
        """Add a state, and drop the one that ends first if there are too many."""
        self.until[state] = max(until, self.until.get(state, 0))
        if len(self.until) > WORDINGS_LIMIT:
            del self.until[min(self.until, key=lambda old: (self.until[old], old))]


def _waiting_elsewhere(run: ChainRun, rule: str, place: Place) -> list[_Expectation]:
    """Return what waits for the same since before the rule was changed."""
    states = run.memory.find((rule, _STATES), _States)
    others = [
        run.memory.find((state, place[1]), _Expectation)
        for state, until in (states.until.items() if states is not None else ())
        if state != place[0] and until >= run.now
    ]
    return [other for other in others if other is not None and other.pending]


class Expect(Step, frozen=True, array_like=True):
    """Wait for the other event, unless it arrived within ``for_ms`` before. Always stops.

    An event that waits for the same since before the rule was changed goes on waiting instead.
    """

    state: str
    key: str
    event: str
    for_ms: int
    rule: str
    """As in ``rule_state``."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if not run.touch(place, self.for_ms + _KEPT_MS):
            return run.stop(Outcome.EXPECTED)
        record = run.memory.obtain(place, _Expectation)
        has_arrived = record.arrived not in {"", self.event}
        if has_arrived and run.now - record.arrived_at < self.for_ms:
            return run.stop(Outcome.ENDED)
        if record.pending or _waiting_elsewhere(run, self.rule, place):
            return run.stop(Outcome.EXPECTED)
        record.pending = self.event
        states = run.memory.obtain((self.rule, _STATES), _States)
        states.add(self.state, run.now + self.for_ms + _KEPT_MS)
        extra = (self.state.encode(), self.key.encode())
        return run.stop(Outcome.EXPECTED, first=True, extra=extra)


class Fulfil(Step, frozen=True, array_like=True):
    """Note that the other event arrived, for ``for_ms``, and cancel the timer. Always stops.

    Timers that were set before the rule was changed are cancelled too.
    """

    state: str
    key: str
    event: str
    for_ms: int
    rule: str
    """As in ``rule_state``."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        others = _waiting_elsewhere(run, self.rule, place)
        for other in others:
            other.pending = ""
        if not run.touch(place, self.for_ms):
            return run.stop(Outcome.ENDED if others else Outcome.NOTHING)
        record = run.memory.obtain(place, _Expectation)
        was_pending = bool(record.pending or others)
        record.pending, record.arrived, record.arrived_at = "", self.event, run.now
        return run.stop(Outcome.ENDED if was_pending else Outcome.NOTHING)


class CheckAbsent(Step, frozen=True, array_like=True):
    """Continue if what ``event`` waits for has not arrived."""

    state: str
    key: str
    event: str

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        record = run.memory.find(place, _Expectation)
        if record is None or record.pending != self.event:
            return run.stop(Outcome.ENDED)
        run.memory.drop(place)
        return False


def rule_state(rule: str) -> str:
    """Return the state that all wordings of a rule's ``absent`` share."""
    return f"{_KEY}-{digest((rule,))}"


class AbsenceTimer(AlertTimer, frozen=True, kw_only=True, array_like=True, tag="absence"):
    """Raises ``alert`` unless what it waits for has arrived."""

    feature = _KEY

    event: str
    """As in ``Expect``."""

    @property
    def fixed_id(self) -> str:
        return self.state + self.event  # as the step Fulfil builds it in Lua

    async def fire(self, context: TimerContext) -> None:
        # By its own state, because a change of the rule does not end what waits.
        check = CheckAbsent(self.state, self.key, self.event)
        if context.feature(AbsentFeature) is None:
            await self._drop(context, check)
            return
        alert = msgspec.structs.replace(self.alert, raised_at=context.now)
        await context.raise_alert(alert, check)

    async def _drop(self, context: TimerContext, check: Step) -> None:
        """End the expectation; the alert is suppressed unless the other event has arrived."""
        (result,) = await context.store.decide([Chain(f"{self.alert.id}-gone", (check,))])
        if result.outcome is Outcome.NOTIFY:
            context.draft.suppress(self.rule, RULE_GONE)
            context.draft.drop_timer(self)


class AbsentFeature(Feature, frozen=True, kw_only=True):
    """An event of the rule waits for another one; the timer raises the alert."""

    key = _KEY
    purpose = "Notify when an event came and another one did not."
    written = AbsentText
    delays = True
    excludes = ("count",)
    timer = AbsenceTimer
    ending = "ends_absence"
    identity_rank = 1
    is_last = True
    limits = {"wordings_limit": WORDINGS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class

    text: AbsentText

    @property
    def watched_events(self) -> tuple[str, ...]:
        return (self.text.event,)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        event, for_ms = digest((facts.event,)), milliseconds(self.text.for_)
        rule = rule_state(facts.alert.rule)
        yield Expect(*self.place(facts.content), event, for_ms, rule)

    def ending_step(self, facts: AlertFacts) -> Step:
        event, for_ms = digest((facts.event,)), milliseconds(self.text.for_)
        return Fulfil(*self.place(facts.content), event, for_ms, rule_state(facts.alert.rule))

    def conclude(
        self, draft: DecisionDraft, alert: Alert, steps: Sequence[Step], result: ChainResult
    ) -> None:
        if result.outcome is not Outcome.EXPECTED or not result.first:
            return
        for step in steps:
            if isinstance(step, Expect):
                state, key = result.place or (step.state, step.key)
                draft.set_timer(
                    AbsenceTimer(
                        due_at=draft.now + self.text.for_,
                        rule=alert.rule,
                        state=state,
                        key=key,
                        alert=alert,
                        event=step.event,
                    )
                )

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        span, by = span_text(self.text.for_), by_text(self.by, content)
        yield f"alerts unless {self.text.event} comes within {span}{by}"

    def describe_ending(self, content: dict[str, Any]) -> str:
        return f"the event that it waits for arrived{by_text(self.by, content)}"
