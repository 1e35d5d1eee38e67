"""Job 1: a batch of events -> the rules that hold -> alerts -> deliveries."""

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.configuration.model import (
    ActiveConfiguration,
)
from router.errors import PoisonError, RouterError
from router.events.model import Event, document
from router.events.schemas import schema_violation
from router.journal.batches import (
    Batches,
    ClaimedBatch,
    Quarantined,
)
from router.journal.finish import (
    FinishedWork,
)
from router.journal.keys import BatchId
from router.metrics import Metrics
from router.rules.index.rule_set import RuleSet
from router.rules.state.steps import ChainResult
from router.worker.evaluation.decide import Decision, Judged, chains, decide, prospects
from router.worker.evaluation.plan import Snapshot
from router.worker.evaluation.verdict import count_held, verdict_of
from router.worker.queue.linger import AdaptiveLinger
from router.worker.queue.poison import POISON, PoisonDetector

logger = logging.getLogger(__name__)

_UNDECODABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_BREATH: Final = 200
"""Events judged before other tasks of the loop get a turn."""


class BatchJob:
    """Judges batches by the rules in force. ``dedup_window`` is in seconds."""

    def __init__(
        self,
        batches: Batches,
        live: ActiveConfiguration,
        metrics: Metrics,
        clock: Clock,
        *,
        suspects: PoisonDetector,
        dedup_window: float,
    ) -> None:
        self._suspects = suspects
        self._batches = batches
        self._live = live
        self._metrics = metrics
        self._dedup_seconds = max(1, int(dedup_window))
        self._clock = clock
        self._linger = AdaptiveLinger()

    def linger(self) -> float:
        """Seconds for which events are let gather before the next look for them."""
        return self._linger.seconds(self._clock.monotonic())

    async def run(self, batch_id: BatchId, starts: int = 1) -> bool:
        """BatchJob one batch to its end; always True, for none of it is left.

        One that was started before, by a process that then ended, may hold an event that ends
        processes: each is tried out by itself first.

        A batch that is finished already is left alone. Raises JournalUnavailableError; the batch
        is then open still, and a rerun does the same again.
        """
        started = self._clock.monotonic()
        begun = await self._batches.begin(batch_id, claim_seconds=self._dedup_seconds)
        if begun is None:
            return True
        self._linger.record(len(begun.events), started)
        fresh = _first_of_each(begun)
        # One rule set for the whole batch, whatever a reload does meanwhile.
        rules = self._live.configuration.rules
        present = Snapshot(self._clock.now(), self._live.silences)
        poison = await self._poison(batch_id, fresh, rules, present) if starts > 1 else []
        judged, quarantined = await self._judge_all(
            [event for event in fresh if event not in poison], rules, present
        )
        quarantined += [_quarantined(event, PoisonError(POISON)) for event in poison]
        answers = await self._ask(batch_id, judged)
        if answers is None:
            return True
        decision = decide(judged, answers, present)
        verdict = verdict_of(
            decision, duplicate=len(begun.events) - len(fresh), quarantined=tuple(quarantined)
        )
        if await self._batches.finish(batch_id, verdict):
            self._count(verdict, judged, decision)
            self._metrics.evaluate_seconds.observe(self._clock.monotonic() - started)
        return True

    async def _poison(
        self, batch_id: BatchId, events: Sequence[Event], rules: RuleSet, present: Snapshot
    ) -> list[Event]:
        """The events that have ended three processes."""
        return [
            event
            for event in events
            if not await self._suspects.probe(
                batch_id, event.key, functools.partial(self._judge, event, rules, present)
            )
        ]

    async def _judge_all(
        self, events: Sequence[Event], rules: RuleSet, present: Snapshot
    ) -> tuple[list[Judged], list[Quarantined]]:
        judged: list[Judged] = []
        quarantined: list[Quarantined] = []
        for number, event in enumerate(events, 1):
            try:
                judged.append(self._judge(event, rules, present))
            except (*_UNDECODABLE, RouterError) as error:
                quarantined.append(_quarantined(event, error))
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        return judged, quarantined

    def _judge(self, event: Event, rules: RuleSet, present: Snapshot) -> Judged:
        content = document(event)
        unlike = schema_violation(event.type, content.get("data"))
        if unlike is not None:
            self._metrics.schema_violations.inc()
            logger.debug("event departs from its schema", extra={"event": event.id, "at": unlike})
        judgement = rules.judge(event.type, content)
        for failure in judgement.errors:
            self._metrics.rule_errors.labels(failure.rule.name).inc()
            logger.debug(
                "rule could not judge an event",
                extra={"rule": failure.rule.name, "event": event.id, "reason": failure.reason},
            )
        return Judged(event, prospects(event, content, judgement, present))

    async def _ask(
        self, batch_id: BatchId, judged: Sequence[Judged]
    ) -> dict[str, ChainResult] | None:
        """The answers by chain; None where another worker finished the batch."""
        asked = chains(judged)
        if not asked:
            return {}
        answers = await self._batches.decide(batch_id, asked)
        if answers is None:
            return None
        return {chain.id: answer for chain, answer in zip(asked, answers, strict=True)}

    def _count(self, verdict: FinishedWork, judged: Sequence[Judged], decision: Decision) -> None:
        counts = {
            "duplicate": verdict.duplicate,
            "filtered": verdict.filtered,
            "suppressed": verdict.suppressed,
            "matched": verdict.matched,
            "quarantined": len(verdict.quarantined),
        }
        for outcome, count in counts.items():
            if count:
                self._metrics.events_evaluated.labels(outcome).inc(count)
        matches = Counter(
            prospect.rule.name
            for each in judged
            for prospect in each.prospects
            if prospect.is_match
        )
        for rule, count in matches.items():
            self._metrics.rule_matches.labels(rule).inc(count)
        count_held(decision, self._metrics)


def _first_of_each(begun: ClaimedBatch) -> list[Event]:
    """The events that this batch may judge; of two with the same key, the first."""
    fresh: dict[str, Event] = {}
    for event, mine in zip(begun.events, begun.claims, strict=True):
        if mine:
            fresh.setdefault(event.key, event)
    return list(fresh.values())


def _quarantined(event: Event, error: Exception) -> Quarantined:
    logger.warning(
        "event could not be judged, it is in quarantine",
        extra={"event": event.id, "reason": str(error)},
    )
    return Quarantined(reason=str(error), body=event.body, received_at=event.received_at)
