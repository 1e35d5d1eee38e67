"""``absent``: notify when an event came and another one did not."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from router.alerts import Alert
from router.events.model import Event
from router.rules.state.absent_text import AbsentText
from router.rules.state.chain import Chain, Store, StoredAlert, decode_alert, encode_alert
from router.rules.state.decision import DecisionDraft
from router.rules.state.expectation import (
    ROWS,
    STATES,
    WORDINGS_LIMIT,
    AwaitedRecord,
    Rows,
    States,
    due_at,
    is_pending,
    rule_state,
    settle,
    waiting_elsewhere,
)
from router.rules.state.feature import AlertFacts, Feature, by_text, digest, milliseconds, span_text
from router.rules.state.measured import EXPECTED
from router.rules.state.step import (
    DAY_MS,
    ChainResult,
    ChainRun,
    Memory,
    Outcome,
    Place,
    Step,
)
from router.rules.state.table_rows import ExpectedRows
from router.rules.state.timer import RULE_GONE, AlertTimer, Timer, TimerContext, TimerDraft
from router.rules.state.window import LATE

_KEY: Final = "absent"
_KEPT_MS: Final = 30 * DAY_MS
"""How long an expectation is stored after its timer is due."""
_DROPPED_AT_ONCE: Final = 100
_PAGE: Final = 500
"""Rows that one timer begins to wait for."""
_FOREIGN_PAUSE: Final = 5.0
_FOREIGN_LIMIT: Final = 600.0
"""Seconds for which a set of rows waits for a worker that has loaded it."""


class Expect(Step, frozen=True, array_like=True):
    """Wait for the other event, unless it happened more than ``tolerance_ms`` later. Always stops.

    An event that waits for the same, also since before the rule was changed, goes on waiting instead.
    """

    state: str
    key: str
    event: str
    at: int
    for_ms: int
    tolerance_ms: int
    rule: str
    """As in ``rule_state``."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        known = run.memory.find(place, AwaitedRecord)
        if (
            known is not None
            and known.answered_until > run.now
            and known.answered > self.at + self.tolerance_ms
        ):
            return run.stop(Outcome.ENDED)
        is_own = known is not None and bool(known.pending)
        places = [place] if is_own else waiting_elsewhere(run, self.rule, place)
        lasts = self.for_ms + _KEPT_MS
        if not run.touch(places[0] if places else place, lasts):
            return run.stop(Outcome.EXPECTED)
        if places:
            self._wait_behind(run, run.memory.obtain(places[0], AwaitedRecord))
            return run.stop(Outcome.EXPECTED)
        record = run.memory.obtain(place, AwaitedRecord)
        record.clear()
        record.pending, record.pending_at = self.event, self.at
        states = run.memory.obtain((self.rule, STATES), States)
        states.add(self.state, run.now + lasts)
        extra = (self.state.encode(), self.key.encode())
        return run.stop(Outcome.EXPECTED, first=True, extra=extra)

    def standing(self, memory: Memory) -> tuple[str, ...]:
        record = memory.find((self.state, self.key), AwaitedRecord)
        if record is None or not record.pending:
            return ()
        return EXPECTED, str(self.for_ms), str(record.pending_at)

    def _wait_behind(self, run: ChainRun, record: AwaitedRecord) -> None:
        if self.at > (record.last_at if record.last else record.pending_at):
            record.last, record.last_at, record.last_alert = self.event, self.at, run.alert


class Fulfil(Step, frozen=True, array_like=True):
    """Note that the other event happened, for ``for_ms``, and cancel the timer. Always stops.

    What happened more than ``tolerance_ms`` later goes on waiting: the other event is too late for it.
    Timers that were set before the rule was changed are cancelled too.
    """

    state: str
    key: str
    event: str
    at: int
    for_ms: int
    tolerance_ms: int
    rule: str
    """As in ``rule_state``."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        own = [place] if is_pending(run, place) else []
        extra: tuple[bytes, ...] = ()
        is_ended = is_late = False
        for each in (*own, *waiting_elsewhere(run, self.rule, place)):
            record = run.memory.obtain(each, AwaitedRecord)
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
                settle(run, each)
            is_ended = True
        self._note(run, place)
        if is_ended:
            return run.stop(Outcome.ENDED, first=bool(extra), extra=extra)
        return run.stop(Outcome.NOTHING, reason=LATE if is_late else None)

    def _note(self, run: ChainRun, place: Place) -> None:
        if not run.touch(place, self.for_ms):
            return
        record = run.memory.obtain(place, AwaitedRecord)
        is_known = record.answered_until > run.now
        record.answered = max(record.answered, self.at) if is_known else self.at
        record.answered_until = run.now + self.for_ms
        if not record.pending:
            settle(run, place)

    def _is_before(self, at: int) -> bool:
        return self.at < at - self.tolerance_ms


class ExpectRow(Expect, frozen=True, array_like=True):
    """Wait for the event of a row that was not expected so far. Always stops.

    ``at`` is when the set of rows was loaded, which is noted for each row of it.
    """

    def run(self, run: ChainRun) -> bool:
        rows = run.memory.obtain((self.state, ROWS), Rows)
        known = rows.at.get(self.key)
        rows.at[self.key] = max(self.at, known or 0)
        if known is not None:
            return run.stop(Outcome.NOTHING)
        return super().run(run)


class DropRows(Step, frozen=True, array_like=True):
    """Cancel the timers of some rows that a later set does not have. Always stops.

    Its result is ``first`` if more may be left. The set is loaded when none is.
    """

    state: str
    key: str
    """Always ROWS."""
    digest: str
    """The digest of the set of rows."""
    at: int
    """When it was loaded, in Unix ms."""

    def run(self, run: ChainRun) -> bool:
        rows = run.memory.obtain((self.state, self.key), Rows)
        old = sorted((at, key) for key, at in rows.at.items() if at < self.at)[:_DROPPED_AT_ONCE]
        for _, key in old:
            del rows.at[key]
            settle(run, (self.state, key))
        if len(old) == _DROPPED_AT_ONCE:
            return run.stop(Outcome.ENDED, first=True)
        rows.latest = self.digest
        return run.stop(Outcome.ENDED)


class CheckAbsent(Step, frozen=True, array_like=True):
    """Continue if what ``event`` waits for has not arrived."""

    state: str
    key: str
    event: str

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        record = run.memory.find(place, AwaitedRecord)
        if record is None or record.pending != self.event:
            return run.stop(Outcome.ENDED)
        settle(run, place)
        return False


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


class ExpectedTimer(Timer, frozen=True, kw_only=True, array_like=True, tag="expected.2"):
    """Begins to wait for the rows of a table, a page at a time, and forgets those that are gone.

    Its ``key`` is the digest of the set of rows.
    """

    feature = _KEY

    since: float
    """When a worker loaded the set, in Unix seconds."""
    page: int = 0
    tries: int = 0
    """How often a worker with another set of rows put it back."""

    @property
    def fixed_id(self) -> str:
        return f"{self.state}-rows-{self.key}-{self.page}-{self.tries}"

    async def alerts(self, store: Store) -> list[Alert]:  # noqa: ARG002 - the base class's signature
        return []

    async def fire(self, context: TimerContext) -> None:
        feature = context.feature(AbsentFeature)
        rows = feature.rows if feature is not None and feature.state == self.state else None
        if feature is None or rows is None or rows.digest != self.key:
            if context.now - self.since < _FOREIGN_LIMIT:
                later = {"due_at": context.now + _FOREIGN_PAUSE, "tries": self.tries + 1}
                context.draft.set_timer(msgspec.structs.replace(self, **later))
            return
        page = rows.keys[self.page * _PAGE : (self.page + 1) * _PAGE]
        if page:
            events = (rows.event(key, self.rule, self.since) for key in page)
            await self._expect(context, feature, events)
        else:
            step = DropRows(self.state, ROWS, self.key, round(self.since * 1000))
            (result,) = await context.store.decide([Chain(f"{self.fixed_id}-drop", (step,))])
            if not result.first:
                return
        following = {"due_at": context.now, "page": self.page + 1}
        context.draft.set_timer(msgspec.structs.replace(self, **following))

    async def _expect(
        self, context: TimerContext, feature: "AbsentFeature", events: Iterable[Event]
    ) -> None:
        chains, alerts = [], []
        for event in events:
            alert, content = context.alert_of(event)
            step = feature.expect_row(alert, content, event.key, context.tolerance_ms)
            stored = encode_alert(StoredAlert(alert, ()))
            chains.append(Chain(f"{alert.id}-row", (step,), stored))
            alerts.append(alert)
        results = await context.store.decide(chains)
        for alert, chain, result in zip(alerts, chains, results, strict=True):
            if result.overflowed:
                context.draft.overflow(self.rule)
            feature.set_timers(context.draft, context.now, alert, chain.steps, result)


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
    later = ("expected",)
    expects = "expected"
    further_timers = (ExpectedTimer,)

    text: AbsentText
    rows: ExpectedRows | None = None

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
        self.set_timers(draft, draft.now, alert, steps, result)

    def set_timers(
        self,
        draft: TimerDraft,
        now: float,
        alert: Alert,
        steps: Sequence[Step],
        result: ChainResult,
    ) -> None:
        """Set the timer of an event that begins to wait."""
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
                due_at=due_at(waits, self.text.for_, now, step.tolerance_ms / 1000),
                rule=alert.rule,
                state=place[0],
                key=place[1],
                alert=waits,
                event=event,
            )
            draft.set_timer(timer)

    def expect_row(
        self, alert: Alert, content: dict[str, Any], event: str, tolerance_ms: int
    ) -> ExpectRow:
        """Return the step of a row, of which ``alert`` would be raised."""
        at, for_ms = round(alert.event_received_at * 1000), milliseconds(self.text.for_)
        place = self.place(content)
        return ExpectRow(*place, digest((event,)), at, for_ms, tolerance_ms, rule_state(alert.rule))

    def loading(self, rule: str, now: float) -> ExpectedTimer | None:
        if self.rows is None:
            return None
        return ExpectedTimer(
            due_at=now, rule=rule, state=self.state, key=self.rows.digest, since=now
        )

    def _facts(self, facts: AlertFacts) -> tuple[str, str, str, int, int, int, str]:
        event, for_ms = digest((facts.event,)), milliseconds(self.text.for_)
        rule = rule_state(facts.alert.rule)
        return (*self.place(facts.content), event, facts.at, for_ms, facts.tolerance_ms, rule)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        span, by = span_text(self.text.for_), by_text(self.by, content)
        yield f"alerts unless {self.text.event} comes within {span}{by}"
        if self.rows is not None:
            is_expected = self.rows.has(content)
            known = "expects it" if is_expected else "has no row of it"
            yield f"{self.text.expected} {known}"

    def describe_ending(self, content: dict[str, Any]) -> str:
        return f"the event that it waits for arrived{by_text(self.by, content)}"
