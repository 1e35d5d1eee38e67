"""Job 1: a batch of events -> the rules that match -> alerts -> deliveries."""

import asyncio
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.errors import PoisonError, RouterError, WrongTypeError
from router.events.model import Event, document
from router.events.schemas import schema_violation, without_value
from router.journal.batch_parts import StoredEvents
from router.journal.batches import Batches, ClaimedBatch, Quarantined
from router.journal.finish import FinishedWork, Rest, check_recordable
from router.journal.history_log import NO_HISTORY, HistoryEntry
from router.journal.keys import BatchId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.metrics import Metrics
from router.rules.index.rule_set import RuleSet
from router.rules.state.chain import WorkFinishedError
from router.rules.state.decision import Decision
from router.rules.state.step import ChainResult
from router.worker.evaluation.batch_cut import BatchPart, Evaluation, cut
from router.worker.evaluation.decide import EvaluatedEvent, chains, decide, possible_alerts
from router.worker.evaluation.evaluation_admission import EvaluationAdmission
from router.worker.evaluation.evaluation_counts import EvaluationCounts
from router.worker.evaluation.event_log import EVENT_LOG, log_duplicates, log_evaluated
from router.worker.evaluation.event_traces import BatchTrace, EventTraces
from router.worker.evaluation.history_entry import EventEntries, FinishedEvent
from router.worker.evaluation.poison_probe import poisonous
from router.worker.evaluation.suppression_reason import Snapshot
from router.worker.evaluation.verdict import EVALUATION_FAILED, verdict_of
from router.worker.queue.poison import POISON, PoisonDetector
from router.worker.queue.poll_interval import AdaptiveLinger
from router.worker.work_log import WorkLog

logger = logging.getLogger(__name__)

_UNDECODABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_SLICE: Final = 200
"""Events evaluated before other tasks of the event loop run."""


class BatchJournal(msgspec.Struct, frozen=True):
    """The journal as the evaluation jobs of a process share it."""

    batches: Batches
    poison: PoisonDetector
    admission: EvaluationAdmission
    log: WorkLog = msgspec.field(default_factory=WorkLog)
    """The log of the process."""
    history: EventEntries | None = None
    """Makes the entries of history; None for none."""
    traces: EventTraces | None = None
    """Begins the spans of events; None if traces are off."""


class BatchJob:
    """Evaluates batches by the rules that are active.

    Args:
        journal: The batches, what finds events that end processes, and whether Redis has room.
        live: The active configuration, with the silences.
        metrics: What to count on.
        clock: Unix and monotonic time.
        dedup_window: Seconds for which a claim on an event lasts.
    """

    def __init__(
        self,
        journal: BatchJournal,
        live: ActiveConfiguration,
        metrics: Metrics,
        clock: Clock,
        *,
        dedup_window: float,
    ) -> None:
        self._admission = journal.admission
        self._detector = journal.poison
        self._batches = journal.batches
        self._log = journal.log
        self._history = journal.history
        self._traces = journal.traces
        self._live = live
        self._metrics = metrics
        self._counts = EvaluationCounts(metrics)
        self._dedup_seconds = max(1, int(dedup_window))
        self._clock = clock
        self._linger = AdaptiveLinger()

    def linger(self) -> float:
        """Return the seconds for which a worker waits before its next poll for batches."""
        return self._linger.seconds(self._clock.monotonic())

    async def run(self, batch_id: BatchId, starts: int = 1, token: LeaseToken = NO_TOKEN) -> bool:
        """Evaluate one batch to its end. A batch that is finished is left alone.

        Args:
            batch_id: The batch.
            starts: How often the job was started. If more than once, processes ended while they
                ran it. Each event is then tried out by itself first, and those that ended three
                processes go to quarantine.
            token: The token of the lease of the batch's job.

        Returns:
            False if events of the batch remain, because Redis has no room for what they become.

        Raises:
            JournalUnavailableError: Redis did not confirm in time. The batch is still open, and
                a rerun has the same result.
            LeaseLostError: Another worker has the batch's job.
        """
        started = self._clock.monotonic()
        begun = await self._begin(batch_id, token)
        if begun is None:
            return True
        self._linger.record(len(begun.events), started)
        # One rule set for the whole batch, because a reload may replace it meanwhile.
        configuration = self._live.configuration
        rules = configuration.rules
        snapshot = Snapshot(
            self._clock.now(), self._live.silences, rules.firing_only, self._live.tolerance_ms
        )
        fresh = _first_of_each(begun)
        trace = BatchTrace() if self._traces is None else self._traces.begin(begun, fresh)
        fresh |= trace.traced
        if EVENT_LOG.isEnabledFor(logging.DEBUG):
            log_duplicates(event for at, event in enumerate(begun.events) if at not in fresh)
        batch = _OpenBatch(batch_id, token, configuration.generation, trace)
        with trace:
            poison: frozenset[str] = frozenset()
            if starts > 1:
                pieces = [
                    (event.key, functools.partial(self._evaluate, event, rules, snapshot))
                    for event in fresh.values()
                ]
                poison = await poisonous(self._detector, batch_id, pieces)
            evaluations = await self._evaluate_all(fresh, poison, rules, snapshot)
            try:
                is_done = await self._finish(batch, begun, evaluations, snapshot)
            except WorkFinishedError:
                return True
        self._metrics.evaluate_seconds.observe(self._clock.monotonic() - started, trace.exemplar)
        return is_done

    async def _finish(
        self,
        batch: "_OpenBatch",
        begun: ClaimedBatch,
        evaluations: Mapping[int, Evaluation],
        snapshot: Snapshot,
    ) -> bool:
        """Decide and finish a batch, in parts if it is large.

        Returns:
            False if Redis has no room for a further part.

        Raises:
            WorkFinishedError: Another worker has finished the batch.
        """
        parts = cut(begun.events, evaluations, limit_bytes=self._admission.budget.unit_bytes)
        stored = StoredEvents(begun.payloads, begun.claims) if len(parts) > 1 else None
        results = await self._results(
            batch.id, [each for each in evaluations.values() if isinstance(each, EvaluatedEvent)]
        )
        for number, part in enumerate(parts, begun.part):
            if number > begun.part and not await self._admission.admits():
                return False
            rest = stored.take(part.finished) if stored else None
            self._admission.budget.write(part.size_bytes)
            finished = self._finished(part, begun, evaluations)
            place = _PartPlace(batch, number, rest, part, finished)
            if not await self._finish_part(place, part, results, snapshot):
                return True
        return True

    async def _finish_part(
        self,
        place: "_PartPlace",
        part: BatchPart,
        results: Mapping[str, ChainResult],
        snapshot: Snapshot,
    ) -> bool:
        """Decide and finish a part; if that fails for a reason of its own, without the cause.

        Returns:
            False if another worker has finished the batch.
        """
        try:
            decision = decide(part.evaluated, results, snapshot)
            if EVENT_LOG.isEnabledFor(logging.DEBUG):
                rules = self._live.configuration.rules
                log_evaluated(part.evaluated, results, snapshot, rules)
            return await self._record(place, part.evaluated, decision, part.quarantined, results)
        except RouterError:
            raise
        except Exception:
            logger.exception("batch failed; its events are tried one by one")
            sound, failing = _isolate(part.evaluated, results, snapshot)
            if not failing:
                raise
        quarantined = (*part.quarantined, *failing)
        decision = decide(sound, results, snapshot)
        return await self._record(place, sound, decision, quarantined, results)

    async def _record(
        self,
        place: "_PartPlace",
        evaluated: Sequence[EvaluatedEvent],
        decision: Decision,
        quarantined: tuple[Quarantined, ...],
        results: Mapping[str, ChainResult],
    ) -> bool:
        verdict = verdict_of(decision, duplicate=place.part.duplicates, quarantined=quarantined)
        is_finished = await self._batches.finish(
            place.batch.id,
            verdict,
            place.batch.token,
            part=place.number,
            rest=place.rest,
            history=self._entry(place, results, quarantined),
        )
        if is_finished:
            self._counts.finished(verdict, evaluated, decision)
            place.batch.trace.finish(place.part, results, quarantined)
            self._log.notified(decision.notifications, self._clock.now())
        return is_finished

    def _finished(
        self, part: BatchPart, begun: ClaimedBatch, evaluations: Mapping[int, Evaluation]
    ) -> tuple[FinishedEvent, ...]:
        """Return the events of a part and their duplicates, in order; none if there is no history."""
        if self._history is None or not self._history.is_on:
            return ()
        return tuple(
            [
                FinishedEvent(begun.events[position], evaluations.get(position))
                for position in sorted(part.finished)
            ]
        )

    def _entry(
        self,
        place: "_PartPlace",
        results: Mapping[str, ChainResult],
        quarantined: Sequence[Quarantined],
    ) -> HistoryEntry:
        if self._history is None:
            return NO_HISTORY
        return self._history.entry(place.finished, results, quarantined, place.batch.generation)

    async def _begin(self, batch_id: BatchId, token: LeaseToken) -> ClaimedBatch | None:
        """Begin a batch; None if it is finished, or was moved to quarantine because it is no list."""
        try:
            return await self._batches.begin(batch_id, token, claim_seconds=self._dedup_seconds)
        except WrongTypeError:
            unreadable = await self._batches.unreadable(batch_id)
            if unreadable is None:
                raise
            await self._batches.finish(batch_id, FinishedWork(quarantined=(unreadable,)), token)
            return None

    async def _evaluate_all(
        self,
        events: Mapping[int, Event],
        poison: frozenset[str],
        rules: RuleSet,
        snapshot: Snapshot,
    ) -> dict[int, Evaluation]:
        evaluations: dict[int, Evaluation] = {}
        for number, (position, event) in enumerate(events.items(), 1):
            if event.key in poison:
                evaluations[position] = _quarantined(event, PoisonError(POISON))
                continue
            try:
                evaluations[position] = self._evaluate(event, rules, snapshot)
            except (*_UNDECODABLE, RouterError) as error:
                evaluations[position] = _quarantined(event, error)
            except Exception as error:
                logger.exception("evaluation raised", extra={"event": event.id})
                evaluations[position] = _quarantined(event, _failure(error))
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        return evaluations

    def _evaluate(self, event: Event, rules: RuleSet, snapshot: Snapshot) -> EvaluatedEvent:
        content = document(event)
        violation = schema_violation(event.type, content.get("data"))
        if violation is not None:
            self._metrics.schema_violations.inc()
            at = without_value(violation)
            logger.debug("event violates its schema", extra={"event": event.id, "at": at})
        judgement = rules.judge(event.type, content)
        for failure in judgement.errors:
            self._metrics.rule_errors.labels(failure.rule.name).inc()
            logger.debug(
                "rule evaluation failed",
                extra={"rule": failure.rule.name, "event": event.id, "reason": failure.reason},
            )
        self._counts.missing_keys(event, content, judgement)
        self._counts.severity_fallbacks(event, content, judgement)
        return EvaluatedEvent(event, possible_alerts(event, content, judgement, snapshot))

    async def _results(
        self, batch_id: BatchId, evaluated: Sequence[EvaluatedEvent]
    ) -> dict[str, ChainResult]:
        """Return the result of each chain by its id. Raises as ``Store.decide`` does."""
        asked = chains(evaluated)
        if not asked:
            return {}
        results = await self._batches.store(batch_id).decide(asked)
        return {chain.id: result for chain, result in zip(asked, results, strict=True)}


def _first_of_each(begun: ClaimedBatch) -> dict[int, Event]:
    """Return the events that the batch has claimed, by position; of two with one key, the first."""
    fresh: dict[str, int] = {}
    for position, (event, mine) in enumerate(zip(begun.events, begun.claims, strict=True)):
        if mine:
            fresh.setdefault(event.key, position)
    return {position: begun.events[position] for position in fresh.values()}


class _OpenBatch(msgspec.Struct, frozen=True):
    """A batch that is being finished."""

    id: BatchId
    token: LeaseToken
    generation: str
    """The generation of the rules that evaluated it."""
    trace: BatchTrace
    """The spans of its events."""


class _PartPlace(msgspec.Struct, frozen=True):
    """The place of a part in its batch."""

    batch: _OpenBatch
    number: int
    rest: Rest | None
    """The remainder of the batch after it."""
    part: BatchPart
    finished: tuple[FinishedEvent, ...]
    """Its events and their duplicates, for history."""


def _isolate(
    evaluated: Sequence[EvaluatedEvent], results: Mapping[str, ChainResult], snapshot: Snapshot
) -> tuple[list[EvaluatedEvent], list[Quarantined]]:
    """Return the events whose results can be recorded, and the others for quarantine."""
    sound: list[EvaluatedEvent] = []
    failing: list[Quarantined] = []
    for each in evaluated:
        try:
            check_recordable(verdict_of(decide([each], results, snapshot)))
        except Exception as error:  # noqa: BLE001 - any error is the event's own
            failing.append(_quarantined(each.event, _failure(error)))
        else:
            sound.append(each)
    return sound, failing


def _failure(error: Exception) -> PoisonError:
    return PoisonError(f"{EVALUATION_FAILED}{type(error).__name__}: {error}")


def _quarantined(event: Event, error: Exception) -> Quarantined:
    reason = str(error)
    logger.warning("event quarantined", extra={"event": event.id, "reason": reason})
    return Quarantined(reason=reason, body=event.body, received_at=event.received_at)
