"""Job 3: a timer that is due -> notifications that were deferred until now."""

import functools
import logging
from collections.abc import Mapping

import msgspec

from router.alerts import AlertId
from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.errors import NewerRecordError, RecordError, RouterError, WrongTypeError
from router.journal.finish import Finish, FinishedWork, Quarantined, timer_work
from router.journal.keys import TimerId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.rule_state import RuleState
from router.journal.timers import Timers
from router.journal.unreadable import report
from router.metrics import Metrics
from router.rules.model import Rule
from router.rules.state.chain import Store, WorkFinishedError
from router.rules.state.decision import Decision
from router.rules.state.keyed_alert import LIFE
from router.rules.state.timer import Timer
from router.worker.evaluation.decide_timer import decide_timer, try_out
from router.worker.evaluation.earlier_batches import EarlierBatches
from router.worker.evaluation.poison_probe import poisonous
from router.worker.evaluation.suppression_reason import Snapshot
from router.worker.evaluation.timer_traces import TimerTraces
from router.worker.evaluation.unknown_features import UnknownFeatures
from router.worker.evaluation.verdict import EVALUATION_FAILED, count_decision, verdict_of
from router.worker.queue.poison import POISON, PoisonDetector
from router.worker.work_log import WorkLog

logger = logging.getLogger(__name__)


class TimerJournal(msgspec.Struct, frozen=True):
    """The journal's side of timers."""

    timers: Timers
    state: RuleState
    finish: Finish
    earlier: EarlierBatches
    log: WorkLog = msgspec.field(default_factory=WorkLog)
    """The log of the process."""
    traces: TimerTraces | None = None
    """Makes the spans of timers; None if traces are off."""


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
        self._monotonic = clock.monotonic

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
            PostponedError: A batch that was accepted before the timer was due is not evaluated, or the
                timer's rule or feature is unknown here and another worker may have it.
        """
        try:
            begun = await self._journal.timers.begin(timer_id, token)
        except NewerRecordError:
            raise
        except (RecordError, WrongTypeError) as error:
            return await self._set_aside(timer_id, token, error)
        if begun is None:
            return True
        timer = begun.timer
        self._journal.earlier.check_timer(timer_id, begun)
        if timer.feature:
            await self._unknown.check_timer(timer_id, timer)
        started = self._monotonic()
        try:
            decision, reason = await self._decide(timer_id, timer, starts)
        except WorkFinishedError:
            return True
        if self._journal.traces is not None:
            seconds = self._monotonic() - started
            decision = self._journal.traces.fired(timer.feature, decision, seconds=seconds)
        verdict = verdict_of(decision, poison_reason=reason)
        if await self._journal.finish(timer_work(timer_id), verdict, token):
            count_decision(decision, self._metrics)
            self._journal.log.notified(decision.notifications, self._now())
            self._count_poison(decision, reason)
        return True

    async def _decide(self, timer_id: TimerId, timer: Timer, starts: int) -> tuple[Decision, str]:
        """Return what results from a timer, and why its alerts go to quarantine, if any do."""
        firing_only = self._live.configuration.rules.firing_only
        snapshot = Snapshot(self._now(), self._live.silences, firing_only, self._live.tolerance_ms)
        rules = self._live.configuration.rules.by_name
        store = self._journal.state.open(timer_work(timer_id), int(snapshot.now * 1000))
        poison: frozenset[AlertId] = frozenset()
        if starts > 1:
            poison = await self._poison(timer_id, timer, rules, snapshot, store)
        try:
            return await decide_timer(timer, rules, snapshot, store, poison, self._is_gone), POISON
        except RouterError:
            raise
        except Exception as error:
            poison |= await _failing(timer, rules, snapshot, store)
            logger.exception("timer failed", extra={"timer": timer_id, "alerts": len(poison)})
            reason = f"{EVALUATION_FAILED}{type(error).__name__}: {error}"
        return await decide_timer(timer, rules, snapshot, store, poison, self._is_gone), reason

    async def _is_gone(self, rule: str) -> bool:
        """Return whether no process has the rule any more, or the rule has no keyed alerts."""
        if rule in self._live.configuration.rules.by_name:
            return True
        return await self._unknown.is_removed(rule, LIFE)

    async def _set_aside(self, timer_id: TimerId, token: LeaseToken, error: RouterError) -> bool:
        """Move a timer that no version can read to quarantine; always True.

        The event that set it moves from ``matched`` to ``quarantined`` in the ledger.
        """
        report("timer", timer_id, str(error))
        item = Quarantined(
            reason=f"timer: {error}",
            body=await self._journal.timers.record(timer_id),
            received_at=self._now(),
        )
        verdict = FinishedWork(matched=-1, quarantined=(item,))
        await self._journal.finish(timer_work(timer_id), verdict, token)
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

    def _count_poison(self, decision: Decision, reason: str) -> None:
        for alert in decision.quarantined:
            self._metrics.events_evaluated.labels("quarantined").inc()
            logger.warning(
                "alert quarantined",
                extra={"event": alert.event_id, "rule": alert.rule, "reason": reason},
            )


async def _failing(
    timer: Timer, rules: Mapping[str, Rule], snapshot: Snapshot, store: Store
) -> frozenset[AlertId]:
    """Return the alerts of a timer that fail when they are tried out one by one."""
    failing = set()
    for alert in await timer.alerts(store):
        try:
            try_out(timer, alert, rules, snapshot)
        except Exception:  # noqa: BLE001 - any error is the alert's own
            failing.add(alert.id)
    return frozenset(failing)
