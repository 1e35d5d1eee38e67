"""Looks at keyed alerts: what each look's chain is, and what results from it. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from router.alerts import Alert, AlertId, alert_id
from router.destinations.rendering import summary as rendering
from router.rules.model import Rule
from router.rules.state.chain import Chain, StoredAlert, encode_alert
from router.rules.state.decision import DecisionDraft
from router.rules.state.look import (
    EndByOperator,
    ExpireAlert,
    LookAt,
    LookTimer,
    PostponeLook,
)
from router.rules.state.resolution import RESOLVED, notify_resolved
from router.rules.state.step import ChainResult, Outcome, Step
from router.rules.state.timer import POISON, RULE_GONE
from router.worker.evaluation.decide import with_held
from router.worker.evaluation.fan_out import key_of
from router.worker.evaluation.plan import alert_facts, bound_places, plan_steps
from router.worker.evaluation.suppression_reason import Snapshot

_UNKNOWN_WAIT_MS: Final = 15_000
"""How long an alert whose rule is unknown here is left to other workers."""


class Look(NamedTuple):
    """The look at one keyed alert."""

    alert: Alert
    rule: Rule | None
    chain: Chain


class Judge:
    """Makes the chains of looks by the rules that are active, and concludes them.

    Args:
        rules: By name.
        snapshot: What else a look depends on.
        poison: Alerts that ended three processes: they are ended, and their events go to quarantine.
    """

    def __init__(
        self, rules: Mapping[str, Rule], snapshot: Snapshot, poison: frozenset[AlertId]
    ) -> None:
        self._rules = rules
        self._snapshot = snapshot
        self._poison = poison

    def look(self, key: str, alert: Alert) -> Look | None:
        """Return the look at an alert; None if the rules do not give it this life and this key any more."""
        rule = self._rules.get(alert.rule)
        life = rule.features.life if rule is not None else None
        if rule is None or life is None:
            return None
        if alert.id in self._poison:
            return _look(key, alert, rule, (ExpireAlert(key, POISON),))
        content = rendering.decode(alert)
        if key_of(rule, content, alert.id) != key:
            return None
        recipients = rule.recipients(content, alert.labels, self._snapshot.now)
        facts = msgspec.structs.replace(
            alert_facts(alert, content, rule, self._snapshot, recipients=recipients),
            at=int(self._snapshot.now * 1000),
        )
        look = LookAt(
            key,
            recipients.destinations,
            facts.later,
            life.remind_ms,
            bound_places(rule, alert),
        )
        steps = (look, *plan_steps(rule, facts, after=LookTimer))
        return _look(key, alert, rule, steps, recipients.destinations)

    def unknown(self, key: str, alert: Alert, *, is_gone: bool) -> Look:
        """Return the look at an alert whose rule, or its life, is unknown here."""
        step = ExpireAlert(key, RULE_GONE) if is_gone else PostponeLook(key, _UNKNOWN_WAIT_MS)
        return _look(key, alert, None, (step,))

    def resolution(self, alert: Alert, by: str) -> Look:
        """Return the look by which an operator resolves an alert."""
        rule = self._rules.get(alert.rule)
        bound = bound_places(rule, alert) if rule is not None else ()
        return _look(alert.key, alert, rule, (EndByOperator(alert.key, by, bound),))

    def conclude(self, draft: DecisionDraft, look: Look, result: ChainResult) -> None:
        """Add to the draft what results from a look."""
        alert, rule = look.alert, look.rule
        if alert.id in self._poison:
            draft.quarantine(alert)
        if result.outcome is Outcome.RESOLVED:
            notify_resolved(draft, result)
        elif result.outcome is Outcome.NOTIFY:
            # A message about it arises now: its spans, its links and the order of a digest follow from that.
            told = msgspec.structs.replace(with_held(alert, result), raised_at=draft.now)
            if told.reminder:
                told = msgspec.structs.replace(
                    told, id=alert_id(alert.id, f"reminder {told.reminder}")
                )
                draft.notify_again(told, result.notified, result.number)
            else:
                draft.notify(told, result.notified, number=result.number)
        reason = RULE_GONE if rule is None else RESOLVED
        for _ in range(result.withdrawn):
            draft.suppress(alert.rule, reason, new=0)
        for feature in rule.features.concluding if rule is not None else ():
            if not _is_concluded(result):
                feature.conclude(draft, alert, look.chain.steps, result)


def _is_concluded(result: ChainResult) -> bool:
    return result.outcome in {Outcome.RESOLVED, Outcome.ENDED, Outcome.NOTHING}


def _look(
    key: str,
    alert: Alert,
    rule: Rule | None,
    steps: tuple[Step, ...],
    send_to: tuple[str, ...] = (),
) -> Look:
    is_stored = rule is not None and rule.features.groups
    stored = encode_alert(StoredAlert(alert, send_to)) if is_stored else b""
    return Look(alert, rule, Chain(f"{key}-look", steps, stored))
