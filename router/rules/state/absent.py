"""``absent``: notify when an event came and another one did not."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec

from router.alerts import Alert
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.chain import Chain, decode_alert
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
from router.rules.state.window import LATE

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
    """The event that waits for a key. Times are Unix ms of events; ``answered_until`` is a worker's."""

    pending: str = ""
    """The event that waits. Its timer is set."""
    pending_at: int = 0
    last: str = ""
    """The last one of its key that came while another waited. It waits alone if only that one is
    answered."""
    last_at: int = 0
    last_alert: bytes = b""
    answered: int = 0
    """When the other event happened, the last one."""
    answered_until: int = 0
    """How long that is known."""

    def clear(self) -> None:
        """Let nothing wait."""
        self.pending, self.pending_at = "", 0
        self.last, self.last_at, self.last_alert = "", 0, b""


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


def _waiting_elsewhere(run: ChainRun, rule: str, place: Place) -> list[Place]:
    """Return where something waits for the same since before the rule was changed."""
    states = run.memory.find((rule, _STATES), _States)
    others = (
        [
            (state, place[1])
            for state, until in sorted(states.until.items(), key=lambda each: (each[1], each[0]))
            if state != place[0] and until >= run.now
        ]
        if states is not None
        else []
    )
    return [other for other in others if _is_pending(run, other)]


def _is_pending(run: ChainRun, place: Place) -> bool:
    record = run.memory.find(place, _Expectation)
    return record is not None and bool(record.pending)


def _settle(run: ChainRun, place: Place) -> None:
    """Let nothing wait at a place. What is stored there ends with the answer, if there is one."""
    record = run.memory.obtain(place, _Expectation)
    record.clear()
    if record.answered_until > run.now:
        run.memory.expire(place, record.answered_until)
    else:
        run.memory.drop(place)


class Expect(Step, frozen=True, array_like=True):
    """Wait for the other event, unless it happened more than ``tolerance`` ms later. Always stops.

    An event that waits for the same, also since before the rule was changed, goes on waiting instead.
    """

    state: str
    key: str
    event: str
    at: int
    for_ms: int
    tolerance: int
    rule: str
    """As in ``rule_state``."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        known = run.memory.find(place, _Expectation)
        if (
            known is not None
            and known.answered_until > run.now
            and known.answered > self.at + self.tolerance
        ):
            return run.stop(Outcome.ENDED)
        is_own = known is not None and bool(known.pending)
        places = [place] if is_own else _waiting_elsewhere(run, self.rule, place)
        lasts = self.for_ms + _KEPT_MS
        if not run.touch(places[0] if places else place, lasts):
            return run.stop(Outcome.EXPECTED)
        if places:
            self._wait_behind(run, run.memory.obtain(places[0], _Expectation))
            return run.stop(Outcome.EXPECTED)
        record = run.memory.obtain(place, _Expectation)
        record.clear()
        record.pending, record.pending_at = self.event, self.at
        states = run.memory.obtain((self.rule, _STATES), _States)
        states.add(self.state, run.now + lasts)
        extra = (self.state.encode(), self.key.encode())
        return run.stop(Outcome.EXPECTED, first=True, extra=extra)

    def _wait_behind(self, run: ChainRun, record: _Expectation) -> None:
        if self.at > (record.last_at if record.last else record.pending_at):
            record.last, record.last_at, record.last_alert = self.event, self.at, run.alert


class Fulfil(Step, frozen=True, array_like=True):
    """Note that the other event happened, for ``for_ms``, and cancel the timer. Always stops.

    What happened more than ``tolerance`` ms later goes on waiting: the other event is too late for it. Timers that were set before the
    rule was changed are cancelled too.
    """

    state: str
    key: str
    event: str
    at: int
    for_ms: int
    tolerance: int
    rule: str
    """As in ``rule_state``."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        own = [place] if _is_pending(run, place) else []
        extra: tuple[bytes, ...] = ()
        is_ended = is_late = False
        for each in (*own, *_waiting_elsewhere(run, self.rule, place)):
            record = run.memory.obtain(each, _Expectation)
            if self._is_before(record.pending_at):
                is_late = True
                continue
            if record.last and self._is_before(record.last_at):
                if extra:
                    continue
                extra = tuple(text.encode() for text in (*each, record.last))
                extra = (*extra, record.last_alert)
                pending, pending_at = record.last, record.last_at
                record.clear()
                record.pending, record.pending_at = pending, pending_at
            else:
                _settle(run, each)
            is_ended = True
        self._note(run, place)
        if is_ended:
            return run.stop(Outcome.ENDED, first=bool(extra), extra=extra)
        return run.stop(Outcome.NOTHING, reason=LATE if is_late else None)

    def _note(self, run: ChainRun, place: Place) -> None:
        if not run.touch(place, self.for_ms):
            return
        record = run.memory.obtain(place, _Expectation)
        is_known = record.answered_until > run.now
        record.answered = max(record.answered, self.at) if is_known else self.at
        record.answered_until = run.now + self.for_ms
        if not record.pending:
            _settle(run, place)

    def _is_before(self, at: int) -> bool:
        return self.at < at - self.tolerance


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
        _settle(run, place)
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
    keeps_alert = True
    ending = "ends_absence"
    identity_rank = 1
    is_last = True
    limits = {"wordings_limit": WORDINGS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class

    text: AbsentText

    @property
    def watched_events(self) -> tuple[str, ...]:
        return (self.text.event,)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        yield Expect(*self._facts(facts))

    def ending_step(self, facts: AlertFacts) -> Step:
        return Fulfil(*self._facts(facts))

    def conclude(
        self, draft: DecisionDraft, alert: Alert, steps: Sequence[Step], result: ChainResult
    ) -> None:
        if result.outcome is Outcome.NOTHING and result.reason == LATE:
            draft.leave_out(alert.rule, LATE)
        for step in steps if result.first else ():
            if isinstance(step, Expect):
                place = result.place or (step.state, step.key)
                event, waits = step.event, alert
            elif isinstance(step, Fulfil):
                state, key, event = (text.decode() for text in result.extra[:3])
                place, waits = (state, key), decode_alert(result.extra[3]).alert
            else:
                continue
            timer = AbsenceTimer(
                due_at=self._due_at(waits, draft.now, step.tolerance / 1000),
                rule=alert.rule,
                state=place[0],
                key=place[1],
                alert=waits,
                event=event,
            )
            draft.set_timer(timer)

    def _due_at(self, alert: Alert, now: float, tolerance: float) -> float:
        """Return when an absence is judged: ``for`` after its event arrived.

        It has no part of the clock of the sender, which may be off by hours. An event that is evaluated
        late, because there was a backlog, does not wait ``for`` once more, but at least ``tolerance``.
        """
        arrived = min(alert.event_received_at, now)
        return max(arrived + self.text.for_, now + min(tolerance, self.text.for_))

    def _facts(self, facts: AlertFacts) -> tuple[str, str, str, int, int, int, str]:
        event, for_ms = digest((facts.event,)), milliseconds(self.text.for_)
        rule = rule_state(facts.alert.rule)
        return (*self.place(facts.content), event, facts.at, for_ms, facts.tolerance, rule)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        span, by = span_text(self.text.for_), by_text(self.by, content)
        yield f"alerts unless {self.text.event} comes within {span}{by}"

    def describe_ending(self, content: dict[str, Any]) -> str:
        return f"the event that it waits for arrived{by_text(self.by, content)}"
