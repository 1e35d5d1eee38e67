"""What comes of a timer that is due. Pure: what must be asked of the store is yielded.

``fire`` is driven by whoever has a store: ``FireTimers`` by Redis, ``Simulation`` by memory.
"""

from collections.abc import Generator, Mapping
from typing import NamedTuple

import msgspec

from router.alerts import Alert, AlertId, Member, alert_id
from router.destinations.rendering import summary as render
from router.destinations.rendering.templates import TemplateTarget
from router.journal.timers import Absence, Escalation, Flush, Timer
from router.rules.model import Rule
from router.rules.state.steps import (
    Chain,
    ChainResult,
    Escalating,
    Outcome,
    Overdue,
    Reason,
    Suppress,
    Taken,
    Unheard,
)
from router.worker.evaluation.decide import Decision, Draft, prospect_of
from router.worker.evaluation.plan import (
    Addressed,
    Snapshot,
    decode_told,
    escalate,
    place_of_open,
    plan_steps,
    suppression_reason,
)


class Ask(msgspec.Struct, frozen=True):
    """Decide this chain."""

    chain: Chain


class Take(msgspec.Struct, frozen=True):
    """Empty this group."""

    state: str
    key: str


Firing = Generator[Ask | Take, ChainResult | Taken, Decision]


Poison = frozenset[AlertId]
"""Alerts that are not looked at any more, for they ended processes."""


def fire(
    timer: Timer, rules: Mapping[str, Rule], present: Snapshot, poison: Poison = frozenset()
) -> Firing:
    """What comes of a timer, by the rules that are in force now."""
    rule = rules.get(timer.rule)
    match timer:
        case Absence():
            return (yield from _overdue(timer, rule, present, poison))
        case Flush():
            return (yield from _flush(timer, rule, present, poison))
        case Escalation():
            return (yield from _escalate(timer, rule, present, poison))


def try_out(alert: Alert, rules: Mapping[str, Rule], present: Snapshot) -> None:
    """All that firing does with one alert by itself. May raise anything, and nothing comes of it."""
    content = render.decode(alert)
    render.summary(alert, TemplateTarget.TEXT)
    rule = rules.get(alert.rule)
    if rule is not None:
        send_to = rule.told(content, alert.labels).destinations
        tuple(plan_steps(alert, content, rule, send_to, present))


def _ask(chain: Chain) -> Generator[Ask | Take, ChainResult | Taken, ChainResult]:
    answer = yield Ask(chain)
    if not isinstance(answer, ChainResult):
        raise TypeError("an Ask is answered by an ChainResult")
    return answer


def _overdue(timer: Absence, rule: Rule | None, present: Snapshot, poison: Poison) -> Firing:
    draft = Draft(present)
    if rule is None or rule.absent is None or rule.absent.state != timer.state:
        draft.hold(timer.rule, Reason.RULE_GONE, new=1)
        return draft.decision()
    alert = msgspec.structs.replace(timer.alert, raised_at=present.now)
    overdue = Overdue(timer.state, timer.key, timer.event)
    if alert.id in poison:
        prospect = prospect_of(alert, rule, (), (overdue, Suppress(Reason.POISON)))
    else:
        content = render.decode(alert)
        send_to = rule.told(content, alert.labels).destinations
        steps = (overdue, *plan_steps(alert, content, rule, send_to, present))
        prospect = prospect_of(alert, rule, send_to, steps)
    if prospect.chain is not None:
        answer = yield from _ask(prospect.chain)
        draft.conclude(prospect, answer)
        if answer.reason is Reason.POISON:
            draft.quarantine(alert)
    return draft.decision()


def _flush(timer: Flush, rule: Rule | None, present: Snapshot, poison: Poison) -> Firing:
    draft = Draft(present)
    taken = yield Take(timer.state, timer.key)
    if not isinstance(taken, Taken):
        raise TypeError("a Take is answered by what was taken")
    if not taken.count:
        return draft.decision()
    each = _sorted_out(taken, rule, present, poison)
    _hold(timer, taken, each, draft)
    if each.unheard or not each.wanted:
        # Or something would be over later of which nobody had heard.
        step = Unheard(each.unheard if each.wanted else None)
        yield from _ask(Chain(f"{timer.state}-unheard", (step,)))
    if each.wanted:
        yield from _tell(each.wanted, taken.count - len(each.held), rule, draft)
    draft.set(msgspec.structs.replace(timer, due_at=present.now + timer.interval))
    return draft.decision()


def _hold(timer: Flush, taken: Taken, each: "_SortedOut", draft: Draft) -> None:
    """Note the alerts of which nobody is told."""
    for alert, reason in each.held:
        draft.hold(timer.rule, reason, new=0)
        if reason is Reason.POISON:
            draft.quarantine(alert)
    if each.held and not each.wanted:
        # Of those that were only counted as of those that were kept.
        for _ in range(taken.count - len(each.held)):
            draft.hold(timer.rule, each.held[-1][1], new=0)


def _tell(
    wanted: list[Addressed], count: int, rule: Rule | None, draft: Draft
) -> Generator[Ask | Take, ChainResult | Taken, None]:
    """One message for all of a group, which are ``count``."""
    message = _message([each.alert for each in wanted], count)
    draft.tell(message, wanted[0].send_to, new=0, told=count)
    if rule is not None and rule.escalate:
        answer = yield from _ask(Chain(f"{message.id}-escalate", (escalate(rule, message),)))
        if answer.escalates:
            draft.begin_escalation(rule, message)


class _SortedOut(NamedTuple):
    """The alerts of a group."""

    wanted: list[Addressed]
    """Somebody wants to hear of these."""
    held: list[tuple[Alert, Reason]]
    unheard: tuple[tuple[str, str], ...]
    """Where those that are held are open, as far as none that is wanted is open there, too."""


def _sorted_out(taken: Taken, rule: Rule | None, present: Snapshot, poison: Poison) -> _SortedOut:
    wanted: list[Addressed] = []
    held: list[tuple[Alert, Reason]] = []
    places: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for member in taken.members:
        told = decode_told(member.alert)
        alert = msgspec.structs.replace(told.alert, held_back=member.held_back)
        if alert.id in poison:
            held.append((alert, Reason.POISON))
            continue
        content = render.decode(alert)
        reason = suppression_reason(alert, content, rule, present)
        opened = place_of_open(rule, content) if rule is not None else None
        if opened is not None:
            places[reason is None].add(opened)
        if reason is None:
            wanted.append(Addressed(alert, told.send_to))
        else:
            held.append((alert, reason))
    return _SortedOut(wanted, held, tuple(sorted(places[False] - places[True])))


def _message(alerts: list[Alert], count: int) -> Alert:
    """One alert for all of a group: the first one, with the others below it."""
    members = tuple(
        Member(
            id=alert.id,
            event_id=alert.event_id,
            raised_at=alert.raised_at,
            summary=render.summary(alert, TemplateTarget.TEXT).text,
        )
        for alert in alerts[1:]
    )
    return msgspec.structs.replace(
        alerts[0],
        members=members,
        grouped=count,
        held_back=sum(alert.held_back for alert in alerts),
    )


def _escalate(timer: Escalation, rule: Rule | None, present: Snapshot, poison: Poison) -> Firing:
    draft = Draft(present)
    if rule is None or not rule.escalate:
        return draft.decision()
    chain_id = f"{timer.run}-level-{timer.level}"
    if timer.alert.id in poison:
        # Nobody else is told: the run ends with this level.
        end = Escalating(timer.state, timer.key, timer.alert.key, timer.run, True, None, ())
        if (yield from _ask(Chain(chain_id, (end,)))).outcome is Outcome.TOLD:
            draft.quarantine(timer.alert)
        return draft.decision()
    last = len(timer.levels) == 1
    alert = msgspec.structs.replace(
        timer.alert,
        id=alert_id(timer.run, f"level {timer.level}"),
        escalation=timer.level,
    )
    content = render.decode(alert)
    is_heard = suppression_reason(alert, content, rule, present) is None
    send_to = timer.levels[0][1] if is_heard else ()
    opened = place_of_open(rule, content)
    step = Escalating(timer.state, timer.key, timer.alert.key, timer.run, last, opened, send_to)
    answer = yield from _ask(Chain(chain_id, (step,)))
    if answer.outcome is not Outcome.TOLD:
        return draft.decision()
    draft.tell_more(alert, send_to)
    if not last:
        draft.set(
            msgspec.structs.replace(
                timer,
                due_at=present.now + timer.levels[1][0],
                level=timer.level + 1,
                levels=timer.levels[1:],
            )
        )
    return draft.decision()
