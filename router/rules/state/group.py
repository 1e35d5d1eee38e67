"""``group``: one message for many alerts.

The first alert of a group sets a timer. When it is due, the timer takes all that waits and sends
one message. The group then stays for ``interval``, and ends when nothing joined meanwhile.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import msgspec

from router.alerts import Alert
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
from router.rules.state.group_message import group_message
from router.rules.state.keyed_alert import (
    Waiting,
    WaitingRecord,
    find_alert,
    place_text,
    reasons_of,
)
from router.rules.state.measured import restored
from router.rules.state.step import (
    DAY_MS,
    WORK,
    ChainResult,
    ChainRun,
    Outcome,
    Record,
    Step,
)
from router.rules.state.timer import POISON, Timer, TimerContext, TimerDraft
from router.rules.suppression.suppressions import Suppression

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
    opened: str
    """The key of the keyed alert, ``""`` if it is none."""


class _Group(WaitingRecord):
    # Because its timer ends it, and alerts would be lost with it.
    expires: ClassVar[bool] = False

    count: int = 0
    """Alerts that wait."""
    joined: int = 0
    """Alerts that joined since the last message; the number of the last one."""
    members: dict[int, _Member] = msgspec.field(default_factory=dict)

    def withdraw(self, number: int) -> None:
        if self.members.pop(number, None) is not None:
            self.count -= 1


class _Taken(Record):
    count: int = 0
    extra: tuple[bytes, ...] = ()
    opened: tuple[str, ...] = ()
    """The keys of its keyed alerts."""


class JoinGroup(Step, frozen=True, array_like=True):
    """Wait in the group of this key, with the chain's alert, which is for ``send_to``.

    Stops, unless the state has no room, or a look reminds: the alert then is sent by itself.
    """

    state: str
    key: str
    send_to: tuple[str, ...]
    remind_ms: int = 0
    """How long after the group's message destinations are reminded; 0 for never."""

    def run(self, run: ChainRun) -> bool:
        place, opened = (self.state, self.key), run.opened
        if opened is not None and opened.is_reminder:
            return False
        if not run.touch(place, _KEPT_MS):
            return False
        first = run.memory.find(place, _Group) is None
        group = run.memory.obtain(place, _Group)
        group.count += 1
        group.joined += 1
        number = group.joined
        if number <= MEMBERS_LIMIT or (opened is not None and number <= OPEN_MEMBERS_LIMIT):
            alert = run.alert if number <= MEMBERS_LIMIT else None
            group.members[number] = _Member(alert, run.held_back, opened.key if opened else "")
        if opened is not None:
            names = opened.names if opened.is_look else self.send_to
            if number <= OPEN_MEMBERS_LIMIT:
                waiting = opened.record.waiting.setdefault(place_text(place), Waiting([], []))
                waiting.send_to = list(dict.fromkeys((*waiting.send_to, *names)))
                waiting.numbers.append(number)
                waiting.remind_ms = self.remind_ms
            else:
                opened.record.tell(names, run.now)
            opened.record.why, opened.record.ends = "", 0
            # A late notification is itself one of those that were held back.
            opened.record.held = max(0, opened.record.held - opened.is_look)
        extra = (self.state.encode(), self.key.encode()) if first else ()
        return run.stop(Outcome.GROUPED, first=first, extra=extra)


class TakeGroup(Step, frozen=True, array_like=True):
    """Empty the group for its timer. Always stops.

    The result's ``count`` is how many alerts waited, its ``extra`` the stored ones: for each the
    alert, how many alerts a cooldown or another reason suppressed before it, since when (Unix ms) and for
    which reasons. A second run returns the same, because what was taken is stored itself. A group in which
    nothing waits ends.

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
        extra: list[bytes] = []
        counted: list[bytes] = []
        for _, member in sorted(group.members.items()):
            held, since, because = member.held_back, 0, ""
            record = find_alert(memory, member.opened) if member.opened else None
            waiting = record.waiting.pop(place_text(place), None) if record else None
            if record is not None and waiting is not None:
                # By this timer, unless a chain notified before: RetractNotified depends on it.
                record.tell(waiting.send_to, run.now, run.work)
                record.remind_at = run.now + waiting.remind_ms if waiting.remind_ms else 0
                more, because = record.take_held()
                held, since = held + more, record.since if because else 0
                record.version += 1
                memory.looks.bring_forward(member.opened, record.next_look(run.now))
            life = (b"%d" % held, b"%d" % since, because.encode())
            if member.alert is not None:
                extra += (member.alert, *life)
            elif record is not None and len(counted) < 4 * MEMBERS_LIMIT:
                counted += (memory.bodies[member.opened], *life)
        opened = tuple(dict.fromkeys(each.opened for each in group.members.values() if each.opened))
        return memory.put((WORK, run.work), _Taken(group.count, tuple(extra or counted), opened))


class HeldMember(msgspec.Struct, frozen=True, array_like=True):
    """A keyed alert of a group that is suppressed when the group's message is sent."""

    key: str
    reason: str
    ends: int
    """As in ``Suppress``."""
    drops: bool


class RetractNotified(Step, frozen=True, array_like=True):
    """Forget that this timer notified of keyed alerts that it took from its group. Always stops.

    What others notified of stays. They are suppressed now, and looked at when that ends.
    """

    held: tuple[HeldMember, ...]
    others: HeldMember | None
    """Why the others that it took are suppressed, whatever the key; None if they are not."""

    def run(self, run: ChainRun) -> bool:
        held = {each.key: each for each in self.held}
        taken = run.memory.find((WORK, run.work), _Taken)
        if self.others is not None and taken is not None:
            held = {
                **{key: msgspec.structs.replace(self.others, key=key) for key in taken.opened},
                **held,
            }
        for each in held.values():
            record = find_alert(run.memory, each.key)
            if record is None or not record.is_open(run.now):
                continue
            retracted = [name for name, told in record.told.items() if told.by == run.work]
            if not retracted:
                continue
            for name in retracted:
                del record.told[name]
            record.hold_back(each.reason)
            record.suppress(run.now, each.reason, each.ends, drops=each.drops)
            record.is_cooled = True
            record.version += 1
            run.memory.looks.bring_forward(each.key, record.next_look(run.now))
        return run.stop(Outcome.NOTHING)


class _TakenAlert(NamedTuple):
    alert: Alert
    send_to: tuple[str, ...]


class _Sorted(NamedTuple):
    """The alerts of a group."""

    wanted: list[_TakenAlert]
    """Those that the message is about."""
    suppressed: list[tuple[Alert, Suppression]]


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
        members = await _sort(taken, context)
        self._suppress(members, count, context.draft)
        held = _held(members, context)
        if held:
            # Otherwise destinations would be notified that an alert is resolved, and never of it. Those that
            # were only counted are suppressed like the stored ones, unless one of these is not.
            step = RetractNotified(held, None if members.wanted else held[-1])
            await context.store.decide([Chain(f"{self.state}-unheard", (step,))])
        if members.wanted:
            alerts, send_to = [each.alert for each in members.wanted], members.wanted[0].send_to
            sent = count - len(members.suppressed)
            message = group_message(alerts, sent, context)
            context.draft.notify(message, send_to, new=0, notified=sent, number=number)
            await context.follow_up(message, send_to)
        due_at = context.now + self.interval
        context.draft.set_timer(msgspec.structs.replace(self, due_at=due_at))

    async def _take(self, store: Store) -> tuple[int, list[_TakenAlert], int]:
        """Return how many alerts waited, the stored ones, and the number of this."""
        step = TakeGroup(self.state, self.key)
        (result,) = await store.decide([Chain(f"{self.state}-take", (step,))])
        taken = []
        for at in range(0, len(result.extra), 4):
            alert, held_back, since, because = result.extra[at : at + 4]
            stored = decode_alert(alert)
            own = msgspec.structs.replace(
                restored(stored),
                held_back=int(held_back),
                since=int(since) / 1000,
                held_because=reasons_of(because),
            )
            taken.append(_TakenAlert(own, stored.send_to))
        return result.count, taken, result.number

    def _suppress(self, members: _Sorted, count: int, draft: TimerDraft) -> None:
        for alert, suppression in members.suppressed:
            draft.suppress(self.rule, suppression.reason, new=0)
            if suppression.reason == POISON:
                draft.quarantine(alert)
        if members.suppressed and not members.wanted:
            # Those that were only counted are suppressed like the stored ones.
            for _ in range(count - len(members.suppressed)):
                draft.suppress(self.rule, members.suppressed[-1][1].reason, new=0)


async def _sort(taken: Sequence[_TakenAlert], context: TimerContext) -> _Sorted:
    """Return the alerts of a group by whether they are suppressed now. Raises as the store does."""
    wanted: list[_TakenAlert] = []
    suppressed: list[tuple[Alert, Suppression]] = []
    reasons = await context.suppressions([each.alert for each in taken])
    for each, reason in zip(taken, reasons, strict=True):
        if reason is None:
            wanted.append(each)
        else:
            suppressed.append((each.alert, reason))
    return _Sorted(wanted, suppressed)


def _held(members: _Sorted, context: TimerContext) -> tuple[HeldMember, ...]:
    """Return the keyed alerts that are suppressed, without those that the message is about too."""
    told = {each.alert.key for each in members.wanted}
    held = {
        alert.key: HeldMember(
            alert.key,
            reason.reason,
            int(reason.ends * 1000),
            reason.drops or reason.reason == POISON,
        )
        for alert, reason in members.suppressed
        if alert.key not in told and context.is_keyed(alert)
    }
    return tuple(held[key] for key in sorted(held))


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
    keeps_alert = True

    text: GroupText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        # Alerts for different destinations cannot be one message.
        key = digest((*values_of(self.by, facts.content), *facts.send_to))
        yield JoinGroup(self.state, key, facts.send_to, facts.remind_ms)

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
