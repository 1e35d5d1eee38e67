"""Job 1: a batch of events -> the rules that hold -> alerts -> deliveries."""

import asyncio
import functools
import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.alerts import Delivery
from router.clock import Clock
from router.configuration import Live
from router.errors import PoisonError, RouterError
from router.events import Event, document
from router.journal.batches import Batches, Quarantined, Verdict
from router.journal.keys import BatchId
from router.rules.index import Judgement, RuleSet
from router.rules.model import Mode
from router.schemas import departure
from router.telemetry import Metrics
from router.worker.fanout import fan_out, raise_alert
from router.worker.suspects import POISON, Suspects

logger = logging.getLogger(__name__)

_UNDECODABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_BREATH: Final = 200
"""Events judged before other tasks of the loop get a turn."""


class Evaluate:
    """Judges batches by the rules in force. ``dedup_window`` is in seconds."""

    def __init__(
        self,
        batches: Batches,
        live: Live,
        metrics: Metrics,
        clock: Clock,
        *,
        suspects: Suspects,
        dedup_window: float,
    ) -> None:
        self._suspects = suspects
        self._batches = batches
        self._live = live
        self._metrics = metrics
        self._dedup_seconds = max(1, int(dedup_window))
        self._clock = clock

    async def run(self, batch_id: BatchId, starts: int = 1) -> bool:
        """Evaluate one batch to its end; always True, for none of it is left.

        One that was started before, by a process that then ended, may hold an event that ends
        processes: each is tried out by itself first.

        A batch that is finished already is left alone. Raises JournalUnavailableError; the batch
        is then open still, and a rerun does the same again.
        """
        started = self._clock.monotonic()
        events = await self._batches.load(batch_id)
        if events is None:
            return True
        claims = await self._batches.claim(batch_id, events, for_seconds=self._dedup_seconds)
        fresh = _first_of_each(events, claims)
        # One rule set for the whole batch, whatever a reload does meanwhile.
        rules = self._live.configuration.rules
        duplicate = len(events) - len(fresh)
        poison = await self._poison(batch_id, fresh, rules) if starts > 1 else []
        verdict = await self._judge_all(
            [event for event in fresh if event not in poison], rules, duplicate=duplicate
        )
        verdict = _with_quarantined(verdict, poison)
        if await self._batches.finish(batch_id, verdict):
            self._count(verdict)
            self._metrics.evaluate_seconds.observe(self._clock.monotonic() - started)
        return True

    async def _poison(
        self, batch_id: BatchId, events: Sequence[Event], rules: RuleSet
    ) -> list[Event]:
        """The events that have ended three processes."""
        return [
            event
            for event in events
            if not await self._suspects.survives(
                batch_id, event.key, functools.partial(self._judge, event, rules)
            )
        ]

    async def _judge_all(
        self, events: Sequence[Event], rules: RuleSet, *, duplicate: int
    ) -> Verdict:
        deliveries: list[Delivery] = []
        quarantined: list[Quarantined] = []
        matched = 0
        for number, event in enumerate(events, 1):
            try:
                content, judgement = self._judge(event, rules)
            except (*_UNDECODABLE, RouterError) as error:
                quarantined.append(_quarantined(event, error))
                continue
            matched += bool(judgement.matches)
            deliveries += self._alert(event, content, judgement)
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        return Verdict(
            duplicate=duplicate,
            filtered=len(events) - matched - len(quarantined),
            matched=matched,
            quarantined=tuple(quarantined),
            deliveries=tuple(deliveries),
        )

    def _judge(self, event: Event, rules: RuleSet) -> tuple[dict[str, Any], Judgement]:
        content = document(event)
        unlike = departure(event.type, content.get("data"))
        if unlike is not None:
            self._metrics.schema_departures.inc()
            logger.debug("event departs from its schema", extra={"event": event.id, "at": unlike})
        return content, rules.judge(event.type, content)

    def _alert(self, event: Event, content: dict[str, Any], judgement: Judgement) -> list[Delivery]:
        deliveries = []
        for failure in judgement.errors:
            self._metrics.rule_errors.labels(failure.rule.name).inc()
            logger.debug(
                "rule could not judge an event",
                extra={"rule": failure.rule.name, "event": event.id, "reason": failure.reason},
            )
        for rule in judgement.matches:
            self._metrics.rule_matches.labels(rule.name).inc()
            if rule.mode is Mode.SHADOW:
                self._metrics.alerts_suppressed.labels(rule.name, "shadow").inc()
            else:
                alert = raise_alert(event, content, rule, now=self._clock.now())
                deliveries += fan_out(alert, rule.told(content, alert.labels).destinations)
        return deliveries

    def _count(self, verdict: Verdict) -> None:
        counts = {
            "duplicate": verdict.duplicate,
            "filtered": verdict.filtered,
            "matched": verdict.matched,
            "quarantined": len(verdict.quarantined),
        }
        for outcome, count in counts.items():
            if count:
                self._metrics.events_evaluated.labels(outcome).inc(count)


def _first_of_each(events: Sequence[Event], claims: Sequence[bool]) -> list[Event]:
    """The events that this batch may judge; of two with the same key, the first."""
    fresh: dict[str, Event] = {}
    for event, mine in zip(events, claims, strict=True):
        if mine:
            fresh.setdefault(event.key, event)
    return list(fresh.values())


def _with_quarantined(verdict: Verdict, poison: Sequence[Event]) -> Verdict:
    more = (_quarantined(event, PoisonError(POISON)) for event in poison)
    return msgspec.structs.replace(verdict, quarantined=(*verdict.quarantined, *more))


def _quarantined(event: Event, error: Exception) -> Quarantined:
    logger.warning(
        "event could not be judged, it is in quarantine",
        extra={"event": event.id, "reason": str(error)},
    )
    return Quarantined(reason=str(error), body=event.body, received_at=event.received_at)
