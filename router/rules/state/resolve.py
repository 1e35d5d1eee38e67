"""``resolve``: an event ends an alert, and the destinations of the alert are notified.

No order of events is promised, so the event that ends an alert may arrive before the alert's own.
The time of each ending is therefore stored for a while: an alert that began before it, and arrives
after it, is resolved already.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec

from router.alerts import Alert
from router.cel import Condition
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.decision import DecisionDraft
from router.rules.state.feature import (
    AlertFacts,
    By,
    ByText,
    Feature,
    by_text,
    check_span,
    digest,
    has_all_values,
    milliseconds,
    span_text,
)
from router.rules.state.keyed_alert import PENDING, OpenedAlert, end_alert, find_alert
from router.rules.state.resolution import RESOLVED, notify_resolved
from router.rules.state.step import ChainResult, ChainRun, Outcome, Place, Record, Step
from router.rules.state.window import LATE

LATE_MS: Final = 4 * 3_600_000
"""How late an event may arrive: senders retry for up to four hours (Twilio does)."""

_ENDINGS: Final = "over"
"""The key under which the endings of a state are stored; no digest of values is equal to it."""


class ResolveText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events that resolve an alert."""

    events: Annotated[
        tuple[str, ...], about("Event types, as in the rule's own `events`.", min_length=1)
    ] = ()
    back: Annotated[
        bool, about("Instead of events: resolved when what the rule measures is back.")
    ] = False
    when: Annotated[str | None, about("A condition in CEL on these events.")] = None
    by: ByText = ()
    within: Annotated[Duration, about("How long an alert can be resolved.")] = Duration(7 * 86400)
    hold: Annotated[
        Duration, about("How long it must stay resolved before destinations are notified.")
    ] = Duration(0)

    def __post_init__(self) -> None:
        if bool(self.events) == self.back:
            raise ValueError('resolve needs "events", or "back: true" in a rule that measures')
        check_span("within", self.within)
        if self.hold:
            check_span("hold", self.hold)
            if self.hold >= self.within:
                raise ValueError("hold must be shorter than within, after which the alert is over")


class _Ending(msgspec.Struct):
    at: int
    """The latest ending, in Unix ms."""
    until: int
    """When it is forgotten, in Unix ms."""
    source: str
    """A digest of its sender."""


class _Endings(Record):
    expires: ClassVar[bool] = False

    by_key: dict[str, _Ending] = msgspec.field(default_factory=dict)

    def store(self, key: str, ending: _Ending, *, now: int, limit: int) -> None:
        """Store an ending, and drop the one that is forgotten first if there are too many."""
        for old in [old for old, each in self.by_key.items() if each.until <= now]:
            del self.by_key[old]
        if key not in self.by_key and len(self.by_key) >= limit:
            del self.by_key[min(self.by_key, key=lambda old: (self.by_key[old].until, old))]
        known = self.by_key.get(key, ending)
        latest = known if known.at > ending.at else ending
        self.by_key[key] = _Ending(latest.at, max(ending.until, known.until), latest.source)


class CheckResolved(Step, frozen=True, array_like=True):
    """Suppress the alert, which began at ``at``, if a ``Resolve`` ended it before it arrived.

    The clocks of two senders may differ by ``tolerance_ms``: closer times are ordered by arrival.
    """

    state: str
    key: str
    at: int
    source: str
    tolerance_ms: int

    def run(self, run: ChainRun) -> bool:
        ending = run.memory.obtain((self.state, _ENDINGS), _Endings).by_key.get(self.key)
        if ending is not None and ending.until > run.now:
            tolerance = self.tolerance_ms if self.source != ending.source else 0
            if self.at < ending.at - tolerance:
                return run.stop(Outcome.SUPPRESSED, reason=RESOLVED)
        return False


class Resolve(Step, frozen=True, array_like=True):
    """End the alert of this key unless it began more than ``tolerance_ms`` after ``at``. Always stops.

    The ending is stored for ``lasts_ms``, for alerts that began before ``at`` and arrive later.
    """

    state: str
    key: str
    """The key of its ending."""
    at: int
    source: str
    """A digest of the sender of the event."""
    tolerance_ms: int
    alert_key: str
    bound: tuple[Place, ...]
    """Places that are dropped with the alert."""
    lasts_ms: int
    hold_ms: int
    older: Place
    """The place at which a version before keyed alerts has stored the alert."""

    def run(self, run: ChainRun) -> bool:
        memory = run.memory
        ending = _Ending(self.at, run.now + self.lasts_ms, self.source)
        endings = memory.obtain((self.state, _ENDINGS), _Endings)
        endings.store(self.key, ending, now=run.now, limit=memory.keys_limit)
        record = find_alert(memory, self.alert_key)
        if record is None or not record.is_open(run.now):
            return run.stop(Outcome.NOTHING)
        if self.at < record.at - self.tolerance_ms:
            return run.stop(Outcome.COUNTED, reason=LATE)
        return _end(run, self.alert_key, self.bound, self.hold_ms)


class EndAlert(Step, frozen=True, array_like=True):
    """End the alert of this key, and stop, if the step before found that its figures are back."""

    key: str
    bound: tuple[Place, ...]
    """As in ``Resolve``."""
    hold_ms: int

    def run(self, run: ChainRun) -> bool:
        if not run.is_back:
            return False
        record = find_alert(run.memory, self.key)
        if record is None or not record.is_open(run.now):
            return run.stop(Outcome.COUNTED)
        return _end(run, self.key, self.bound, self.hold_ms)


def _end(run: ChainRun, key: str, bound: Sequence[Place], hold_ms: int) -> bool:
    """End an open alert, or begin to: then a look ends it. Always True."""
    record = find_alert(run.memory, key)
    if record is None or not hold_ms or record.status == PENDING:
        return end_alert(run, key, bound)
    if not record.resolving_at:
        record.resolving_at = run.now + hold_ms
        record.note(run.now, "resolving")
    run.opened = OpenedAlert(key, record)
    return run.stop(Outcome.ENDED)


class ResolveFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts stay open until an event resolves them."""

    key = "resolve"
    purpose = "Events that resolve an alert."
    written = ResolveText
    later = ("back", "hold")
    ending = "resolves"
    identity_rank = 0
    in_shadow = False

    text: ResolveText
    endings: str = ""
    """The state of the endings: that of the rule, whatever the wording."""

    @classmethod
    def configure(cls, rule: str, text: Any, by: By, condition: Condition | None) -> Feature:
        state = cls.state_of(rule, text)
        endings = f"{cls.key}-{digest((rule,))}"
        return cls(text=text, by=by, state=state, condition=condition, endings=endings)

    @property
    def lasts_ms(self) -> int:
        return milliseconds(self.text.within)

    @property
    def resolves_when_back(self) -> bool:
        return self.text.back

    @property
    def watched_events(self) -> tuple[str, ...]:
        return self.text.events

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        # A timer raises its alert now: no ending that arrived before can have ended it.
        if facts.resolves_when_back:
            yield EndAlert(facts.alert.key, facts.bound, self._hold_ms)
        elif facts.event:
            _, key = self.place(facts.content)
            yield CheckResolved(self.endings, key, facts.at, source_of(facts), facts.tolerance_ms)

    def ending_step(self, facts: AlertFacts) -> Step:
        lasts = min(milliseconds(self.text.within), LATE_MS)
        older = self.place(facts.content)
        return Resolve(
            self.endings,
            older[1],
            facts.at,
            source_of(facts),
            facts.tolerance_ms,
            facts.alert.key,
            facts.bound,
            lasts,
            self._hold_ms,
            older,
        )

    @property
    def _hold_ms(self) -> int:
        return milliseconds(self.text.hold) if self.text.hold else 0

    def conclude(
        self,
        draft: DecisionDraft,
        alert: Alert,
        steps: Sequence[Step],  # noqa: ARG002 - the base class's signature
        result: ChainResult,
    ) -> None:
        for _ in range(result.withdrawn):
            draft.suppress(alert.rule, RESOLVED, new=0)
        if result.outcome is Outcome.RESOLVED:
            notify_resolved(draft, result, alert.trace)

    def older_place(self, content: dict[str, Any]) -> Place | None:
        return self.place(content)

    def lacks_key(self, content: dict[str, Any]) -> bool:
        # Figures resolve the alert of their own values, of which null is one.
        return not self.text.back and not has_all_values(self.by, content)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        events, span = ", ".join(self.text.events), span_text(self.text.within)
        if self.text.back:
            yield f"is resolved when that is back, within {span}{by_text(self.by, content)}"
            return
        yield f"is resolved by {events} within {span}{by_text(self.by, content)}"

    def describe_ending(self, content: dict[str, Any]) -> str:
        if self.lacks_key(content):
            return f"it resolves nothing, because a value is missing{by_text(self.by, content)}"
        return f"its alert is resolved{by_text(self.by, content)}"


def source_of(facts: AlertFacts) -> str:
    """Return a digest of the sender of an alert's event."""
    return digest((facts.alert.event_source,))[:8]
