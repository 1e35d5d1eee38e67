"""Timers whose rule or feature this worker's rules do not have: put back, dropped in the end.

Workers of two generations of rules may run side by side, in a rolling deployment for example. A
worker that does not know a timer's feature leaves the timer to others and marks the feature. Only
if no worker has known it for ``after`` seconds is the timer fired without its rule: what an absence
or an escalation would have done is dropped and counted, a group is sent as it is.

A timer that is put back is due after a pause that grows while no worker is seen to know its feature.
While another worker is seen to know it, a worker that puts timers back polls them only once a second
and wakes the others meanwhile, so that the other worker gets the timer as soon as it is due again.
"""

import asyncio
import contextlib
import logging
import math
from typing import Final, NoReturn

from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.errors import JournalUnavailableError, PostponedError
from router.journal.keys import TimerId
from router.journal.unknown_rules import UnknownRules, feature_name
from router.rules.state.keyed_alert import LIFE
from router.rules.state.timer import Timer
from router.worker.mark_checks import MarkChecks
from router.worker.mark_watch import MarkWatch

logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5
_MAX_PAUSE: Final = 30.0
"""Seconds for which a timer is put back, at most: how late it may be once it is known again."""
_SHARED_PAUSE: Final = 1.0
"""Seconds for which a timer is put back while another worker knows its feature."""
_HOLD: Final = 1.0
"""Seconds without a poll after a timer was put back."""
_WAKE_AFTER: Final = 0.2
"""Seconds after which other workers are woken, when the job is released."""
_REMEMBERED: Final = 10_000
"""Timers of which this process counts how often it put them back."""


class UnknownFeatures:
    """The features that timers name and that this process does not know.

    Args:
        marks: The journal's part of it.
        live: The rules that are active.
        clock: The process's clock.
        after: Seconds for which no process may have known a feature before it counts as removed.
    """

    def __init__(
        self, marks: UnknownRules, live: ActiveConfiguration, clock: Clock, *, after: float
    ) -> None:
        self._marks = marks
        self._live = live
        self._clock = clock
        self._after = after
        self._watch = MarkWatch(after)
        self._checks = MarkChecks(
            self.check,
            self._forget,
            clock,
            interval=self._watch.interval,
            marked="features of rules",
        )
        self._put_back = asyncio.Event()
        self._hold_until = 0.0
        self._removed: dict[str, str] = {}
        """The features that count as removed, and their marks."""
        self._met_at: dict[str, float] = {}
        """When this process last met a timer of a feature; monotonic seconds."""
        self._claimed_at: dict[str, float] = {}
        """When another process last deleted the mark of a feature, as far as seen here."""
        self._times: dict[TimerId, int] = {}
        """How often this process put a timer back."""

    def changed(self) -> None:
        """Run the next check at once, because the rules have changed."""
        self._checks.changed()

    def wait(self) -> float:
        """Return the seconds for which this worker leaves due timers to others."""
        return max(0.0, self._hold_until - self._clock.monotonic())

    async def wake_others(self) -> NoReturn:
        """Wake the other workers after timers were put back, until cancelled."""
        while True:
            await self._put_back.wait()
            await asyncio.sleep(_WAKE_AFTER)
            self._put_back.clear()
            with contextlib.suppress(JournalUnavailableError):  # they poll every few seconds
                await self._marks.wake_others()

    async def run(self) -> NoReturn:
        """Check at intervals until cancelled."""
        await self._checks.run()

    async def check(self) -> None:
        """Delete the marks of features that this process knows, and watch the others.

        Raises:
            JournalUnavailableError: Redis did not answer.
        """
        now = self._clock.monotonic()
        marks = await self._marks.claim(self._is_known)
        self._removed = self._watch.observe(marks, now)
        for name in self._removed:
            # All its timers that were due are gone. Those that become due later wait again.
            if now - self._met_at.setdefault(name, now) > self._after:
                await self._marks.delete(name)
        for seen in (self._met_at, self._claimed_at):
            for name in [name for name, at in seen.items() if now - at > 2 * self._after]:
                del seen[name]

    async def check_timer(self, timer_id: TimerId, timer: Timer) -> bool:
        """Return whether the rules have the timer's feature; False if it was removed.

        Raises:
            PostponedError: Another process may have it.
            JournalUnavailableError: Redis did not answer.
        """
        name = feature_name(timer.rule, timer.feature)
        if self._is_known(name):
            self._times.pop(timer_id, None)
            return True
        is_new = name not in self._met_at
        if await self.is_removed(timer.rule, timer.feature):
            self._times.pop(timer_id, None)
            return False
        now = self._met_at[name]
        is_known_elsewhere = now - self._claimed_at.get(name, -math.inf) < 2 * self._watch.interval
        if is_known_elsewhere:
            self._hold_until = now + _HOLD
        self._put_back.set()
        message = f"the rules of this process have no {timer.feature} of rule {timer.rule}"
        if is_new:
            logger.warning(
                "timer put back; its rule is unknown here",
                extra={"rule": timer.rule, "feature": timer.feature, "timer": timer_id},
            )
        raise PostponedError(
            message, seconds=self._pause(timer_id, is_known_elsewhere=is_known_elsewhere)
        )

    async def is_removed(self, rule: str, feature: str) -> bool:
        """Mark a feature that this process does not know; return whether no process has known it for long.

        Raises:
            JournalUnavailableError: Redis did not answer.
        """
        name = feature_name(rule, feature)
        now = self._clock.monotonic()
        is_new = name not in self._met_at
        self._met_at[name] = now
        mark = self._removed.get(name)
        # Compared once more, because a process may have deleted it since the last check.
        if mark is not None and await self._marks.has_mark(name, mark):
            return True
        if await self._marks.mark(name) and not is_new:
            self._claimed_at[name] = now
        return False

    def _forget(self) -> None:
        self._watch.clear()
        self._removed = {}

    def _pause(self, timer_id: TimerId, *, is_known_elsewhere: bool) -> float:
        if len(self._times) > _REMEMBERED:  # other workers may have fired them
            self._times.clear()
        times = self._times[timer_id] = self._times.get(timer_id, 0) + 1
        longest = min(_SHARED_PAUSE if is_known_elsewhere else _MAX_PAUSE, self._watch.interval)
        pause = min(longest, _FIRST_PAUSE * float(2 ** min(times, 20)))
        # Spread, because many timers may be put back at once.
        return pause * (0.75 + self._clock.chance() / 4)

    def _is_known(self, name: str) -> bool:
        rule_name, _, key = name.partition("/")
        rule = self._live.configuration.rules.by_name.get(rule_name)
        if rule is None:
            return False
        return rule.features.life is not None if key == LIFE else rule.features.has(key)
