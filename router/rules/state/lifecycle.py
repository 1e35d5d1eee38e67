"""The life of a keyed alert: it is opened by events, waits while pending, and is told.

The rule's ``resolve`` ends it, or it expires. What a look at it does is in ``look.py``.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from router.rules.state.feature import AlertFacts, Feature
from router.rules.state.keyed_alert import (
    PENDING,
    RESOLVED,
    AlertRecord,
    OpenedAlert,
    find_alert,
    names_text,
)
from router.rules.state.look import LookTimer, ResolutionTimer
from router.rules.state.step import KEYED_ALERTS, ChainRun, Outcome, Step

_OLDEST: Final = 100
"""Alerts that are looked at for one that can make room."""
_ENDED: Final = 10
"""Alerts that are resolved and make room at once."""


class OpenAlert(Step, frozen=True, array_like=True):
    """Open the alert, or continue its life. Stops while it is pending.

    If there is no room for a further alert, the chain goes on without one.
    """

    key: str
    rule: str
    at: int
    lasts_ms: int
    """How long it is open after its last event."""
    pending_ms: int
    later: int
    """When the next of its destinations that is off duty comes on duty, in Unix ms; 0 for never."""

    def run(self, run: ChainRun) -> bool:
        record = find_alert(run.memory, self.key)
        if record is None:
            if not self._reserve(run):
                return False
            record = run.memory.put((KEYED_ALERTS, self.key), AlertRecord(rule=self.rule))
        is_first = not record.is_open(run.now)
        opened = run.opened = OpenedAlert(self.key, record)
        if is_first:
            self._begin(record, run.now)
            opened.opens = record.status != PENDING
        record.count += 1
        record.at = max(record.at, self.at)
        record.until = max(record.until, run.now + self.lasts_ms)
        record.later, record.is_dropped, record.resolving_at = self.later, False, 0
        run.memory.bodies[self.key] = run.alert
        if record.status == PENDING:
            return run.stop(Outcome.PENDING if is_first else Outcome.COUNTED)
        return False

    def _begin(self, record: AlertRecord, now: int) -> None:
        fresh = AlertRecord(
            rule=self.rule,
            version=record.version,
            log=record.log,
            since=self.at,
            at=self.at,
            opened_at=now,
        )
        if self.pending_ms:
            fresh.status, fresh.pending_until = PENDING, now + self.pending_ms
        fresh.note(now, "pending" if self.pending_ms else "opened")
        for field in msgspec.structs.fields(AlertRecord):
            setattr(record, field.name, getattr(fresh, field.name))

    def _reserve(self, run: ChainRun) -> bool:
        memory = run.memory
        if self._is_full(run):
            self._drop_ended(run)
        if self._is_full(run) and not self._is_rule_full(run):
            self._drop_oldest(run)
        if self._is_full(run):
            run.overflowed = True
            return False
        memory.alert_counts[self.rule] += 1
        return True

    def _drop_ended(self, run: ChainRun) -> None:
        """Drop alerts of the rule that are resolved, the oldest first, until there is room."""
        records = ((key, find_alert(run.memory, key)) for key in run.memory.bodies)
        ended = sorted(
            (record.resolved_at, key)
            for key, record in records
            if record is not None and record.status == RESOLVED and record.rule == self.rule
        )
        for _, key in ended[:_ENDED]:
            if self._is_full(run):
                run.memory.forget_alert(key, self.rule)

    def _drop_oldest(self, run: ChainRun) -> None:
        """Drop alerts of any rule that are over, until there is room."""
        records = [(key, find_alert(run.memory, key)) for key in run.memory.bodies]
        found = sorted((record.changed, key) for key, record in records if record is not None)
        for _, key in found[:_OLDEST]:
            record = find_alert(run.memory, key)
            if record is not None and not record.is_open(run.now) and self._is_full(run):
                run.memory.forget_alert(key, record.rule)

    def _is_rule_full(self, run: ChainRun) -> bool:
        return run.memory.alert_counts[self.rule] >= run.memory.alert_limits.of_rule

    def _is_full(self, run: ChainRun) -> bool:
        counts, limits = run.memory.alert_counts, run.memory.alert_limits
        return self._is_rule_full(run) or counts.total() >= limits.of_all


class RecordNotified(Step, frozen=True, array_like=True):
    """Note that destinations are notified: ``send_to``, or those that a look names. Never stops.

    The result's ``extra`` then has what was held back before: since when (Unix ms), the reasons, the
    number of the reminder if it is one, and the name of who has acknowledged the alert.
    """

    send_to: tuple[str, ...]
    remind_ms: int

    def run(self, run: ChainRun) -> bool:
        opened = run.opened
        if opened is None:
            return False
        record = opened.record
        names = opened.names if opened.is_look else self.send_to
        if opened.is_look or record.why or not record.told_firing():
            change = "reminded" if opened.is_reminder else "notified"
            record.note(run.now, change, names_text(names))
        record.tell(names, run.now)
        record.why, record.ends = "", 0
        record.remind_at = run.now + self.remind_ms if self.remind_ms else 0
        if opened.is_reminder:
            record.reminders += 1
        if opened.is_look:
            run.notified = names
        _say_held(run, record, reminder=record.reminders if opened.is_reminder else 0)
        return False


def _say_held(run: ChainRun, record: AlertRecord, *, reminder: int = 0) -> None:
    """Let the chain's notification say what was held back, and who has acknowledged the alert.

    It says nothing if nothing was held back, no look causes it, and the alert is not acknowledged.
    """
    is_look = run.opened is not None and run.opened.is_look
    held, because = record.take_held()
    is_late = bool(because) or is_look
    if is_late or record.acknowledged_by:
        since = record.since if is_late else 0
        by = record.acknowledged_by.encode()
        run.extra = (b"%d" % since, because.encode(), b"%d" % reminder, by)
    if is_late:
        # A late notification is itself one of those that were held back.
        run.held_back = max(0, run.held_back + held - is_look)


class LifecycleFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts are keyed: made from its other features."""

    in_shadow = False
    keeps_alert = True
    timer = LookTimer
    further_timers = (ResolutionTimer,)
    tells_group = False

    open_ms: int
    """How long an alert is open after its last event."""
    pending_ms: int = 0
    """How long it must be open before destinations are notified; 0 if they are at once."""
    remind_ms: int = 0
    """How often destinations are reminded; 0 for never."""

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        yield OpenAlert(
            facts.alert.key,
            facts.alert.rule,
            facts.at,
            self.open_ms,
            self.pending_ms,
            facts.later,
        )

    def follow_ups(self, facts: AlertFacts) -> Iterator[Step]:
        yield RecordNotified(facts.send_to, self.remind_ms)


def lifecycle_of(features: Sequence[Feature]) -> LifecycleFeature | None:
    """Return the life that features give to the alerts of their rule; None if these have none."""
    lasts = max((each.lasts_ms for each in features), default=0)
    if not lasts:
        return None
    return LifecycleFeature(
        open_ms=lasts,
        pending_ms=max(each.pending_ms for each in features),
        remind_ms=max(each.remind_ms for each in features),
    )
