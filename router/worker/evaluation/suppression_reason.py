"""The reason for which an alert is suppressed now: silences, then mute times. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from router.alerts import Alert
from router.rules.model import Rule
from router.rules.state.step import Reason
from router.rules.state.suppress import SILENCED
from router.rules.suppression.silences import Silence, silenced


class Snapshot(msgspec.Struct, frozen=True):
    """The time, the silences and more, on which a decision depends beside events, rules and state."""

    now: float
    """Unix time in seconds."""
    silences: Sequence[Silence] = ()
    firing_only: frozenset[str] = frozenset()
    """Names of the destinations that get no messages of resolved alerts."""
    tolerance_ms: int = 30_000
    """By how much the clocks of senders may differ: ``ROUTER_CLOCK_TOLERANCE``."""


def suppression_reason(
    alert: Alert, content: Mapping[str, Any], rule: Rule | None, snapshot: Snapshot
) -> Reason | None:
    """Return why the alert is suppressed at this moment, whatever the state; None if it is not.

    ``rule`` is None for an alert whose rule is gone: only silences apply to it.
    """
    if snapshot.silences and silenced(alert, content, snapshot.silences, snapshot.now):
        return SILENCED
    for feature in rule.features.muting if rule is not None else ():
        reason = feature.suppression(snapshot.now)
        if reason is not None:
            return reason
    return None
