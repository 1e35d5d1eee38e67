"""State in memory: for rule tests and backtests, and the model that Redis is compared with.

It keeps no more than Redis does and forgets at the same times; ``journal/scripts/decide.lua`` has
the same steps in the same order.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from router.rules.state.endings import Endings
from router.rules.state.steps import (
    DAY_MS,
    KEYS_LIMIT,
    MARKS_LIMIT,
    MEMBERS_LIMIT,
    OPEN_MEMBERS_LIMIT,
    AnyStep,
    Arrive,
    Chain,
    ChainResult,
    Cooldown,
    Count,
    Escalate,
    Escalating,
    Expect,
    Grouped,
    Inhibited,
    Join,
    Mark,
    Open,
    Outcome,
    Over,
    Overdue,
    Reason,
    Resolve,
    Suppress,
    Taken,
    Tell,
    Unheard,
)

Place = tuple[str, str]
"""A state and a key in it."""


_OTHER: Final = "-"


class _Expectation(msgspec.Struct):
    pending: str = ""
    arrived: str = ""
    arrived_at: int = 0


class _OpenAlert(msgspec.Struct):
    at: int
    alert: bytes = b""
    told: str = ""
    """What told first: the timer of a group, or ``_OTHER``; empty where nothing did."""
    told_to: dict[str, str] = {}
    """The destinations that were told, and by what first."""
    waiting: dict[tuple[Place, int], tuple[str, ...]] = {}
    """Groups in which it waits, its numbers in them, and who is told with them."""


class _Cooling(msgspec.Struct):
    until: int
    held: int = 0


class _Member(msgspec.Struct):
    alert: bytes | None
    held_back: int
    opened: Place | None


class _Group(msgspec.Struct):
    count: int = 0
    joined: int = 0
    members: dict[int, _Member] = {}


class _Escalation(msgspec.Struct):
    run: str
    since: int
    over: bool = False


class _Draft:
    """An answer in the making."""

    def __init__(self, chain: Chain, work: str) -> None:
        self.work = work
        self.alert = chain.alert
        self.count = 1
        self.held_back = 0
        self.opened = False
        self.escalates = False
        self.overflowed = False

    def answer(self, outcome: Outcome, **more: Any) -> ChainResult:
        return ChainResult(
            outcome,
            count=self.count,
            held_back=self.held_back,
            escalates=self.escalates,
            overflowed=self.overflowed,
            **more,
        )


class MemoryStore:
    """A ``Store`` in this process, gone with it. ``keys_limit`` bounds the keys of each state."""

    def __init__(self, *, keys_limit: int = KEYS_LIMIT) -> None:
        self._keys_limit = keys_limit
        self._keys: dict[str, dict[str, int]] = {}
        """State -> key -> when it is forgotten, in Unix ms."""
        self._counts: dict[Place, list[tuple[int, str]]] = {}
        self._expectations: dict[Place, _Expectation] = {}
        self._endings = Endings(keys_limit=keys_limit)
        self._open: dict[Place, _OpenAlert] = {}
        self._marks: dict[Place, dict[Place | None, int]] = {}
        self._cooling: dict[Place, _Cooling] = {}
        self._groups: dict[Place, _Group] = {}
        self._escalations: dict[Place, _Escalation] = {}
        self._acknowledged: dict[str, int] = {}
        self._answers: dict[str, dict[str, ChainResult]] = {}
        self._taken: dict[str, Taken] = {}
        self._taken_open: dict[str, list[Place]] = {}
        """Of what was taken, where those that can be resolved are open."""
        self._steps: Final[dict[type, Callable[[Any, _Draft, int], ChainResult | None]]] = {
            Count: self._count,
            Expect: self._expect,
            Arrive: self._arrive,
            Overdue: self._overdue,
            Over: self._over,
            Open: self._opens,
            Mark: self._mark,
            Inhibited: self._inhibited,
            Suppress: self._hold,
            Cooldown: self._cool,
            Join: self._join,
            Unheard: self._unheard,
            Tell: self._tell,
            Escalate: self._escalate,
            Escalating: self._escalating,
            Resolve: self._resolve,
        }

    def decide(self, work: str, chains: Sequence[Chain], now: int) -> list[ChainResult]:
        known = self._answers.setdefault(work, {})
        for chain in chains:
            if chain.id not in known:
                known[chain.id] = self._decide(_Draft(chain, work), chain, now)
        return [known[chain.id] for chain in chains]

    def take(self, work: str, state: str, key: str) -> Taken:
        if work not in self._taken:
            self._taken[work] = self._take(work, (state, key))
        return self._taken[work]

    def forget(self, work: str) -> None:
        self._answers.pop(work, None)
        self._taken.pop(work, None)
        self._taken_open.pop(work, None)

    def acknowledge(self, alert_key: str, at: int) -> None:
        """Somebody takes care of the alerts with this key."""
        self._acknowledged[alert_key] = at

    def live_keys(self, state: str) -> int:
        """How many keys of a state are kept."""
        return len(self._keys.get(state, ()))

    def _decide(self, draft: _Draft, chain: Chain, now: int) -> ChainResult:
        for step in chain.steps:
            answer = self._step(step, draft, now)
            if answer is not None:
                return answer
        return draft.answer(Outcome.TOLD)

    def _step(self, step: AnyStep, draft: _Draft, now: int) -> ChainResult | None:
        return self._steps[type(step)](step, draft, now)

    # Each of these: the answer where the step stops the chain, None where it goes on.

    def _count(self, step: Count, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if not self._touch(place, now + 2 * step.within, now, draft):
            return draft.answer(Outcome.COUNTED)
        events = self._counts.setdefault(place, [])
        newest = max(events[-1][0], step.at) if events else step.at
        del events[: bisect_left(events, (newest - 2 * step.within + 1, ""))]
        if step.at <= newest - 2 * step.within or any(name == step.event for _, name in events):
            return draft.answer(Outcome.COUNTED)
        insort(events, (step.at, step.event))
        own = events.index((step.at, step.event))
        first = _window(events, own, step)
        if first is None:
            return draft.answer(Outcome.COUNTED)
        del events[first : first + step.at_least]
        if not events:
            self._drop(place, self._counts)
        draft.count = step.at_least
        return None

    def _expect(self, step: Expect, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if not self._touch(place, now + step.for_ms + 30 * DAY_MS, now, draft):
            return draft.answer(Outcome.EXPECTED)
        kept = self._expectations.setdefault(place, _Expectation())
        if kept.arrived not in {"", step.event} and now - kept.arrived_at < step.for_ms:
            return draft.answer(Outcome.ENDED)
        if kept.pending:
            return draft.answer(Outcome.EXPECTED)
        kept.pending = step.event
        return draft.answer(Outcome.EXPECTED, first=True)

    def _arrive(self, step: Arrive, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if not self._touch(place, now + step.for_ms, now, draft):
            return draft.answer(Outcome.NOTHING)
        kept = self._expectations.setdefault(place, _Expectation())
        ended = bool(kept.pending)
        kept.pending, kept.arrived, kept.arrived_at = "", step.event, now
        return draft.answer(Outcome.ENDED if ended else Outcome.NOTHING)

    def _overdue(self, step: Overdue, draft: _Draft, _now: int) -> ChainResult | None:
        kept = self._expectations.get((step.state, step.key))
        if kept is None or kept.pending != step.event:
            return draft.answer(Outcome.ENDED)
        self._drop((step.state, step.key), self._expectations)
        return None

    def _over(self, step: Over, draft: _Draft, now: int) -> ChainResult | None:
        if self._endings.are_over(step.state, step.key, at=step.at, now=now):
            return draft.answer(Outcome.HELD, reason=Reason.RESOLVED)
        return None

    def _opens(self, step: Open, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if self._touch(place, now + step.within, now, draft):
            kept = self._open.setdefault(place, _OpenAlert(step.at))
            kept.at = max(kept.at, step.at)
            draft.opened = True
        return None

    def _mark(self, step: Mark, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if self._touch(place, now + step.for_ms, now, draft):
            marks = self._marks.setdefault(place, {})
            for opened in [opened for opened, until in marks.items() if until <= now]:
                del marks[opened]
            opened = step.opened if draft.opened else None
            marks[opened] = max(now + step.for_ms, marks.get(opened, 0))
            if len(marks) > MARKS_LIMIT:
                del marks[min(marks, key=marks.__getitem__)]
        return None

    def _inhibited(self, step: Inhibited, draft: _Draft, now: int) -> ChainResult | None:
        for place in step.places:
            for opened, until in self._marks.get(place, {}).items():
                if until > now and (opened is None or opened in self._open):
                    return draft.answer(Outcome.HELD, reason=Reason.INHIBITED)
        return None

    def _hold(self, step: Suppress, draft: _Draft, _now: int) -> ChainResult | None:
        return draft.answer(Outcome.HELD, reason=step.reason)

    def _cool(self, step: Cooldown, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if not self._touch(place, now + step.for_ms, now, draft):
            return None
        kept = self._cooling.get(place)
        if kept is not None and step.at < kept.until:
            kept.held += 1
            self._touch(place, now + step.for_ms + DAY_MS, now, draft)
            return draft.answer(Outcome.HELD, reason=Reason.COOLDOWN)
        if kept is not None and step.at < kept.until + DAY_MS:
            draft.held_back = kept.held
        self._cooling[place] = _Cooling(step.at + step.for_ms)
        return None

    def _join(self, step: Join, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        if not self._touch(place, now + 30 * DAY_MS, now, draft):
            return None
        first = place not in self._groups
        group = self._groups.setdefault(place, _Group())
        group.count += 1
        group.joined += 1
        opened = step.opened if draft.opened else None
        kept = self._open.get(opened) if opened else None
        if group.joined <= MEMBERS_LIMIT or (kept and group.joined <= OPEN_MEMBERS_LIMIT):
            alert = draft.alert if group.joined <= MEMBERS_LIMIT else None
            group.members[group.joined] = _Member(alert, draft.held_back, opened)
        if kept is not None:
            kept.alert = draft.alert
            if group.joined <= OPEN_MEMBERS_LIMIT:
                kept.waiting[place, group.joined] = step.send_to
            else:
                kept.told = _OTHER
                kept.told_to.update(dict.fromkeys(step.send_to, _OTHER))
        return draft.answer(Outcome.GROUPED, first=first)

    def _unheard(self, step: Unheard, draft: _Draft, _now: int) -> ChainResult | None:
        places = self._taken_open.get(draft.work, ()) if step.opened is None else step.opened
        for place in places:
            kept = self._open.get(place)
            if kept is not None:
                kept.told = "" if kept.told == draft.work else kept.told
                kept.told_to = {to: by for to, by in kept.told_to.items() if by != draft.work}
        return draft.answer(Outcome.NOTHING)

    def _tell(self, step: Tell, draft: _Draft, _now: int) -> ChainResult | None:
        kept = self._open.get((step.state, step.key)) if draft.opened else None
        if kept is not None:
            kept.alert, kept.told = draft.alert, _OTHER
            kept.told_to.update(dict.fromkeys(step.send_to, _OTHER))
        return None

    def _escalate(self, step: Escalate, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        kept = self._escalations.get(place)
        acknowledged = self._acknowledged.get(step.alert_key, -1)
        runs = kept is not None and not kept.over and acknowledged < kept.since
        if not runs and self._touch(place, now + step.for_ms, now, draft):
            self._escalations[place] = _Escalation(step.run, now)
            draft.escalates = True
        return None

    def _escalating(self, step: Escalating, draft: _Draft, _now: int) -> ChainResult | None:
        kept = self._escalations.get((step.state, step.key))
        if kept is None or kept.run != step.run or kept.over:
            return draft.answer(Outcome.NOTHING)
        acknowledged = self._acknowledged.get(step.alert_key, -1) >= kept.since
        kept.over = step.last or acknowledged
        if acknowledged:
            return draft.answer(Outcome.NOTHING)
        opened = self._open.get(step.opened) if step.opened else None
        if opened is not None:
            opened.told_to.update(dict.fromkeys(step.send_to, _OTHER))
        return None

    def _resolve(self, step: Resolve, draft: _Draft, now: int) -> ChainResult | None:
        place = (step.state, step.key)
        self._endings.remember(*place, at=step.at, now=now, lasts=step.lasts)
        kept = self._open.get(place)
        if kept is None or step.at < kept.at:
            return draft.answer(Outcome.NOTHING)
        self._drop(place, self._open)
        if step.escalation is not None:
            self._drop(step.escalation, self._escalations)
        for waits_in, number in kept.waiting:
            group = self._groups[waits_in]
            del group.members[number]
            group.count -= 1
        withdrawn = len(kept.waiting)
        if kept.told:
            told_to = tuple(sorted(kept.told_to))
            return draft.answer(
                Outcome.RESOLVED, alert=kept.alert, withdrawn=withdrawn, told_to=told_to
            )
        return draft.answer(Outcome.ENDED, withdrawn=withdrawn)

    def _take(self, work: str, place: Place) -> Taken:
        group = self._groups.get(place)
        if group is None or not group.count:
            self._drop(place, self._groups)
            return Taken((), 0)
        self._groups[place] = _Group()
        self._taken_open[work] = [each.opened for each in group.members.values() if each.opened]
        for number, member in group.members.items():
            kept = self._open.get(member.opened) if member.opened else None
            if kept is not None and (place, number) in kept.waiting:
                kept.told = kept.told or work
                kept.told_to = {
                    **dict.fromkeys(kept.waiting.pop((place, number)), work),
                    **kept.told_to,
                }
        alerts = [
            Grouped(member.alert, member.held_back)
            for member in group.members.values()
            if member.alert is not None
        ]
        return Taken(tuple(alerts or self._counted(group)), group.count)

    def _counted(self, group: _Group) -> Iterator[Grouped]:
        """Where all alerts that were kept are over: those that were counted, where they are open."""
        for member in list(group.members.values())[:MEMBERS_LIMIT]:
            opened = self._open.get(member.opened) if member.opened else None
            if opened is not None:
                yield Grouped(opened.alert, 0)

    def _touch(self, place: Place, until: int, now: int, draft: _Draft) -> bool:
        """Make room for a key until then; False where there is none."""
        state, key = place
        keys = self._keys.setdefault(state, {})
        if key not in keys and len(keys) >= self._keys_limit:
            for old in [old for old, expires in keys.items() if expires <= now]:
                self._forget_key((state, old))
            if len(keys) >= self._keys_limit:
                draft.overflowed = True
                return False
        keys[key] = max(until, keys.get(key, 0))
        return True

    def _forget_key(self, place: Place) -> None:
        kinds: tuple[dict[Place, Any], ...] = (
            self._counts,
            self._expectations,
            self._open,
            self._marks,
            self._cooling,
            self._escalations,
        )
        for kind in kinds:
            kind.pop(place, None)
        self._keys[place[0]].pop(place[1], None)

    def _drop(self, place: Place, kind: dict[Place, Any]) -> None:
        kind.pop(place, None)
        self._keys.get(place[0], {}).pop(place[1], None)


def _window(events: Sequence[tuple[int, str]], own: int, step: Count) -> int | None:
    """The first of ``at_least`` events in a row, ``own`` among them, that span under ``within``."""
    for first in range(max(0, own - step.at_least + 1), own + 1):
        last = first + step.at_least - 1
        if last >= len(events):
            return None
        if events[last][0] - events[first][0] < step.within:
            return first
    return None
