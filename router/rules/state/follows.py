"""``follows``: notify when an event of the rule follows other ones."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from router.alerts import Alert
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.chain import decode_alert
from router.rules.state.decision import DecisionDraft
from router.rules.state.feature import (
    AlertFacts,
    ByText,
    Feature,
    by_text,
    check_span,
    digest,
    has_all_values,
    milliseconds,
    span_text,
)
from router.rules.state.measured import FOLLOWS, restored
from router.rules.state.step import ChainResult, ChainRun, Memory, Outcome, Record, Step
from router.rules.state.timer import RULE_GONE, AlertTimer, TimerContext
from router.rules.state.window import LATE, NO_VALUE

AT_LEAST_LIMIT: Final = 100
FIRSTS_LIMIT: Final = 1000
"""Earlier events of a key that are stored, the last ones."""
_KEY: Final = "follows"


class FollowsText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when an event of the rule follows other ones."""

    event: Annotated[str, about("The type of the earlier events; a `*` may stand at its end.")]
    when: Annotated[str | None, about("A condition in CEL on the earlier events.")] = None
    within: Annotated[Duration, about("How long before the rule's own event they happened.")]
    by: ByText = ()
    at_least: Annotated[int, about("How many earlier events.", ge=1, le=AT_LEAST_LIMIT)] = 1

    def __post_init__(self) -> None:
        if not 1 <= self.at_least <= AT_LEAST_LIMIT:
            raise ValueError(f"at_least is {self.at_least}, expected 1 to {AT_LEAST_LIMIT}")
        check_span("within", self.within)


class _Firsts(Record):
    at: dict[str, int] = msgspec.field(default_factory=dict)
    """The digest of each earlier event -> when it happened."""

    def take(self, event: str, at: int, step: "Follow | Precede", tolerance_ms: int = 0) -> bool:
        """Take those that an event follows. Return whether they are enough; otherwise take none.

        Those that arrived before it may have happened ``tolerance_ms`` later, by another clock.
        """
        before = [
            each for each, when in self.at.items() if at - step.within < when <= at + tolerance_ms
        ]
        if len([each for each in before if each != event]) < step.at_least:
            return False
        for each in before:
            del self.at[each]
        return True


class _Waiting(Record):
    at: int = 0
    event: str = ""
    alert: bytes = b""


class Follow(Step, frozen=True, array_like=True):
    """Continue if ``at_least`` other events happened up to ``within`` ms before; those are used up.

    Otherwise the event waits, because they may arrive late. The last one of its key does.
    """

    state: str
    key: str
    """``""`` if the event has no value for an expression."""
    waiting: str
    """The state of what waits."""
    event: str
    at: int
    within: int
    at_least: int
    tolerance_ms: int

    def run(self, run: ChainRun) -> bool:
        if not self.key:
            return run.stop(Outcome.COUNTED, reason=NO_VALUE)
        firsts = run.memory.find((self.state, self.key), _Firsts)
        if firsts is not None and firsts.take(self.event, self.at, self, self.tolerance_ms):
            return False
        place = (self.waiting, self.key)
        if run.touch(place, 2 * self.within):
            known = run.memory.find(place, _Waiting)
            if known is None or (self.at, self.event) >= (known.at, known.event):
                run.memory.put(place, _Waiting(self.at, self.event, run.alert))
        return run.stop(Outcome.EXPECTED)

    def standing(self, memory: Memory) -> tuple[str, ...]:
        firsts = memory.find((self.state, self.key), _Firsts)
        if firsts is None or not firsts.at:
            return ()
        before = [
            each
            for each, when in firsts.at.items()
            if self.at - self.within < when <= self.at + self.tolerance_ms and each != self.event
        ]
        return FOLLOWS, str(self.within), str(len(before)), str(self.at_least)


class Precede(Step, frozen=True, array_like=True):
    """Note an earlier event, and take what waits and follows enough of them. Always stops."""

    state: str
    key: str
    waiting: str
    event: str
    at: int
    within: int
    at_least: int

    def run(self, run: ChainRun) -> bool:
        place, wait = (self.state, self.key), (self.waiting, self.key)
        if not run.touch(place, 2 * self.within):
            return run.stop(Outcome.NOTHING)
        firsts = run.memory.obtain(place, _Firsts)
        newest = max([*firsts.at.values(), self.at])
        firsts.at[self.event] = self.at
        in_order = sorted((at, event) for event, at in firsts.at.items())
        last = [(at, event) for at, event in in_order if at > newest - 2 * self.within]
        firsts.at = {event: at for at, event in last[-FIRSTS_LIMIT:]}
        waiting = run.memory.find(wait, _Waiting)
        if waiting is None or not firsts.take(waiting.event, waiting.at, self):
            is_late = self.at <= newest - 2 * self.within
            return run.stop(Outcome.NOTHING, reason=LATE if is_late else None)
        run.memory.drop(wait)
        return run.stop(Outcome.NOTHING, first=True, extra=(waiting.alert,))


class RaiseFollowing(Step, frozen=True, array_like=True):
    """Continue: what the event follows was found already."""

    state: str
    key: str

    def run(self, run: ChainRun) -> bool:  # noqa: ARG002 - the base class's signature
        return False


class FollowsTimer(AlertTimer, frozen=True, kw_only=True, array_like=True, tag="follows.2"):
    """Raises ``alert`` at once, because an event that it follows arrived after its own."""

    feature = _KEY

    async def fire(self, context: TimerContext) -> None:
        if context.feature(FollowsFeature) is None:
            context.draft.suppress(self.rule, RULE_GONE)
            context.draft.drop_timer(self)
            return
        alert = msgspec.structs.replace(self.alert, raised_at=context.now)
        await context.raise_alert(alert, RaiseFollowing(self.state, self.key))


class FollowsFeature(Feature, frozen=True, kw_only=True):
    """An event of the rule raises its alert if other ones happened before."""

    key = _KEY
    purpose = "Notify when an event of the rule follows other ones."
    written = FollowsText
    delays = True
    excludes = ("count", "ratio", "measure", "spike", "first_seen", "absent")
    timer = FollowsTimer
    ending = "precedes"
    identity_rank = 3
    keeps_alert = True
    limits = {"firsts_limit": FIRSTS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class

    text: FollowsText

    @property
    def watched_events(self) -> tuple[str, ...]:
        return (self.text.event,)

    @property
    def states(self) -> tuple[str, ...]:
        return self.state, f"{self.state}-waits"

    @property
    def events_per_alert(self) -> int:
        return self.text.at_least + 1

    def lacks_key(self, content: dict[str, Any]) -> bool:
        return not has_all_values(self.by, content)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        state, key = self.place(facts.content)
        yield Follow(
            state,
            "" if self.lacks_key(facts.content) else key,
            *self._facts(facts),
            facts.tolerance_ms,
        )

    def ending_step(self, facts: AlertFacts) -> Step:
        state, key = self.place(facts.content)
        return Precede(state, key, *self._facts(facts))

    def conclude(
        self, draft: DecisionDraft, alert: Alert, steps: Sequence[Step], result: ChainResult
    ) -> None:
        for step in steps:
            if isinstance(step, Precede) and result.first:
                waiting = restored(decode_alert(result.extra[0]))
                timer = FollowsTimer(
                    due_at=draft.now,
                    rule=alert.rule,
                    state=step.state,
                    key=step.key,
                    alert=waiting,
                )
                draft.set_timer(timer)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        if self.lacks_key(content):
            yield f"follows nothing, because a value is missing{by_text(self.by, content)}"
            return
        text = self.text
        events = f"{text.at_least} {text.event}" if text.at_least > 1 else text.event
        yield f"alerts if it follows {events} within {span_text(text.within)}{by_text(self.by, content)}"

    def describe_ending(self, content: dict[str, Any]) -> str:
        return f"its own events may follow this one{by_text(self.by, content)}"

    def _facts(self, facts: AlertFacts) -> tuple[str, str, int, int, int]:
        within = milliseconds(self.text.within)
        event = digest((facts.event,))
        return f"{self.state}-waits", event, facts.at, within, self.text.at_least
