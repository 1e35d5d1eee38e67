"""What comes of a timer that is due. Pure: what must be asked of the store is yielded.

``fire`` is driven by whoever has a store: ``FireTimers`` by Redis, ``Simulation`` by memory.
"""

from collections.abc import Generator, Mapping

import msgspec

from router.alerts import Alert, Member, alert_id
from router.destinations import render
from router.destinations.templates import Target
from router.journal.timers import Absence, Escalation, Flush, Timer
from router.rules.model import Rule
from router.rules.state import Answer, Chain, Escalating, Outcome, Overdue, Reason, Taken, Unheard
from router.worker.decide import Decision, Draft, prospect_of
from router.worker.steps import (
    Addressed,
    Present,
    conduct,
    decode_told,
    escalate,
    hushed,
    place_of_open,
)


class Ask(msgspec.Struct, frozen=True):
    """Decide this chain."""

    chain: Chain


class Take(msgspec.Struct, frozen=True):
    """Empty this group."""

    state: str
    key: str


Firing = Generator[Ask | Take, Answer | Taken, Decision]


def fire(timer: Timer, rules: Mapping[str, Rule], present: Present) -> Firing:
    """What comes of a timer, by the rules that are in force now."""
    rule = rules.get(timer.rule)
    match timer:
        case Absence():
            return (yield from _overdue(timer, rule, present))
        case Flush():
            return (yield from _flush(timer, rule, present))
        case Escalation():
            return (yield from _escalate(timer, rule, present))


def _ask(chain: Chain) -> Generator[Ask | Take, Answer | Taken, Answer]:
    answer = yield Ask(chain)
    if not isinstance(answer, Answer):
        raise TypeError("an Ask is answered by an Answer")
    return answer


def _overdue(timer: Absence, rule: Rule | None, present: Present) -> Firing:
    draft = Draft(present)
    if rule is None or rule.absent is None or rule.absent.state != timer.state:
        draft.hold(timer.rule, Reason.RULE_GONE, new=1)
        return draft.decision()
    alert = msgspec.structs.replace(timer.alert, raised_at=present.now)
    content = render.decode(alert)
    send_to = rule.told(content, alert.labels).destinations
    steps = (
        Overdue(timer.state, timer.key, timer.event),
        *conduct(alert, content, rule, send_to, present),
    )
    prospect = prospect_of(alert, rule, send_to, steps)
    if prospect.chain is not None:
        draft.conclude(prospect, (yield from _ask(prospect.chain)))
    return draft.decision()


def _flush(timer: Flush, rule: Rule | None, present: Present) -> Firing:
    draft = Draft(present)
    taken = yield Take(timer.state, timer.key)
    if not isinstance(taken, Taken):
        raise TypeError("a Take is answered by what was taken")
    if not taken.count:
        return draft.decision()
    wanted, unheard = _sorted_out(timer, taken, rule, draft, present)
    if unheard:
        # Or something would be over later of which nobody had heard.
        yield from _ask(Chain(f"{timer.state}-unheard", (Unheard(unheard if wanted else None),)))
    if wanted:
        count = taken.count - len(taken.members) + len(wanted)
        message = _message([each.alert for each in wanted], count)
        draft.tell(message, wanted[0].send_to, new=0, told=count)
        if rule is not None and rule.escalate:
            chain = Chain(f"{message.id}-escalate", (escalate(rule, message),))
            answer = yield from _ask(chain)
            if answer.escalates:
                draft.begin_escalation(rule, message)
    draft.set(msgspec.structs.replace(timer, due_at=present.now + timer.interval))
    return draft.decision()


_Places = tuple[tuple[str, str], ...]


def _sorted_out(
    timer: Flush, taken: Taken, rule: Rule | None, draft: Draft, present: Present
) -> tuple[list[Addressed], _Places]:
    """The alerts of a group that somebody wants to hear of, and where the others are open.

    ``draft`` is told of those others.
    """
    wanted: list[Addressed] = []
    places: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    # By whether they are heard: several may be open at one place.
    reason: Reason | None = None
    for member in taken.members:
        told = decode_told(member.alert)
        alert = msgspec.structs.replace(told.alert, held_back=member.held_back)
        content = render.decode(alert)
        found = hushed(alert, content, rule, present)
        opened = place_of_open(rule, content) if rule is not None else None
        if opened is not None:
            places[found is None].add(opened)
        if found is None:
            wanted.append(Addressed(alert, told.send_to))
        else:
            reason = found
            draft.hold(timer.rule, found, new=0)
    if reason is not None and not wanted:
        # Of those that were only counted as of those that were kept.
        for _ in range(taken.count - len(taken.members)):
            draft.hold(timer.rule, reason, new=0)
    return wanted, tuple(sorted(places[False] - places[True]))


def _message(alerts: list[Alert], count: int) -> Alert:
    """One alert for all of a group: the first one, with the others below it."""
    members = tuple(
        Member(
            id=alert.id,
            event_id=alert.event_id,
            raised_at=alert.raised_at,
            summary=render.summary(alert, Target.TEXT).text,
        )
        for alert in alerts[1:]
    )
    return msgspec.structs.replace(
        alerts[0],
        members=members,
        grouped=count,
        held_back=sum(alert.held_back for alert in alerts),
    )


def _escalate(timer: Escalation, rule: Rule | None, present: Present) -> Firing:
    draft = Draft(present)
    if rule is None or not rule.escalate:
        return draft.decision()
    last = len(timer.levels) == 1
    alert = msgspec.structs.replace(
        timer.alert,
        id=alert_id(timer.run, f"level {timer.level}"),
        escalation=timer.level,
    )
    content = render.decode(alert)
    is_heard = hushed(alert, content, rule, present) is None
    send_to = timer.levels[0][1] if is_heard else ()
    opened = place_of_open(rule, content)
    step = Escalating(timer.state, timer.key, timer.alert.key, timer.run, last, opened, send_to)
    answer = yield from _ask(Chain(f"{timer.run}-level-{timer.level}", (step,)))
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
