"""The results of timers that are due. Each timer's own part is in its feature's module."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from router.alerts import Alert, AlertId
from router.destinations.rendering import summary as rendering
from router.destinations.rendering.templates import TemplateTarget
from router.events.model import Event, document
from router.rules.model import Rule
from router.rules.state.chain import Chain, Store
from router.rules.state.decision import Decision, DecisionDraft
from router.rules.state.step import Place, Reason, Step
from router.rules.state.suppress import Suppress
from router.rules.state.timer import POISON, Timer
from router.worker.evaluation import fan_out
from router.worker.evaluation.decide import PossibleAlert, conclude, make_chain
from router.worker.evaluation.plan import (
    alert_facts,
    open_place,
    plan_steps,
)
from router.worker.evaluation.suppression_reason import (
    Snapshot,
    suppression_reason,
)

F = TypeVar("F")


async def decide_timer(
    timer: Timer,
    rules: Mapping[str, Rule],
    snapshot: Snapshot,
    store: Store,
    poison: frozenset[AlertId] = frozenset(),
) -> Decision:
    """Return what results from a timer, by the rules that are active now.

    Args:
        timer: The timer.
        rules: By name.
        snapshot: What else the decision depends on.
        store: Opened for this timer.
        poison: Alerts that ended three processes. They are not evaluated again; their events go
            to quarantine.

    Raises:
        WorkFinishedError: Another worker has fired the timer.
        JournalUnavailableError: Redis did not confirm in time; a rerun decides the same.
    """
    firing = _Firing(timer, rules.get(timer.rule), snapshot, store, poison)
    await timer.fire(firing)
    return firing.draft.decision()


def try_out(timer: Timer, alert: Alert, rules: Mapping[str, Rule], snapshot: Snapshot) -> None:
    """Do all that firing does with one alert, without a store. May raise any error."""
    content = rendering.decode(alert)
    rendering.summary(alert, TemplateTarget.TEXT)
    rule = rules.get(alert.rule)
    if rule is not None:
        send_to = rule.recipients(content, alert.labels, snapshot.now).destinations
        facts = alert_facts(alert, content, rule, snapshot, send_to=send_to)
        tuple(plan_steps(rule, facts, after=type(timer)))


class _Firing:
    """The ``TimerContext`` of one timer."""

    def __init__(
        self,
        timer: Timer,
        rule: Rule | None,
        snapshot: Snapshot,
        store: Store,
        poison: frozenset[AlertId],
    ) -> None:
        self.now = snapshot.now
        self.poison = poison
        self.store = store
        self.draft = DecisionDraft(snapshot.now, snapshot.firing_only)
        self._timer = timer
        self._rule = rule
        self._snapshot = snapshot
        self._decoded: tuple[AlertId, dict[str, Any]] | None = None

    def feature(self, kind: type[F]) -> F | None:
        return self._rule.features.find(kind) if self._rule is not None else None

    @property
    def tolerance(self) -> int:
        return self._snapshot.tolerance_ms

    def alert_of(self, event: Event) -> tuple[Alert, dict[str, Any]]:
        if self._rule is None:
            raise ValueError("an alert needs a rule")
        content = document(event)
        return fan_out.raise_alert(event, content, self._rule, now=self.now), content

    async def raise_alert(self, alert: Alert, check: Step) -> None:
        rule = self._rule
        if rule is None:
            return
        send_to: tuple[str, ...] = ()
        steps: tuple[Step, ...] = (Suppress(POISON),)
        if alert.id not in self.poison:
            content = self._content(alert)
            send_to = rule.recipients(content, alert.labels, self.now).destinations
            facts = alert_facts(alert, content, rule, self._snapshot, send_to=send_to)
            steps = tuple(plan_steps(rule, facts, after=type(self._timer)))
        chain = make_chain(alert, rule, send_to, (check, *steps))
        (result,) = await self.store.decide([chain])
        conclude(self.draft, PossibleAlert(rule, alert, send_to, chain), chain, result)
        if result.reason == POISON:
            self.draft.quarantine(alert)

    async def follow_up(self, message: Alert, send_to: tuple[str, ...]) -> None:
        rule = self._rule
        if rule is None:
            return
        facts = alert_facts(message, self._content(message), rule, self._snapshot, send_to=send_to)
        # Taking the group has stored the destinations where its alerts are open.
        facts = msgspec.structs.replace(facts, opened=None)
        steps = tuple(
            step for feature in rule.features.following for step in feature.follow_ups(facts)
        )
        if steps:
            (result,) = await self.store.decide([Chain(f"{message.id}-escalate", steps)])
            for feature in rule.features.concluding:
                feature.conclude(self.draft, message, steps, result)

    def suppression(self, alert: Alert) -> Reason | None:
        return suppression_reason(alert, self._content(alert), self._rule, self._snapshot)

    def opened(self, alert: Alert) -> Place | None:
        return open_place(self._rule, self._content(alert)) if self._rule is not None else None

    def summary(self, alert: Alert) -> str:
        return rendering.summary(alert, TemplateTarget.TEXT).text

    def _content(self, alert: Alert) -> dict[str, Any]:
        """Return the alert's event as Python values; the last one is cached."""
        if self._decoded is None or self._decoded[0] != alert.id:
            self._decoded = (alert.id, rendering.decode(alert))
        return self._decoded[1]
