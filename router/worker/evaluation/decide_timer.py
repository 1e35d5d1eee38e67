"""The results of timers that are due. Each timer's own part is in its feature's module."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from router.alerts import Alert, AlertId
from router.destinations.rendering import summary as rendering
from router.destinations.rendering.templates import TemplateTarget
from router.events.model import Event, document
from router.rules.model import Rule
from router.rules.routing import Recipients
from router.rules.state.chain import Chain, Store
from router.rules.state.decision import Decision, DecisionDraft
from router.rules.state.look import OpenForLook
from router.rules.state.step import Place, Step
from router.rules.state.suppress import Suppress, suppress_step
from router.rules.state.timer import POISON, Timer
from router.rules.suppression.suppressions import Suppression
from router.worker.evaluation import fan_out
from router.worker.evaluation.decide import PossibleAlert, conclude, make_chain
from router.worker.evaluation.judge import Judge, Look
from router.worker.evaluation.plan import alert_facts, plan_steps
from router.worker.evaluation.suppression_reason import Snapshot, suppressions

F = TypeVar("F")

IsGone = Callable[[str], Awaitable[bool]]


async def decide_timer(
    timer: Timer,
    rules: Mapping[str, Rule],
    snapshot: Snapshot,
    store: Store,
    poison: frozenset[AlertId] = frozenset(),
    is_gone: IsGone | None = None,
) -> Decision:
    """Return what results from a timer, by the rules that are active now.

    Args:
        timer: The timer.
        rules: By name.
        snapshot: What else the decision depends on.
        store: Opened for this timer.
        poison: Alerts that ended three processes. They are not evaluated again; their events go
            to quarantine.
        is_gone: Returns whether no process has a rule of this name any more; None if these rules are all.

    Raises:
        WorkFinishedError: Another worker has fired the timer.
        JournalUnavailableError: Redis did not confirm in time; a rerun decides the same.
    """
    firing = _Firing(timer, rules, snapshot, store, poison, is_gone)
    await timer.fire(firing)
    return firing.draft.decision()


def try_out(timer: Timer, alert: Alert, rules: Mapping[str, Rule], snapshot: Snapshot) -> None:
    """Do all that firing does with one alert, without a store. May raise any error."""
    content = rendering.decode(alert)
    rendering.summary(alert, TemplateTarget.TEXT)
    rule = rules.get(alert.rule)
    if rule is not None:
        recipients = rule.recipients(content, alert.labels, snapshot.now)
        facts = alert_facts(alert, content, rule, snapshot, recipients=recipients)
        tuple(plan_steps(rule, facts, after=type(timer)))


class _Firing:
    """The ``TimerContext`` of one timer."""

    def __init__(
        self,
        timer: Timer,
        rules: Mapping[str, Rule],
        snapshot: Snapshot,
        store: Store,
        poison: frozenset[AlertId],
        is_gone: IsGone | None,
    ) -> None:
        self.now = snapshot.now
        self.poison = poison
        self.store = store
        self.draft = DecisionDraft(snapshot.now, snapshot.firing_only)
        self._timer = timer
        self._rules = rules
        self._rule = rules.get(timer.rule)
        self._is_gone = is_gone
        self._snapshot = snapshot
        self._decoded: tuple[AlertId, dict[str, Any]] | None = None

    def feature(self, kind: type[F]) -> F | None:
        return self._rule.features.find(kind) if self._rule is not None else None

    @property
    def tolerance_ms(self) -> int:
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
            recipients = rule.recipients(content, alert.labels, self.now)
            send_to = recipients.destinations
            facts = alert_facts(alert, content, rule, self._snapshot, recipients=recipients)
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
        facts = alert_facts(
            message, self._content(message), rule, self._snapshot, recipients=Recipients(send_to)
        )
        steps = tuple(
            step
            for feature in rule.features.following
            if feature.tells_group
            for step in feature.follow_ups(facts)
        )
        if steps:
            (result,) = await self.store.decide([Chain(f"{message.id}-escalate", steps)])
            for feature in rule.features.concluding:
                feature.conclude(self.draft, message, steps, result)

    async def suppressions(self, alerts: Sequence[Alert]) -> list[Suppression | None]:
        reasons = [self._suppressions(alert) for alert in alerts]
        found = [next((each for each in some if not each.before), None) for some in reasons]
        asked = {
            number: Chain(f"{alert.id}-inhibited", (OpenForLook(alert.key), *steps))
            for number, alert in enumerate(alerts)
            if found[number] is None and (steps := self._checks(alert, reasons[number]))
        }
        results = await self.store.decide(list(asked.values())) if asked else []
        for number, result in zip(asked, results, strict=True):
            if result.reason is not None:
                known = (each for each in reasons[number] if each.reason == result.reason)
                found[number] = next(known, Suppression(result.reason))
        return found

    def _checks(self, alert: Alert, reasons: Sequence[Suppression]) -> tuple[Step, ...]:
        """Return the steps that suppress the alert for what its life or another rule is asked for."""
        rule = self._rules.get(alert.rule)
        features = rule.features.checking if rule is not None else ()
        inhibited = [step for each in features for step in each.checks(self._content(alert))]
        return (*map(suppress_step, reasons), *inhibited)

    def _suppressions(self, alert: Alert) -> tuple[Suppression, ...]:
        if alert.id in self.poison:
            return (Suppression(POISON),)
        rule = self._rules.get(alert.rule)
        return suppressions(alert, self._content(alert), rule, self._snapshot)

    def is_keyed(self, alert: Alert) -> bool:
        rule = self._rules.get(alert.rule)
        return rule is not None and rule.features.life is not None

    def older_place(self, alert: Alert) -> Place | None:
        rule = self._rules.get(alert.rule)
        return rule.features.older_place(self._content(alert)) if rule is not None else None

    async def judge(self, alerts: Mapping[str, Alert]) -> None:
        judge = Judge(self._rules, self._snapshot, self.poison)
        looks = [await self._look(judge, key, alert) for key, alert in alerts.items()]
        results = await self.store.decide([look.chain for look in looks]) if looks else []
        for look, result in zip(looks, results, strict=True):
            judge.conclude(self.draft, look, result)

    async def _look(self, judge: Judge, key: str, alert: Alert) -> Look:
        look = judge.look(key, alert)
        if look is not None:
            return look
        is_gone = self._is_gone is None or await self._is_gone(alert.rule)
        return judge.unknown(key, alert, is_gone=is_gone)

    async def resolve(self, alert: Alert, by: str) -> None:
        judge = Judge(self._rules, self._snapshot, self.poison)
        look = judge.resolution(alert, by)
        (result,) = await self.store.decide([look.chain])
        judge.conclude(self.draft, look, result)

    def summary(self, alert: Alert) -> str:
        return rendering.summary(alert, TemplateTarget.TEXT).text

    def _content(self, alert: Alert) -> dict[str, Any]:
        """Return the alert's event as Python values; the last one is cached."""
        if self._decoded is None or self._decoded[0] != alert.id:
            self._decoded = (alert.id, rendering.decode(alert))
        return self._decoded[1]
