"""What comes of a batch: from the rules that held to alerts, held back ones, and deliveries. Pure.

First ``prospects`` says what may come of an event and, where the rule remembers, what must be asked
of the store: a chain of steps. All chains of a batch are asked at once. Then ``Draft`` takes the
answers and says what is told to whom, and which timers are set.

An alert goes through, in this order: ``count`` or ``absent`` · ``resolve`` · inhibitions · silences · ``mute_times`` ·
``cooldown`` · ``mode`` · ``group`` · ``send_to``. Where it is stopped is its reason.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from router.alerts import Alert, AlertStatus, Delivery, alert_id
from router.events.model import Event
from router.journal.timers import Absence, Escalation, Flush, Timer
from router.rules.index.rule_set import Judgement
from router.rules.model import EventWatch, Mode, Role, Rule
from router.rules.state.features import digest, values_of
from router.rules.state.steps import (
    AnyStep,
    Arrive,
    Chain,
    ChainResult,
    Expect,
    Join,
    Outcome,
    Reason,
    Resolve,
)
from router.worker.evaluation.fan_out import fan_out, raise_alert
from router.worker.evaluation.plan import (
    Snapshot,
    count_step,
    decode_told,
    encode_alert,
    event_time_ms,
    milliseconds,
    place_of_escalation,
    place_of_open,
    plan_steps,
    remembered_ms,
    suppression_reason,
)


class Prospect(msgspec.Struct, frozen=True):
    """What may come of an event by one rule."""

    rule: Rule
    alert: Alert
    send_to: tuple[str, ...]
    """Destinations that the alert is for."""
    chain: Chain | None
    """What to ask; None where the rule remembers nothing."""
    held: Reason | None = None
    """Why it is held back, where that needs no asking."""
    is_match: bool = True
    """Whether the rule's own condition held; else the event ends something."""


class Judged(msgspec.Struct, frozen=True):
    """An event and all that may come of it."""

    event: Event
    prospects: tuple[Prospect, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of events or of a timer. Each event is in exactly one of the first three counts."""

    filtered: int = 0
    """No rule holds."""
    suppressed: int = 0
    """Rules hold, and every alert that came of it was held back."""
    matched: int = 0
    """All others: somebody is told, or it is counted, waited for, grouped or ends something."""
    alerts: int = 0
    """Alerts that there are now, told or not."""
    told: int = 0
    held: tuple[tuple[str, Reason], ...] = ()
    """The rule and the reason of each alert that is held back."""
    overflowed: tuple[str, ...] = ()
    """Rules with more keys than are kept, once for each alert that this concerned."""
    deliveries: tuple[Delivery, ...] = ()
    timers: tuple[Timer, ...] = ()
    quarantined: tuple[Alert, ...] = ()
    """Alerts whose events go to quarantine; those events are in the counts as matched."""


def prospects(
    event: Event, content: dict[str, Any], judgement: Judgement, present: Snapshot
) -> tuple[Prospect, ...]:
    """What may come of an event, in the order in which it is decided. ``content`` is the event decoded.

    What the event ends comes first: it may both end an expectation and begin the next. Then rules
    that hold others back, then all others.
    """
    endings = [_ending(event, content, watch, present) for watch in judgement.endings]
    matches = sorted(judgement.matches, key=lambda rule: not rule.inhibits)
    return (*endings, *(_match(event, content, rule, present) for rule in matches))


def chains(judged: Iterable[Judged]) -> list[Chain]:
    """All that must be asked, in order."""
    return [
        prospect.chain
        for each in judged
        for prospect in each.prospects
        if prospect.chain is not None
    ]


def decide(
    judged: Iterable[Judged], answers: Mapping[str, ChainResult], present: Snapshot
) -> Decision:
    """What comes of events, by the answers to their chains."""
    draft = Draft(present)
    for each in judged:
        draft.add_event(each, answers)
    return draft.decision()


def _match(event: Event, content: dict[str, Any], rule: Rule, present: Snapshot) -> Prospect:
    alert = raise_alert(event, content, rule, now=present.now)
    send_to = rule.send_to or rule.told(content, alert.labels).destinations
    if not rule.remembers:
        held = suppression_reason(alert, content, rule, present)
        if held is None and rule.mode is Mode.SHADOW:
            held = Reason.SHADOW
        return Prospect(rule, alert, send_to, None, held)
    steps = [*count_step(event, content, rule, present)]
    if rule.absent:
        place = (rule.absent.state, digest(values_of(rule.absent.by, content)))
        steps.append(Expect(*place, digest((event.key,)), milliseconds(rule.absent.text.for_)))
    else:
        steps += plan_steps(alert, content, rule, send_to, present)
    return prospect_of(alert, rule, send_to, steps)


def prospect_of(
    alert: Alert, rule: Rule, send_to: tuple[str, ...], steps: Iterable[AnyStep]
) -> Prospect:
    """An alert that takes these steps."""
    chain = Chain(f"{alert.id}-raise", tuple(steps), encode_alert(alert, send_to, rule))
    return Prospect(rule, alert, send_to, chain)


def _ending(
    event: Event, content: dict[str, Any], watch: EventWatch, present: Snapshot
) -> Prospect:
    rule = watch.rule
    alert = raise_alert(event, content, rule, now=present.now)
    chain = Chain(f"{alert.id}-{watch.role.name.lower()}", ())
    if watch.role is Role.ENDS_ABSENCE and rule.absent:
        place = (rule.absent.state, digest(values_of(rule.absent.by, content)))
        lasts = milliseconds(rule.absent.text.for_)
        chain = Chain(chain.id, (Arrive(*place, digest((event.key,)), lasts),))
    place_of_alert = place_of_open(rule, content)
    if watch.role is Role.RESOLVES and place_of_alert:
        at = event_time_ms(event.time, event.received_at, present.now)
        escalation = place_of_escalation(rule, alert) if rule.escalate else None
        step = Resolve(*place_of_alert, at, escalation, remembered_ms(rule))
        chain = Chain(chain.id, (step,))
    return Prospect(rule, alert, (), chain, is_match=False)


class Draft:
    """A decision in the making."""

    def __init__(self, present: Snapshot) -> None:
        self._present = present
        self._events: Counter[str] = Counter()
        self._told = 0
        self._held: list[tuple[str, Reason]] = []
        self._overflowed: list[str] = []
        self._deliveries: list[Delivery] = []
        self._timers: list[Timer] = []
        self._quarantined: list[Alert] = []
        self._alerts = 0

    def add_event(self, judged: Judged, answers: Mapping[str, ChainResult]) -> None:
        held = len(self._held)
        for prospect in judged.prospects:
            if prospect.chain is not None:
                self.conclude(prospect, answers[prospect.chain.id])
            elif prospect.held is not None:
                self.hold(prospect.rule.name, prospect.held, new=1)
            else:
                self.tell(prospect.alert, prospect.send_to, new=1)
        if not judged.prospects:
            self._events["filtered"] += 1
        elif len(self._held) - held == len(judged.prospects):
            self._events["suppressed"] += 1
        else:
            self._events["matched"] += 1

    def conclude(self, prospect: Prospect, answer: ChainResult) -> None:
        """What comes of one prospect."""
        rule = prospect.rule
        if answer.overflowed:
            self._overflowed.append(rule.name)
        for _ in range(answer.withdrawn):
            self._held.append((rule.name, Reason.RESOLVED))
        match answer.outcome:
            case Outcome.HELD if answer.reason is not None:
                self.hold(rule.name, answer.reason, new=1)
            case Outcome.TOLD:
                alert = prospect.alert
                if answer.held_back:
                    alert = msgspec.structs.replace(alert, held_back=answer.held_back)
                self.tell(alert, prospect.send_to, new=1)
            case Outcome.GROUPED:
                self._alerts += 1
            case Outcome.RESOLVED:
                self._resolve(answer)
            case _:
                pass
        self._timers += self._timers_of(prospect, answer)

    def tell(self, alert: Alert, send_to: Iterable[str], *, new: int, told: int = 1) -> None:
        """``alert`` stands for ``told`` alerts, of which ``new`` are not in the books yet."""
        self._alerts += new
        self._told += told
        self._deliveries += fan_out(alert, send_to)

    def hold(self, rule: str, reason: Reason, *, new: int) -> None:
        """An alert is held back; ``new`` as in ``tell``."""
        self._alerts += new
        self._held.append((rule, reason))

    def tell_more(self, alert: Alert, send_to: Iterable[str]) -> None:
        """Tell of an alert that was told: it is over, or it escalates."""
        self._deliveries += fan_out(alert, send_to)

    def quarantine(self, alert: Alert) -> None:
        """The alert's event is put aside, for somebody to look at."""
        self._quarantined.append(alert)

    def set(self, timer: Timer) -> None:
        self._timers.append(timer)

    def begin_escalation(self, rule: Rule, alert: Alert) -> None:
        """Set the timer of the first level."""
        state, key = place_of_escalation(rule, alert)
        levels = tuple((float(level.after), level.send_to) for level in rule.escalate)
        self.set(
            Escalation(
                due_at=self._present.now + levels[0][0],
                rule=rule.name,
                state=state,
                key=key,
                alert=alert,
                run=alert.id,
                level=1,
                levels=levels,
            )
        )

    def decision(self) -> Decision:
        return Decision(
            filtered=self._events["filtered"],
            suppressed=self._events["suppressed"],
            matched=self._events["matched"],
            alerts=self._alerts,
            told=self._told,
            held=tuple(self._held),
            overflowed=tuple(self._overflowed),
            deliveries=tuple(self._deliveries),
            timers=tuple(self._timers),
            quarantined=tuple(self._quarantined),
        )

    def _resolve(self, answer: ChainResult) -> None:
        told = decode_told(answer.alert)
        resolved = msgspec.structs.replace(
            told.alert,
            id=alert_id(told.alert.id, "resolved"),
            status=AlertStatus.RESOLVED,
            raised_at=self._present.now,
        )
        self.tell_more(resolved, answer.told_to)

    def _timers_of(self, prospect: Prospect, answer: ChainResult) -> Iterator[Timer]:
        rule, now = prospect.rule, self._present.now
        if answer.outcome is Outcome.TOLD and answer.escalates:
            self.begin_escalation(rule, prospect.alert)
        if not answer.first or prospect.chain is None:
            return
        match prospect.chain.steps[-1]:
            case Expect(state=state, key=key, event=event) if rule.absent:
                yield Absence(
                    due_at=now + rule.absent.text.for_,
                    rule=rule.name,
                    state=state,
                    key=key,
                    alert=prospect.alert,
                    event=event,
                )
            case Join(state=state, key=key) if rule.group:
                yield Flush(
                    due_at=now + rule.group.text.wait,
                    rule=rule.name,
                    state=state,
                    key=key,
                    interval=float(rule.group.text.interval),
                )
            case _:
                pass
