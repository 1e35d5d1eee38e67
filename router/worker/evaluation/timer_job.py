"""Job 3: a timer that is due -> what was not told until now."""

import functools
import logging
from collections.abc import Mapping

import msgspec

from router.alerts import Alert, AlertId
from router.clock import Clock
from router.configuration.model import (
    ActiveConfiguration,
)
from router.journal.finish import Finish, timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import States
from router.journal.timers import Flush, Timer, Timers
from router.metrics import Metrics
from router.rules.model import Rule
from router.rules.state.steps import ChainResult, Taken
from router.worker.evaluation.decide import Decision
from router.worker.evaluation.decide_timer import Ask, Firing, Take, fire, try_out
from router.worker.evaluation.plan import Snapshot, decode_told
from router.worker.evaluation.verdict import count_held, verdict_of
from router.worker.queue.poison import POISON, PoisonDetector

logger = logging.getLogger(__name__)


class Journal(msgspec.Struct, frozen=True):
    """The journal's side of firing."""

    timers: Timers
    states: States
    finish: Finish


class TimerJob:
    """Fires timers by the rules in force."""

    def __init__(
        self,
        journal: Journal,
        live: ActiveConfiguration,
        metrics: Metrics,
        clock: Clock,
        suspects: PoisonDetector,
    ) -> None:
        self._timers = journal.timers
        self._states = journal.states
        self._finish = journal.finish
        self._suspects = suspects
        self._live = live
        self._metrics = metrics
        self._now = clock.now

    async def run(self, timer_id: TimerId, starts: int = 1) -> bool:
        """Fire one timer; always True, for none of it is left.

        ``starts`` says how often it was begun: more than once, if processes ended while they were
        at it; then alerts that ended three of them are put aside.

        A timer that has fired is left alone. Raises JournalUnavailableError; the timer is then
        there still, and firing it again does the same.
        """
        timer = await self._timers.load(timer_id)
        if timer is None:
            return True
        configuration = self._live.configuration
        present = Snapshot(self._now(), self._live.silences)
        rules = configuration.rules.by_name
        poison = await self._poison(timer_id, timer, rules, present) if starts > 1 else frozenset()
        firing = fire(timer, rules, present, poison)
        decision = await self._drive(timer_id, firing, int(present.now * 1000))
        if decision is not None and await self._finish(timer_work(timer_id), verdict_of(decision)):
            count_held(decision, self._metrics)
            self._count_poison(decision)
        return True

    async def _poison(
        self, timer_id: TimerId, timer: Timer, rules: Mapping[str, Rule], present: Snapshot
    ) -> frozenset[AlertId]:
        """The alerts that have ended three processes."""
        return frozenset(
            [
                alert.id
                for alert in await self._alerts(timer_id, timer)
                if not await self._suspects.probe(
                    timer_id, alert.id, functools.partial(try_out, alert, rules, present)
                )
            ]
        )

    async def _alerts(self, timer_id: TimerId, timer: Timer) -> list[Alert]:
        """All that firing looks at."""
        if not isinstance(timer, Flush):
            return [timer.alert]
        # Firing finds the same again.
        taken = await self._states.take(timer_id, timer.state, timer.key)
        members = () if taken is None else taken.members
        return [decode_told(member.alert).alert for member in members]

    def _count_poison(self, decision: Decision) -> None:
        for alert in decision.quarantined:
            self._metrics.events_evaluated.labels("quarantined").inc()
            logger.warning(
                "alert could not be told, its event is in quarantine",
                extra={"event": alert.event_id, "rule": alert.rule, "reason": POISON},
            )

    async def _drive(self, timer_id: TimerId, firing: Firing, now_ms: int) -> Decision | None:
        """The decision; None where another worker has fired the timer."""
        reply: ChainResult | Taken | None = None
        while True:
            try:
                request = next(firing) if reply is None else firing.send(reply)
            except StopIteration as end:
                decision: Decision = end.value
                return decision
            match request:
                case Ask(chain=chain):
                    answers = await self._states.decide(timer_work(timer_id), [chain], now_ms)
                    reply = answers[0] if answers else None
                case Take(state=state, key=key):
                    reply = await self._states.take(timer_id, state, key)
            if reply is None:
                return None
