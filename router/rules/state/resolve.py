"""``resolve``: an event ends an alert, and the destinations of the alert are notified.

No order of events is promised, so the event that ends an alert may arrive before the alert's own.
The time of each ending is therefore stored for a while: an alert that began before it, and arrives
after it, is resolved already.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec

from router.alerts import Alert, AlertStatus, alert_id
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
    has_all_values,
    milliseconds,
    span_text,
)
from router.rules.state.measured import restored
from router.rules.state.open_alert import CHAIN, OpenRecord, withdraw_everywhere
from router.rules.state.step import ChainResult, ChainRun, Outcome, Place, Reason, Record, Step

RESOLVED: Final = Reason("resolved")
"""The alert was resolved before its group was sent, or before its event arrived."""

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

    def __post_init__(self) -> None:
        if bool(self.events) == self.back:
            raise ValueError('resolve needs "events", or "back: true" in a rule that measures')
        check_span("within", self.within)


class _Ending(msgspec.Struct):
    at: int
    """The latest ending, in Unix ms."""
    until: int
    """When it is forgotten, in Unix ms."""


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
        self.by_key[key] = _Ending(max(ending.at, known.at), max(ending.until, known.until))


class CheckResolved(Step, frozen=True, array_like=True):
    """Suppress the alert, which began at ``at``, if a ``Resolve`` ended it before it arrived."""

    state: str
    key: str
    at: int

    def run(self, run: ChainRun) -> bool:
        ending = run.memory.obtain((self.state, _ENDINGS), _Endings).by_key.get(self.key)
        if ending is not None and ending.until > run.now and self.at < ending.at:
            return run.stop(Outcome.SUPPRESSED, reason=RESOLVED)
        return False


class OpenAlert(Step, frozen=True, array_like=True):
    """Open the alert, so that it can be resolved for ``within_ms``. Never stops."""

    state: str
    key: str
    at: int
    within_ms: int

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if run.touch(place, self.within_ms):
            record = run.memory.obtain(place, OpenRecord)
            record.at = max(record.at, self.at)
            run.opened = True
        return False


class RecordNotified(Step, frozen=True, array_like=True):
    """Store the chain's alert and its destinations, for when it is resolved. Never stops."""

    state: str
    key: str
    send_to: tuple[str, ...]

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        record = run.memory.find(place, OpenRecord) if run.opened else None
        if record is not None:
            record.alert, record.notified_by = run.alert, CHAIN
            record.add_recipients(self.send_to)
        return False


class Resolve(Step, frozen=True, array_like=True):
    """End the alert of this key if it began no later than ``at``. Always stops.

    The ending is stored for ``lasts_ms``, for alerts that began before ``at`` and arrive later.
    """

    state: str
    key: str
    at: int
    bound: tuple[Place, ...]
    """Places that are dropped with the alert."""
    lasts_ms: int

    def run(self, run: ChainRun) -> bool:
        place, memory = (self.state, self.key), run.memory
        ending = _Ending(self.at, run.now + self.lasts_ms)
        endings = memory.obtain((self.state, _ENDINGS), _Endings)
        endings.store(self.key, ending, now=run.now, limit=memory.keys_limit)
        record = memory.find(place, OpenRecord)
        if record is None or self.at < record.at:
            return run.stop(Outcome.NOTHING)
        return _end(run, record, (place, *self.bound))


class EndAlert(Step, frozen=True, array_like=True):
    """End the alert of this key, and stop, if the step before found that its figures are back."""

    state: str
    key: str
    bound: tuple[Place, ...]
    """As in ``Resolve``."""

    def run(self, run: ChainRun) -> bool:
        if not run.is_back:
            return False
        place = (self.state, self.key)
        record = run.memory.find(place, OpenRecord)
        if record is None:
            return run.stop(Outcome.COUNTED)
        return _end(run, record, (place, *self.bound))


def _end(run: ChainRun, record: OpenRecord, places: Sequence[Place]) -> bool:
    """End an open alert and all that is at these places. Always True."""
    for each in places:
        run.memory.drop(each)
    withdrawn = withdraw_everywhere(run.memory, record)
    if not record.notified_by:
        return run.stop(Outcome.ENDED, withdrawn=withdrawn)
    return run.stop(
        Outcome.RESOLVED,
        alert=record.alert,
        withdrawn=withdrawn,
        notified=tuple(sorted(record.recipients)),
    )


class ResolveFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts stay open until an event resolves them."""

    key = "resolve"
    purpose = "Events that resolve an alert."
    written = ResolveText
    later = ("back",)
    ending = "resolves"
    identity_rank = 0
    in_shadow = False
    keeps_alert = True

    text: ResolveText

    @property
    def resolves_when_back(self) -> bool:
        return self.text.back

    @property
    def watched_events(self) -> tuple[str, ...]:
        return self.text.events

    def opens(self, content: dict[str, Any]) -> Place | None:
        return self.place(content)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        place = facts.opened or self.place(facts.content)
        # A timer raises its alert now: no ending that arrived before can have ended it.
        if facts.resolves_when_back:
            yield EndAlert(*place, facts.bound)
        elif facts.event:
            yield CheckResolved(*place, facts.at)
        yield OpenAlert(*place, facts.at, milliseconds(self.text.within))

    def follow_ups(self, facts: AlertFacts) -> Iterator[Step]:
        if facts.opened:
            yield RecordNotified(*facts.opened, facts.send_to)

    def ending_step(self, facts: AlertFacts) -> Step:
        lasts = min(milliseconds(self.text.within), LATE_MS)
        return Resolve(*self.place(facts.content), facts.at, facts.bound, lasts)

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
            sent = restored(decode_alert(result.alert))
            resolved = msgspec.structs.replace(
                sent,
                id=alert_id(sent.id, "resolved"),
                status=AlertStatus.RESOLVED,
                raised_at=draft.now,
            )
            draft.notify_again(resolved, result.notified, result.number)

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
