"""Keyed alerts: a rule and the values of its ``by``, with what is true of them and what was told of it.

A keyed alert is ``pending``, ``firing`` or ``resolved``. Beside that it may be acknowledged, and be
suppressed for a reason. It is one record, which ``keyed_alert.lua`` writes too: a msgpack map, in which
a field with its default is missing. The alert that a notification is rendered from is stored beside it.

Its life begins with an event and ends when it is resolved, or expires. At each change, and at the time
of its next *look*, what is true is compared with what each destination was told.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, NewType

import msgspec

from router.rules.state.step import DAY_MS, KEYED_ALERTS, Memory, Outcome, Place, Reason, Record

if TYPE_CHECKING:
    from router.rules.state.step import ChainRun

PENDING: Final = "pending"
FIRING: Final = "firing"
RESOLVED: Final = "resolved"

LIFE: Final = "life"
"""The word that stands for keyed alerts where a timer has the key of a feature."""
LOG_LIMIT: Final = 20
"""Changes that a keyed alert records; the oldest are dropped."""
KEPT_MS: Final = DAY_MS
"""How long a keyed alert is stored after it is resolved."""
KEPT_EXPIRED_MS: Final = 3_600_000
"""How long one is stored that is over because no event came."""
LOOK_AGAIN_MS: Final = 1000
"""The least time between two looks at an alert that stays suppressed."""
NAMES_LIMIT: Final = 5
"""Names of destinations that one change in the log has."""
INHIBITS_LIMIT: Final = 20
"""Marks of inhibitions that one alert ends when it is resolved."""
COOLDOWN: Final = Reason("cooldown")
"""Destinations were notified a short while ago."""
CHAIN: Final = "-"
"""Notified by a chain, in contrast to the timer of a group, which may still retract it."""

Change = NewType("Change", str)
"""A kind of change: ``opened``, ``pending``, ``notified``, ``suppressed``, ``reminded``, ``escalated``,
``acknowledged``, ``unacknowledged``, ``resolving``, ``resolved`` or ``expired``."""


class LogEntry(msgspec.Struct, frozen=True, array_like=True):
    """One change of a keyed alert."""

    at: int
    """Unix ms."""
    change: Change
    detail: str = ""
    """A reason, destinations, or who did it."""


class ToldStatus(msgspec.Struct, array_like=True):
    """The last notification of a destination."""

    status: str
    """``firing`` or ``resolved``."""
    at: int
    """Unix ms at which the notification was decided."""
    count: int = 1
    """The events so far."""
    by: str = CHAIN
    """The decider: ``CHAIN``, or the timer of a group, which may retract it."""


class Waiting(msgspec.Struct, array_like=True):
    """The part of an alert that waits in a group."""

    send_to: list[str]
    """Names of destinations."""
    numbers: list[int]
    """Its numbers as a member."""
    remind_ms: int = 0
    """How long after the group's message destinations are reminded; 0 for never."""


class AlertRecord(Record):
    """A keyed alert. Times are Unix ms; 0 stands for none."""

    expires: ClassVar[bool] = False

    form: int = 1
    """The version of this form."""
    version: int = 0
    """Raised by each change."""
    rule: str = ""
    """The rule's name."""
    status: str = FIRING
    since: int = 0
    """When the first event of this life happened, by its own time."""
    at: int = 0
    """When the last one happened."""
    opened_at: int = 0
    """When this life began, by the workers' clock."""
    changed: int = 0
    """When the status, the reason or what was told changed last, by the workers' clock."""
    until: int = 0
    """When it is over if no further event comes."""
    resolved_at: int = 0
    count: int = 0
    """Events of this life."""
    held: int = 0
    """Notifications that were suppressed since the last one."""
    held_because: list[str] = msgspec.field(default_factory=list)
    """Their reasons, each once."""
    why: str = ""
    """The reason for which it is suppressed now."""
    ends: int = 0
    """When that reason ends, as far as it is known."""
    is_dropped: bool = False
    """True if what was suppressed is not to be told when the reason ends."""
    is_cooled: bool = False
    """True if the notification that began the cooldown was retracted, so that the next one is exempt."""
    pending_until: int = 0
    resolving_at: int = 0
    """When it is resolved, unless an event of the rule comes before."""
    remind_at: int = 0
    reminders: int = 0
    later: int = 0
    """When the next of its destinations that is off duty comes on duty."""
    told: dict[str, ToldStatus] = msgspec.field(default_factory=dict)
    """By the name of the destination."""
    waiting: dict[str, Waiting] = msgspec.field(default_factory=dict)
    """By the group, ``<state>:<key>``."""
    inhibits: list[str] = msgspec.field(default_factory=list)
    """The marks, ``<state>:<key>``, by which it inhibits others."""
    acknowledged_by: str = ""
    """The name of who acknowledged it in this life; ``""`` if it is not acknowledged."""
    log: list[LogEntry] = msgspec.field(default_factory=list)
    """The last changes, oldest first."""

    def is_open(self, now: int) -> bool:
        """Return whether the alert's life goes on at Unix ms ``now``."""
        return self.status != RESOLVED and now < self.until

    def note(self, now: int, change: str, detail: str = "") -> None:
        """Add a change to the log. The last of several reminders stands for all.

        Otherwise they would leave no room for who was told first and who acknowledged.
        """
        last = self.log[-1] if self.log else None
        is_again = (
            change == "reminded"
            and last is not None
            and (last.change, last.detail) == (change, detail)
        )
        before = self.log[:-1] if is_again else self.log
        self.log = [*before, LogEntry(now, Change(change), detail)][-LOG_LIMIT:]
        self.changed = now

    def told_firing(self) -> list[str]:
        """Return the destinations that were told that it fires, and not yet that it is resolved."""
        return sorted(name for name, told in self.told.items() if told.status == FIRING)

    def tell(self, names: Iterable[str], now: int, by: str = CHAIN) -> None:
        """Note that these destinations are told now that it fires.

        What a chain told stays, if a timer that may retract tells it again.
        """
        for name in names:
            before = self.told.get(name)
            is_kept = by != CHAIN and before is not None and before.status == FIRING
            if not is_kept:
                self.told[name] = ToldStatus(FIRING, now, self.count, by)

    def hold_back(self, reason: str) -> None:
        """Count a notification that is suppressed, and its reason. A cooldown counts its own."""
        self.held += reason != COOLDOWN
        if reason not in self.held_because:
            self.held_because.append(reason)

    def take_held(self) -> tuple[int, str]:
        """Return how many notifications were held back, and the reasons with commas; then none is."""
        held, because = self.held, ",".join(self.held_because)
        self.held, self.held_because = 0, []
        return held, because

    def suppress(self, now: int, reason: str, ends: int, *, drops: bool) -> None:
        """Note why it is suppressed now, until Unix ms ``ends`` if that is not 0."""
        if self.why != reason:
            self.note(now, "suppressed", reason)
        self.why, self.ends, self.is_dropped = reason, ends, drops

    def next_look(self, now: int) -> int:
        """Return when the alert must be judged again, in Unix ms."""
        times = [self.until, self.resolving_at, self.later, self.remind_at]
        if self.status == PENDING:
            times.append(self.pending_until)
        if self.why and not self.is_dropped:
            times.append(self.ends and max(self.ends, now + LOOK_AGAIN_MS))
        at = min(each for each in times if each > 0)
        return at if at > now else now + LOOK_AGAIN_MS


class OpenedAlert(msgspec.Struct):
    """The keyed alert of a chain, while its steps run."""

    key: str
    record: AlertRecord
    is_look: bool = False
    """True if no event but a look has caused the chain."""
    opens: bool = False
    """True if its life as firing begins with this chain."""
    is_told: bool = False
    """True if a destination knew that it fires when the look came."""
    is_due: bool = False
    """True if a reminder is due."""
    is_reminder: bool = False
    names: tuple[str, ...] = ()
    """The destinations that a look notifies."""
    ends: int = 0
    """When the reason of the suppression ends, in Unix ms; 0 if that is not known."""
    drops: bool = False
    """True if that suppression drops what it suppresses."""


class WaitingRecord(Record):
    """Base of a record in which keyed alerts wait."""

    def withdraw(self, number: int) -> None:
        """Remove the alert with this number, because it is resolved."""
        raise NotImplementedError


class MarksRecord(Record):
    """Base of a record of the alerts that inhibit others."""

    def end(self, key: str) -> Iterable[str]:
        """Remove the mark of an alert; return the alerts that were inhibited."""
        raise NotImplementedError


def find_alert(memory: Memory, key: str) -> AlertRecord | None:
    """Return the record of a keyed alert."""
    return memory.find((KEYED_ALERTS, key), AlertRecord)


def settle(run: "ChainRun") -> None:
    """Record what a chain has decided about its keyed alert, and when to look at it again."""
    opened = run.opened
    if opened is None:
        return
    record, result = opened.record, run.result
    if result is not None and result.outcome is Outcome.SUPPRESSED:
        reason = str(result.reason)
        if opened.opens or not opened.is_look:
            record.hold_back(reason)
        record.suppress(run.now, reason, opened.ends, drops=opened.drops)
        if opened.is_due and opened.ends > run.now and not opened.drops:
            record.remind_at = min(record.remind_at, opened.ends)
    record.version += 1
    run.memory.looks.bring_forward(opened.key, record.next_look(run.now))


def end_alert(
    run: "ChainRun",
    key: str,
    bound: Sequence[Place],
    *,
    change: str = "resolved",
    detail: str = "",
) -> bool:
    """End an alert that is open, and all that is bound to it. Always True.

    The result has the destinations that were told that it fires, and the alert.
    """
    record, memory = find_alert(run.memory, key), run.memory
    if record is None:
        return run.stop(Outcome.NOTHING)
    run.opened = None
    withdrawn = sum(len(waiting.numbers) for waiting in record.waiting.values())
    for group, waiting in record.waiting.items():
        _withdraw(memory, group, waiting.numbers)
    for place in bound:
        memory.drop(place)
    for mark in record.inhibits:
        _end_mark(run, mark, key)
    names = record.told_firing() if change != "expired" else []
    for name in names:
        record.told[name] = ToldStatus(RESOLVED, run.now, record.count)
    record.status, record.resolved_at = RESOLVED, run.now
    record.waiting, record.inhibits, record.why = {}, [], ""
    record.held, record.held_because, record.ends, record.pending_until = 0, [], 0, 0
    record.resolving_at = record.remind_at = record.later = 0
    record.note(run.now, change, detail)
    record.version += 1
    memory.looks.set(key, run.now + (KEPT_EXPIRED_MS if change == "expired" else KEPT_MS))
    if not names:
        return run.stop(Outcome.ENDED, withdrawn=withdrawn)
    return run.stop(
        Outcome.RESOLVED,
        alert=memory.bodies.get(key, b""),
        withdrawn=withdrawn,
        notified=tuple(names),
        extra=(b"%d" % record.since, record.acknowledged_by.encode()),
    )


def reasons_of(text: bytes) -> tuple[str, ...]:
    """Return the reasons in what ``AlertRecord.take_held`` returns, as a result of a chain has it."""
    return tuple(text.decode().split(",")) if text else ()


def names_text(names: Sequence[str]) -> str:
    """Return names of destinations as a log has them: the first few, and how many more there are."""
    more = len(names) - NAMES_LIMIT
    return " ".join([*names[:NAMES_LIMIT], *([f"+{more}"] if more > 0 else [])])


def place_text(place: Place) -> str:
    """Return a place as a record of an alert refers to it."""
    return f"{place[0]}:{place[1]}"


def _place_of(text: str) -> Place:
    state, _, key = text.rpartition(":")
    return state, key


def _withdraw(memory: Memory, group: str, numbers: Iterable[int]) -> None:
    record = memory.find(_place_of(group), WaitingRecord)
    if record is not None:
        for number in numbers:
            record.withdraw(number)


def _end_mark(run: "ChainRun", mark: str, key: str) -> None:
    marks = run.memory.find(_place_of(mark), MarksRecord)
    for inhibited in marks.end(key) if marks is not None else ():
        run.memory.looks.bring_forward(inhibited, run.now)
