"""``ratio``: notify when the share of some events among all of them crosses a threshold."""

import math
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from router.cel import Verdict
from router.datatypes import Duration, Share
from router.rules.key_descriptions import about
from router.rules.state.feature import (
    AlertFacts,
    ByText,
    Feature,
    by_text,
    check_span,
    milliseconds,
    span_text,
)
from router.rules.state.measured import RATIO, number_text
from router.rules.state.step import ChainRun, Step
from router.rules.state.window import (
    Figures,
    WindowRecord,
    WindowStep,
    as_words,
    check_min_events,
)


class RatioText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when the share of some events among all of them crosses a threshold."""

    of: Annotated[str, about("A condition in CEL: the events whose share it is.")]
    at_least: Annotated[Share | None, about("Notify at this share and above.")] = None
    at_most: Annotated[Share | None, about("Notify at this share and below.")] = None
    back: Annotated[
        Share | None, about("The share below which (with `at_most`: above which) it is back.")
    ] = None
    min_events: Annotated[int, about("Events in the window before a share counts.", ge=1)]
    within: Annotated[Duration, about("The window.")]
    by: ByText = ()

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("ratio needs one threshold, either at_least or at_most")
        if self.at_least is not None and not self.at_least:
            raise ValueError("at_least: a share is always at least 0, write for example 5%")
        if self.at_most is not None and self.at_most >= 1:
            raise ValueError("at_most: a share is always at most 100%, write for example 95%")
        nearest = self.at_most if self.at_least is None else self.at_least
        sign = -1 if self.at_least is None else 1
        if self.back is not None and nearest is not None and sign * (nearest - self.back) < 0:
            raise ValueError("back is beyond the threshold: no share would ever be back")
        check_min_events(self.min_events)
        check_span("within", self.within)


class CheckRatio(WindowStep, frozen=True, array_like=True):
    """Continue if the share crosses the threshold with this event."""

    is_part: bool | None
    """True if the event is of those whose share it is; None if that cannot be said."""
    min_events: int
    bound: tuple[str, float, float]
    """``at_least`` or ``at_most``, the share, and that at which it is back."""
    resolves: bool

    @property
    def resolves_alert(self) -> bool:
        return self.resolves

    def figures(self) -> Figures | None:
        return None if self.is_part is None else (1, int(self.is_part))

    def is_known(self, run: ChainRun, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - the base class's signature
        return window[0] >= self.min_events

    def is_beyond(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        side, share, _ = self.bound
        # Divided, because the quotient of whole numbers is exact where a product is not: 7 % of 100.
        value = window[1] / window[0]
        return value >= share if side == "at_least" else value <= share

    def is_back(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        side, _, back = self.bound
        value = window[1] / window[0]
        return value < back if side == "at_least" else value > back

    def words(self, record: WindowRecord, window: Figures) -> tuple[str, ...]:  # noqa: ARG002 - as above
        return (RATIO, *as_words((self.within, window[1], window[0])))


class RatioFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies of a share of its events."""

    key = "ratio"
    purpose = "Notify when the share of some events among all of them crosses a threshold."
    written = RatioText
    delays = True
    comes_back = True
    identity_rank = 3
    excludes = ("count", "absent")
    judges = "of"

    text: RatioText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        yield CheckRatio(
            *self.place(facts.content),
            facts.at,
            milliseconds(self.text.within),
            self._is_part(facts.content),
            self.text.min_events,
            self._bound,
            facts.resolves_when_back,
        )

    def threshold_words(self) -> tuple[str, ...]:
        total = self.text.min_events
        side, share, _ = self._bound
        part = math.ceil(share * total) if side == "at_least" else math.floor(share * total)
        return (RATIO, *as_words((milliseconds(self.text.within), part, total)))

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        words = {True: "is", False: "is not", None: "cannot be said to be"}
        part = words[self._is_part(content)]
        side, share, _ = self._bound
        span = span_text(self.text.within)
        yield (
            f"{part} of the share that notifies {side.replace('_', ' ')} {number_text(100 * share)}%"
            f" of {self.text.min_events} events or more within {span}{by_text(self.by, content)}"
        )

    @property
    def _bound(self) -> tuple[str, float, float]:
        text = self.text
        share = text.at_most if text.at_least is None else text.at_least
        back = share if text.back is None else text.back
        return (
            "at_most" if text.at_least is None else "at_least",
            float(share or 0),
            float(back or 0),
        )

    def _is_part(self, content: dict[str, Any]) -> bool | None:
        verdict = Verdict.ERROR if self.judged is None else self.judged.verdict(content)
        return None if verdict is Verdict.ERROR else verdict is Verdict.MATCH
