"""Looks: a keyed alert is judged again, because a time has come or something around it has changed.

A look compares what is true with what each destination was told: it notifies those that do not know
yet, reminds, resolves after ``resolve.hold``, or leaves the alert suppressed until the next look. A look
that comes too early, or twice, changes nothing.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import Alert
from router.rules.state.chain import Chain, Store, decode_alert
from router.rules.state.keyed_alert import (
    FIRING,
    PENDING,
    RESOLVED,
    AlertRecord,
    OpenedAlert,
    end_alert,
    find_alert,
)
from router.rules.state.measured import restored
from router.rules.state.step import ChainRun, Outcome, Place, Step
from router.rules.state.timer import Timer, TimerContext

WAITS_MS: Final = 60_000
"""How long an alert that waits in a group is open after each look."""
PAGE: Final = 20
"""Alerts that are judged in one piece, because the process does nothing else meanwhile."""


class ReadAlert(Step, frozen=True, array_like=True):
    """Return the alert of a keyed alert that is open. Always stops, and changes nothing."""

    key: str

    def run(self, run: ChainRun) -> bool:
        run.is_stored = False
        record = find_alert(run.memory, self.key)
        if record is None or record.status == RESOLVED:
            return run.stop(Outcome.NOTHING)
        return run.stop(Outcome.NOTHING, extra=(run.memory.bodies[self.key],))


class LookAt(Step, frozen=True, array_like=True):
    """Judge a keyed alert. Continues if destinations are to be notified now.

    They are those of ``send_to`` that do not know that it fires, or all that know if a reminder is due.
    """

    key: str
    send_to: tuple[str, ...]
    later: int
    """As in ``OpenAlert``."""
    remind_ms: int
    bound: tuple[Place, ...]
    """Places that are dropped when the alert ends."""

    def run(self, run: ChainRun) -> bool:
        record, now = find_alert(run.memory, self.key), run.now
        if record is None or record.status == RESOLVED:
            return run.stop(Outcome.NOTHING)
        if record.waiting:  # the message of its group tells it, so that it is not over before
            record.until = max(record.until, now + WAITS_MS)
        is_over = now >= record.until
        if is_over or 0 < record.resolving_at <= now:
            change = "expired" if is_over else "resolved"
            return end_alert(run, self.key, self.bound, change=change)
        opened = run.opened = OpenedAlert(self.key, record, is_look=True)
        record.later = self.later
        if record.status == PENDING:
            if now < record.pending_until:
                return run.stop(Outcome.NOTHING)
            record.status, record.pending_until = FIRING, 0
            record.note(now, "opened")
            opened.opens = True
        return self._judge(run, opened)

    def _judge(self, run: ChainRun, opened: OpenedAlert) -> bool:
        record, now = opened.record, run.now
        acknowledged = run.memory.is_acknowledged(self.key, record.opened_at)
        is_due = 0 < record.remind_at <= now
        if record.remind_at and (is_due or acknowledged or not self.remind_ms):
            record.remind_at = now + self.remind_ms if self.remind_ms else 0
        if record.resolving_at or record.waiting:
            return self._leave(run, record)
        knowing = record.told_firing()
        opened.is_told = bool(knowing)
        opened.is_due = is_due and not acknowledged and self.remind_ms > 0
        untold = tuple(name for name in self.send_to if name not in knowing)
        if untold and not record.is_dropped and not acknowledged:
            opened.names = untold
            return False
        opened.names = tuple(name for name in knowing if name in self.send_to)
        if opened.is_due and opened.names:
            opened.is_reminder = True
            return False
        return self._leave(run, record)

    @staticmethod
    def _leave(run: ChainRun, record: AlertRecord) -> bool:
        """Stop, because nothing is to be told. What suppressed it is over, unless its end is known."""
        if record.ends <= run.now:
            record.why, record.ends = "", 0
        return run.stop(Outcome.NOTHING)


class OpenForLook(Step, frozen=True, array_like=True):
    """Let the next step suppress a keyed alert, if it is open. Never stops."""

    key: str

    def run(self, run: ChainRun) -> bool:
        record = find_alert(run.memory, self.key)
        if record is not None and record.is_open(run.now):
            run.opened = OpenedAlert(self.key, record, is_look=True)
        return False


class EndByOperator(Step, frozen=True, array_like=True):
    """End a keyed alert, because an operator says so. Always stops."""

    key: str
    by: str
    bound: tuple[Place, ...]
    """As in ``LookAt``."""

    def run(self, run: ChainRun) -> bool:
        record = find_alert(run.memory, self.key)
        if record is None or not record.is_open(run.now):
            return run.stop(Outcome.NOTHING)
        return end_alert(run, self.key, self.bound, detail=self.by)


class ExpireAlert(Step, frozen=True, array_like=True):
    """End a keyed alert whose rule is gone; no destination is notified. Always stops."""

    key: str
    detail: str

    def run(self, run: ChainRun) -> bool:
        record = find_alert(run.memory, self.key)
        if record is None or record.status == RESOLVED:
            return run.stop(Outcome.NOTHING)
        return end_alert(run, self.key, (), change="expired", detail=self.detail)


class PostponeLook(Step, frozen=True, array_like=True):
    """Leave a keyed alert to a worker that knows its rule; look again after ``wait_ms``. Always stops."""

    key: str
    wait_ms: int

    def run(self, run: ChainRun) -> bool:
        if find_alert(run.memory, self.key) is not None:
            run.memory.looks.set(self.key, run.now + self.wait_ms)
        return run.stop(Outcome.NOTHING)


async def read_alerts(store: Store, keys: Sequence[str]) -> dict[str, Alert]:
    """Return the alerts of the keyed alerts that are open, by key.

    One that cannot be decoded is left out. Raises as ``store`` does.
    """
    results = await store.decide([Chain(f"{key}-read", (ReadAlert(key),)) for key in keys])
    found = {}
    for key, result in zip(keys, results, strict=True):
        try:
            if result.extra:
                found[key] = restored(decode_alert(result.extra[0]))
        except msgspec.MsgspecError:
            continue  # a rule's next event writes it again
    return found


class LookTimer(Timer, frozen=True, kw_only=True, array_like=True, tag="look.2"):
    """Judges a page of keyed alerts."""

    alerts_to_judge: tuple[str, ...] = ()
    """Their keys."""

    async def alerts(self, store: Store) -> list[Alert]:
        return list((await read_alerts(store, self.alerts_to_judge)).values())

    async def fire(self, context: TimerContext) -> None:
        await context.judge(await read_alerts(context.store, self.alerts_to_judge))


class ResolutionTimer(Timer, frozen=True, kw_only=True, array_like=True, tag="resolution.2"):
    """Resolves the keyed alert ``key``, because an operator says so."""

    by: str
    """The operator's name."""

    @property
    def fixed_id(self) -> str:
        """At most one for each alert."""
        return f"resolution-{self.key}"

    async def alerts(self, store: Store) -> list[Alert]:
        return list((await read_alerts(store, (self.key,))).values())

    async def fire(self, context: TimerContext) -> None:
        for alert in (await read_alerts(context.store, (self.key,))).values():
            await context.resolve(alert, self.by)
