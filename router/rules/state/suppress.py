"""Suppression that needs no state: silences, mute times, and rules in shadow."""

from collections.abc import Iterator
from typing import Any, Final

from router.rules.state.feature import AlertFacts, Feature
from router.rules.state.step import ChainRun, Outcome, Reason, Step
from router.rules.suppression.mute_times import MuteTime
from router.rules.suppression.suppressions import Suppression

SILENCED: Final = Reason("silenced")
MUTED: Final = Reason("muted")
SHADOW: Final = Reason("shadow")


class Suppress(Step, frozen=True, array_like=True):
    """Suppress the alert, for a reason that is known before. Stops, unless it began too late."""

    reason: str
    ends: int = 0
    """When the reason ends, in Unix ms; 0 if that is not known."""
    drops: bool = False
    """True if the alert is not told when the reason ends."""
    begun_before: int = 0
    """Only alerts whose life began no later are suppressed, in Unix ms; 0 for all."""

    def run(self, run: ChainRun) -> bool:
        opened = run.opened
        if self.begun_before and (opened is None or opened.record.opened_at > self.begun_before):
            return False
        if opened is not None:
            opened.ends, opened.drops = self.ends, self.drops
        return run.stop(Outcome.SUPPRESSED, reason=Reason(self.reason))


def suppress_step(reason: Suppression) -> Suppress:
    """Return the step that suppresses an alert for a reason."""
    return Suppress(reason.reason, int(reason.ends * 1000), reason.drops, int(reason.before * 1000))


class SuppressFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts can be silenced, and are muted at times of the week."""

    remembers = False

    mute_times: tuple[MuteTime, ...] = ()

    def suppression(self, now: float) -> Suppression | None:
        active = [each for each in self.mute_times if each.is_on(now)]
        if not active:
            return None
        ends = max((each.next_change(now) or 0.0 for each in active), default=0.0)
        return Suppression(MUTED, ends=ends, drops=any(each.drops for each in active))

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        yield from map(suppress_step, facts.suppressed)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - the base class's signature
        if self.mute_times:
            yield f"is muted in {', '.join(each.name for each in self.mute_times)}"


class ShadowFeature(Feature, frozen=True, kw_only=True):
    """The rule is in shadow: it matches and remembers, and notifies no destination."""

    remembers = False
    is_last = True

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        if facts.is_shadow:
            yield Suppress(SHADOW)
