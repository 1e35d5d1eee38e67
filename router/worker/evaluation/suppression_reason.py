"""The reason for which an alert is suppressed now: silences, then mute times. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from router.alerts import Alert
from router.rules.model import Rule
from router.rules.state.suppress import SILENCED
from router.rules.suppression.silences import Silence, silencing
from router.rules.suppression.suppressions import Suppression


class Snapshot(msgspec.Struct, frozen=True):
    """The time, the silences and more, on which a decision depends beside events, rules and state."""

    now: float
    """Unix time in seconds."""
    silences: Sequence[Silence] = ()
    firing_only: frozenset[str] = frozenset()
    """Names of the destinations that get no messages of resolved alerts."""
    tolerance_ms: int = 30_000
    """By how much the clocks of senders may differ: ``ROUTER_CLOCK_TOLERANCE``."""


def suppressions(
    alert: Alert, content: Mapping[str, Any], rule: Rule | None, snapshot: Snapshot
) -> tuple[Suppression, ...]:
    """Return why the alert is suppressed at this moment, whatever the state; empty if it is not.

    The first one for all alerts comes last, after those for alerts whose life began before a time.
    ``rule`` is None for an alert whose rule is gone: only silences apply to it.
    """
    found = []
    for each in silencing(alert, content, snapshot.silences, snapshot.now):
        before = each.starts if each.until_resolved else 0.0
        found.append(Suppression(SILENCED, each.ends, each.drops, before))
        if not before:
            return tuple(found)
    for feature in rule.features.muting if rule is not None else ():
        suppression = feature.suppression(snapshot.now)
        if suppression is not None:
            return (*found, suppression)
    return tuple(found)


def suppression_reason(
    alert: Alert, content: Mapping[str, Any], rule: Rule | None, snapshot: Snapshot
) -> Suppression | None:
    """Return why an alert that has no life is suppressed at this moment; None if it is not."""
    found = suppressions(alert, content, rule, snapshot)
    return next((each for each in found if not each.before), None)
