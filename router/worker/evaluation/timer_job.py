"""Job 3: a timer that is due -> notifications that were deferred until now."""

import functools
import logging
from collections.abc import Mapping

import msgspec

from router.alerts import AlertId
from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.journal.finish import Finish, timer_work
from router.journal.keys import TimerId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.rule_state import RuleState
from router.journal.timers import Timers
from router.metrics import Metrics
from router.rules.model import Rule
from router.rules.state.chain import Store, WorkFinishedError
from router.rules.state.decision import Decision
from router.rules.state.timer import Timer
from router.worker.evaluation.decide_timer import decide_timer, try_out
from router.worker.evaluation.poison_probe import poisonous
from router.worker.evaluation.suppression_reason import Snapshot
from router.worker.evaluation.unknown_features import UnknownFeatures
from router.worker.evaluation.verdict import count_suppressed, verdict_of
from router.worker.queue.poison import POISON, PoisonDetector

logger = logging.getLogger(__name__)


class TimerJournal(msgspec.Struct, frozen=True):
    """The journal's side of timers."""

    timers: Timers
    state: RuleState
    finish: Finish


class TimerJob:
    """Fires timers by the rules that are active."""

    def __init__(
        self,
        journal: TimerJournal,
        live: ActiveConfiguration,
        metrics: Metrics,
        clock: Clock,
        detector: PoisonDetector,
        unknown: UnknownFeatures,
    ) -> None:
        self._journal = journal
        self._unknown = unknown
        self._detector = detector
        self._live = live
        self._metrics = metrics
        self._now = clock.now

    async def run(self, timer_id: TimerId, starts: int = 1, token: LeaseToken = NO_TOKEN) -> bool:
        """Fire one timer. A timer that has fired is left alone.

        Args:
            timer_id: The timer.
            starts: How often the job was started. If more than once, processes ended while they
                ran it, and alerts that ended three of them go to quarantine.
            token: The token of the lease of the timer's job.

        Returns:
            True, because nothing of the job remains.

        Raises:
            JournalUnavailableError: Redis did not confirm in time. The timer is still set, and
                firing it again has the same result.
            LeaseLostError: Another worker has the timer's job.
            PostponedError: The timer's rule or feature is unknown here; another worker may have it.
        """
        timer = await self._journal.timers.load(timer_id, token)
        if timer is None:
            return True
        await self._unknown.check_timer(timer_id, timer)
        snapshot = Snapshot(self._now(), self._live.silences)
        rules = self._live.configuration.rules.by_name
        store = self._journal.state.open(timer_work(timer_id), int(snapshot.now * 1000))
        try:
            poison: frozenset[AlertId] = frozenset()
            if starts > 1:
                poison = await self._poison(timer_id, timer, rules, snapshot, store)
            decision = await decide_timer(timer, rules, snapshot, store, poison)
        except WorkFinishedError:
            return True
        if await self._journal.finish(timer_work(timer_id), verdict_of(decision), token):
            count_suppressed(decision, self._metrics)
            self._count_poison(decision)
        return True

    async def _poison(
        self,
        timer_id: TimerId,
        timer: Timer,
        rules: Mapping[str, Rule],
        snapshot: Snapshot,
        store: Store,
    ) -> frozenset[AlertId]:
        pieces = [
            (alert.id, functools.partial(try_out, timer, alert, rules, snapshot))
            for alert in await timer.alerts(store)
        ]
        return await poisonous(self._detector, timer_id, pieces)

    def _count_poison(self, decision: Decision) -> None:
        for alert in decision.quarantined:
            self._metrics.events_evaluated.labels("quarantined").inc()
            logger.warning(
                "alert quarantined",
                extra={"event": alert.event_id, "rule": alert.rule, "reason": POISON},
            )
