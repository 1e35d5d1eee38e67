"""Suppression that needs no state: silences, mute times, and rules in shadow."""

from collections.abc import Iterator
from typing import Any, Final

from router.rules.state.feature import AlertFacts, Feature
from router.rules.state.step import ChainRun, Outcome, Reason, Step
from router.rules.suppression.mute_times import MuteTime

SILENCED: Final = Reason("silenced")
MUTED: Final = Reason("muted")
SHADOW: Final = Reason("shadow")


class Suppress(Step, frozen=True, array_like=True):
    """Suppress the alert, for a reason that is known before. Always stops."""

    reason: str

    def run(self, run: ChainRun) -> bool:
        return run.stop(Outcome.SUPPRESSED, reason=Reason(self.reason))


class SuppressFeature(Feature, frozen=True, kw_only=True):
    """The rule's alerts can be silenced, and are muted at times of the week."""

    remembers = False

    mute_times: tuple[MuteTime, ...] = ()

    def suppression(self, now: float) -> Reason | None:
        return MUTED if any(each.is_on(now) for each in self.mute_times) else None

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        if facts.suppressed is not None:
            yield Suppress(facts.suppressed)

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
