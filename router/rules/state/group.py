"""``group``: one message for many alerts.

The first alert of a group sets a timer. When it is due, the timer takes all that waits and sends
one message. The group then stays for ``interval``, and ends when nothing joined meanwhile.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import msgspec

from router.alerts import Alert, Member
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.chain import Chain, Store, decode_alert
from router.rules.state.decision import DecisionDraft
from router.rules.state.feature import (
    AlertFacts,
    ByText,
    Feature,
    by_text,
    check_span,
    digest,
    span_text,
    values_of,
)
from router.rules.state.measured import restored
from router.rules.state.open_alert import CHAIN, OpenRecord, WaitingRecord
from router.rules.state.step import (
    DAY_MS,
    WORK,
    ChainResult,
    ChainRun,
    Outcome,
    Place,
    Reason,
    Record,
    Step,
)
from router.rules.state.timer import POISON, Timer, TimerContext, TimerDraft

MEMBERS_LIMIT: Final = 20
"""Alerts of a group that are stored; the others are counted."""
OPEN_MEMBERS_LIMIT: Final = 1000
"""Alerts of a group that can be withdrawn when they are resolved before the group is sent."""

_KEY: Final = "group"
_KEPT_MS: Final = 30 * DAY_MS


class GroupText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message for many alerts."""

    by: ByText = ()
    wait: Annotated[Duration, about("How long the first alert waits for others.")] = Duration(30)
    interval: Annotated[Duration, about("The least time between two messages.")] = Duration(300)

    def __post_init__(self) -> None:
        check_span("wait", self.wait)
        check_span("interval", self.interval)


class _Member(msgspec.Struct):
    alert: bytes | None
    """None for an alert that is only counted."""
    held_back: int
    opened: Place | None


class _Group(WaitingRecord):
    # Because its timer ends it, and alerts would be lost with it.
    expires: ClassVar[bool] = False

    count: int = 0
    """Alerts that wait."""
    joined: int = 0
    """Alerts that joined since the last message; the number of the last one."""
    members: dict[int, _Member] = msgspec.field(default_factory=dict)

    def withdraw(self, number: int) -> None:
        del self.members[number]
        self.count -= 1


class _Taken(Record):
    count: int = 0
    extra: tuple[bytes, ...] = ()
    opened: tuple[Place, ...] = ()
    """The places where its alerts are open, as far as they can be resolved."""


class JoinGroup(Step, frozen=True, array_like=True):
    """Wait in the group of this key, with the chain's alert, which is for ``send_to``.

    Stops, unless the state has no room; the alert then is sent by itself.
    """

    state: str
    key: str
    opened: Place | None
    send_to: tuple[str, ...]

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if not run.touch(place, _KEPT_MS):
            return False
        first = run.memory.find(place, _Group) is None
        group = run.memory.obtain(place, _Group)
        group.count += 1
        group.joined += 1
        number = group.joined
        opened = self.opened if run.opened else None
        record = run.memory.find(opened, OpenRecord) if opened else None
        if number <= MEMBERS_LIMIT or (record and number <= OPEN_MEMBERS_LIMIT):
            alert = run.alert if number <= MEMBERS_LIMIT else None
            group.members[number] = _Member(alert, run.held_back, opened)
        if record is not None:
            record.alert = run.alert
            if number <= OPEN_MEMBERS_LIMIT:
                record.waiting[place, number] = self.send_to
            else:
                record.notified_by = CHAIN
                record.add_recipients(self.send_to)
        extra = (self.state.encode(), self.key.encode()) if first else ()
        return run.stop(Outcome.GROUPED, first=first, extra=extra)


class TakeGroup(Step, frozen=True, array_like=True):
    """Empty the group for its timer. Always stops.

    The result's ``count`` is how many alerts waited, its ``extra`` the stored ones: for each the
    alert, then how many alerts a cooldown suppressed before it. A second run returns the same,
    because what was taken is stored itself. A group in which nothing waits ends.

    If all stored alerts are resolved, those that were only counted are returned instead, as far as
    they are stored where they are open.
    """

    state: str
    key: str

    def run(self, run: ChainRun) -> bool:
        run.is_stored = False
        taken = run.memory.find((WORK, run.work), _Taken) or self._take(run)
        run.count = taken.count
        return run.stop(Outcome.NOTHING, extra=taken.extra)

    def _take(self, run: ChainRun) -> _Taken:
        place, memory = (self.state, self.key), run.memory
        group = memory.find(place, _Group)
        if group is None or not group.count:
            memory.drop(place)
            return _Taken()
        memory.put(place, _Group())
        for number, member in group.members.items():
            record = memory.find(member.opened, OpenRecord) if member.opened else None
            if record is not None and (place, number) in record.waiting:
                # By this timer, unless another notified before: RetractNotified depends on it.
                send_to = record.waiting.pop((place, number))
                record.notified_by = record.notified_by or run.work
                record.recipients = {**dict.fromkeys(send_to, run.work), **record.recipients}
        stored = [
            (member.alert, member.held_back)
            for member in group.members.values()
            if member.alert is not None
        ]
        extra: list[bytes] = []
        for alert, held_back in stored or self._counted(run, group):
            extra += (alert, b"%d" % held_back)
        opened = tuple(each.opened for each in group.members.values() if each.opened)
        return memory.put((WORK, run.work), _Taken(group.count, tuple(extra), opened))

    def _counted(self, run: ChainRun, group: _Group) -> Iterator[tuple[bytes, int]]:
        for member in list(group.members.values())[:MEMBERS_LIMIT]:
            record = run.memory.find(member.opened, OpenRecord) if member.opened else None
            if record is not None:
                yield record.alert, 0


class RetractNotified(Step, frozen=True, array_like=True):
    """Forget that this timer notified of the alerts that it took from its group. Always stops.

    What others notified of stays.
    """

    opened: tuple[Place, ...] | None
    """The places where these alerts are open; None for all that it took."""

    def run(self, run: ChainRun) -> bool:
        places = self.opened
        if places is None:
            taken = run.memory.find((WORK, run.work), _Taken)
            places = taken.opened if taken is not None else ()
        for place in places:
            record = run.memory.find(place, OpenRecord)
            if record is not None:
                if record.notified_by == run.work:
                    record.notified_by = ""
                record.recipients = {
                    name: by for name, by in record.recipients.items() if by != run.work
                }
        return run.stop(Outcome.NOTHING)


class _TakenAlert(NamedTuple):
    alert: Alert
    send_to: tuple[str, ...]


class _Sorted(NamedTuple):
    """The alerts of a group."""

    wanted: list[_TakenAlert]
    suppressed: list[tuple[Alert, Reason]]
    retracted: tuple[Place, ...]
    """The places where suppressed alerts are open, without those where a wanted one is open too."""


class FlushTimer(Timer, frozen=True, kw_only=True, array_like=True, tag="flush"):
    """Sends the message of a group."""

    feature = _KEY

    interval: float
    """Seconds until the next message."""

    async def alerts(self, store: Store) -> list[Alert]:
        _, taken, _ = await self._take(store)
        return [each.alert for each in taken]

    async def fire(self, context: TimerContext) -> None:
        count, taken, number = await self._take(context.store)
        if not count:
            return
        each = _sort(taken, context)
        self._suppress(each, count, context.draft)
        if each.retracted or not each.wanted:
            # Otherwise destinations would be notified that an alert is resolved, and never of it.
            step = RetractNotified(each.retracted if each.wanted else None)
            await context.store.decide([Chain(f"{self.state}-unheard", (step,))])
        if each.wanted:
            alerts, send_to = [one.alert for one in each.wanted], each.wanted[0].send_to
            sent = count - len(each.suppressed)
            message = _message(alerts, sent, context)
            context.draft.notify(message, send_to, new=0, notified=sent, number=number)
            await context.follow_up(message, send_to)
        due_at = context.now + self.interval
        context.draft.set_timer(msgspec.structs.replace(self, due_at=due_at))

    async def _take(self, store: Store) -> tuple[int, list[_TakenAlert], int]:
        """Return how many alerts waited, the stored ones, and the number of this."""
        step = TakeGroup(self.state, self.key)
        (result,) = await store.decide([Chain(f"{self.state}-take", (step,))])
        taken = []
        for alert, held_back in zip(result.extra[::2], result.extra[1::2], strict=True):
            stored = decode_alert(alert)
            own = msgspec.structs.replace(restored(stored), held_back=int(held_back))
            taken.append(_TakenAlert(own, stored.send_to))
        return result.count, taken, result.number

    def _suppress(self, each: _Sorted, count: int, draft: TimerDraft) -> None:
        for alert, reason in each.suppressed:
            draft.suppress(self.rule, reason, new=0)
            if reason == POISON:
                draft.quarantine(alert)
        if each.suppressed and not each.wanted:
            # Those that were only counted are suppressed like the stored ones.
            for _ in range(count - len(each.suppressed)):
                draft.suppress(self.rule, each.suppressed[-1][1], new=0)


def _sort(taken: Sequence[_TakenAlert], context: TimerContext) -> _Sorted:
    wanted: list[_TakenAlert] = []
    suppressed: list[tuple[Alert, Reason]] = []
    places: dict[bool, set[Place]] = {True: set(), False: set()}
    for each in taken:
        if each.alert.id in context.poison:
            suppressed.append((each.alert, POISON))
            continue
        reason = context.suppression(each.alert)
        opened = context.opened(each.alert)
        if opened is not None:
            places[reason is None].add(opened)
        if reason is None:
            wanted.append(each)
        else:
            suppressed.append((each.alert, reason))
    return _Sorted(wanted, suppressed, tuple(sorted(places[False] - places[True])))


def _message(alerts: list[Alert], count: int, context: TimerContext) -> Alert:
    """Return one alert for all of a group: the first one, with the others as its members."""
    members = tuple(
        Member(
            id=alert.id,
            event_id=alert.event_id,
            raised_at=alert.raised_at,
            summary=context.summary(alert),
        )
        for alert in alerts[1:]
    )
    return msgspec.structs.replace(
        alerts[0],
        members=members or alerts[0].members,
        grouped=count,
        held_back=sum(alert.held_back for alert in alerts),
    )


class GroupFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts are sent as one message."""

    key = _KEY
    purpose = "One message for many alerts."
    written = GroupText
    delays = True
    limits = {"members_limit": MEMBERS_LIMIT, "open_members_limit": OPEN_MEMBERS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class
    timer = FlushTimer
    identity_rank = 4
    in_shadow = False
    is_last = True
    keeps_alert = True

    text: GroupText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        # Alerts for different destinations cannot be one message.
        key = digest((*values_of(self.by, facts.content), *facts.send_to))
        yield JoinGroup(self.state, key, facts.opened, facts.send_to)

    def conclude(
        self, draft: DecisionDraft, alert: Alert, steps: Sequence[Step], result: ChainResult
    ) -> None:
        if result.outcome is not Outcome.GROUPED:
            return
        draft.wait()
        for step in steps:
            if result.first and isinstance(step, JoinGroup):
                state, key = result.place or (step.state, step.key)
                draft.set_timer(
                    FlushTimer(
                        due_at=draft.now + self.text.wait,
                        rule=alert.rule,
                        state=state,
                        key=key,
                        interval=float(self.text.interval),
                    )
                )

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        wait, interval = span_text(self.text.wait), span_text(self.text.interval)
        by = by_text(self.by, content)
        yield f"notifies with its group after {wait}, then every {interval}{by}"
