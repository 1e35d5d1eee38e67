"""``ratio``: notify when the share of some events among all of them crosses a threshold."""

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
        check_min_events(self.min_events)
        check_span("within", self.within)


class CheckRatio(WindowStep, frozen=True, array_like=True):
    """Continue if the share crosses the threshold with this event."""

    is_part: bool | None
    """True if the event is of those whose share it is; None if that cannot be said."""
    min_events: int
    bound: tuple[str, float]
    """``at_least`` or ``at_most``, and the share."""

    def figures(self) -> Figures | None:
        return None if self.is_part is None else (1, int(self.is_part))

    def is_known(self, run: ChainRun, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - the base class's signature
        return window[0] >= self.min_events

    def is_beyond(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        side, share = self.bound
        # Divided, because the quotient of whole numbers is exact where a product is not: 7 % of 100.
        value = window[1] / window[0]
        return value >= share if side == "at_least" else value <= share

    def words(self, record: WindowRecord, window: Figures) -> tuple[str, ...]:  # noqa: ARG002 - as above
        return (RATIO, *as_words((self.within, window[1], window[0])))


class RatioFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies of a share of its events."""

    key = "ratio"
    purpose = "Notify when the share of some events among all of them crosses a threshold."
    written = RatioText
    delays = True
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
        )

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        words = {True: "is", False: "is not", None: "cannot be said to be"}
        part = words[self._is_part(content)]
        side, share = self._bound
        span = span_text(self.text.within)
        yield (
            f"{part} of the share that notifies {side.replace('_', ' ')} {number_text(100 * share)}%"
            f" of {self.text.min_events} events or more within {span}{by_text(self.by, content)}"
        )

    @property
    def _bound(self) -> tuple[str, float]:
        if self.text.at_least is not None:
            return "at_least", float(self.text.at_least)
        return "at_most", float(self.text.at_most or 0)

    def _is_part(self, content: dict[str, Any]) -> bool | None:
        verdict = Verdict.ERROR if self.judged is None else self.judged.verdict(content)
        return None if verdict is Verdict.ERROR else verdict is Verdict.MATCH
