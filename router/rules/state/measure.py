"""``measure``: notify when a statistic of a number in the events crosses a threshold."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from router.cel import ERROR
from router.datatypes import Duration
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
from router.rules.state.measured import ABOVE, number_text
from router.rules.state.sketch import bin_at, bin_of
from router.rules.state.step import ChainRun, Step
from router.rules.state.window import (
    PARTS,
    Figures,
    WindowRecord,
    WindowStep,
    as_words,
    check_min_events,
)

BINS_LIMIT: Final = 256
"""Bins of each part of a window, for percentiles."""
LARGEST: Final = 1e100
"""A number of this size is not measured, because the sum of its squares has no double."""
STATISTICS: Final = ("sum", "avg", "min", "max", "p50", "p90", "p95", "p99", "stddev")


class BoundText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The threshold of a statistic."""

    above: Annotated[float | None, about("Notify above this number.")] = None
    below: Annotated[float | None, about("Notify below this number.")] = None
    back: Annotated[float | None, about("The number at which it is back; the same by default.")] = (
        None
    )

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError("a threshold is either above or below a number: {above: 30}")
        if not abs(self.limit) < LARGEST:
            raise ValueError(f"{self.side} must be less than 1e100")
        apart = (self.limit - self.nearest) * (1 if self.side == ABOVE else -1)
        if not apart >= 0 or not abs(self.nearest) < LARGEST:
            raise ValueError("back is beyond the threshold: no number would ever be back")

    @property
    def side(self) -> str:
        """On which side of the limit it notifies: ``above`` or ``below``."""
        return "below" if self.above is None else ABOVE

    @property
    def limit(self) -> float:
        """The number."""
        return float(self.below if self.above is None else self.above)  # type: ignore[arg-type]  # one is given

    @property
    def nearest(self) -> float:
        """The number at which the figures are back."""
        return self.limit if self.back is None else float(self.back)


class MeasureText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when a statistic of a number in the events crosses a threshold."""

    value: Annotated[str, about("An expression in CEL: the number that is measured.")]
    sum: Annotated[BoundText | None, about("The sum of the numbers.")] = None
    avg: Annotated[BoundText | None, about("Their average.")] = None
    min: Annotated[BoundText | None, about("The least one.")] = None
    max: Annotated[BoundText | None, about("The greatest one.")] = None
    p50: Annotated[BoundText | None, about("The median.")] = None
    p90: Annotated[BoundText | None, about("The 90th percentile.")] = None
    p95: Annotated[BoundText | None, about("The 95th percentile.")] = None
    p99: Annotated[BoundText | None, about("The 99th percentile.")] = None
    stddev: Annotated[BoundText | None, about("Their standard deviation.")] = None
    min_events: Annotated[int, about("Numbers in the window before it counts.", ge=1)] = 1
    within: Annotated[Duration, about("The window.")]
    by: ByText = ()

    def __post_init__(self) -> None:
        given = [name for name in STATISTICS if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            choice = f"one of {', '.join(STATISTICS)}"
            raise ValueError(f"measure needs {choice}, such as avg: {{above: 30}}; it has {found}")
        check_min_events(self.min_events)
        check_span("within", self.within)

    @property
    def statistic(self) -> str:
        """Which statistic has a threshold."""
        return next(name for name in STATISTICS if getattr(self, name) is not None)

    @property
    def bound(self) -> BoundText:
        """The threshold."""
        bound: BoundText = getattr(self, self.statistic)
        return bound


class CheckMeasure(WindowStep, frozen=True, array_like=True):
    """Continue if a statistic crosses the threshold with this event."""

    statistic: str
    """Any but a percentile."""
    value: float | None
    """None if the event has no number."""
    min_events: int
    bound: tuple[str, float, float, bool]
    """``above`` or ``below``, the limit, the number at which it is back, and ``resolves``."""

    @property
    def resolves_alert(self) -> bool:
        return self.bound[3]

    def figures(self) -> Figures | None:
        if self.value is None:
            return None
        return (1, self.value, 0.0) if self.statistic == "stddev" else (1, self.value)

    def merge(self, one: Figures, other: Figures) -> Figures:
        match self.statistic:
            case "min":
                return one[0] + other[0], min(one[1], other[1])
            case "max":
                return one[0] + other[0], max(one[1], other[1])
            case "stddev":
                return _merged_deviation(one, other)
            case _:
                return super().merge(one, other)

    def is_known(self, run: ChainRun, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - the base class's signature
        return window[0] >= self.min_events

    def is_beyond(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        side, limit, _, _ = self.bound
        found = self._found(window)
        return found > limit if side == ABOVE else found < limit

    def is_back(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        side, _, back, _ = self.bound
        found = self._found(window)
        return found <= back if side == ABOVE else found >= back

    def words(self, record: WindowRecord, window: Figures) -> tuple[str, ...]:  # noqa: ARG002 - as above
        return (self.statistic, *as_words((self.within, self._found(window), window[0])))

    def _found(self, window: Figures) -> float:
        match self.statistic:
            case "avg":
                return window[1] / window[0]
            case "stddev":
                return math.sqrt(window[2] / window[0])
            case _:
                return window[1]


def _merged_deviation(one: Figures, other: Figures) -> Figures:
    """Merge counts, means and sums of squared differences from the mean.

    Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances", Stanford STAN-CS-79-773, 1979. It loses no digits where the numbers are large
    and their differences small.
    """
    count = one[0] + other[0]
    apart = other[1] - one[1]
    mean = one[1] + apart * other[0] / count
    return count, mean, one[2] + other[2] + apart * apart * one[0] * other[0] / count


class CheckPercentile(WindowStep, frozen=True, array_like=True):
    """Continue if a percentile crosses the threshold with this event.

    Whether it does follows exactly from how many numbers are beyond the threshold. Only the figure
    that is shown comes from bins.
    """

    percent: int
    value: tuple[float, int] | None
    """The number and its bin; None if the event has none."""
    min_events: int
    bound: tuple[str, float, int, float, bool]
    """``above`` or ``below``, the limit, its bin, the number at which it is back, and ``resolves``."""

    @property
    def resolves_alert(self) -> bool:
        return self.bound[4]

    def figures(self) -> Figures | None:
        if self.value is None:
            return None
        side, limit, _, back, _ = self.bound
        number = self.value[0]
        if side == ABOVE:
            return 1, int(number > limit), int(number > back)
        return 1, int(number < limit), int(number < back)

    def store_more(self, record: WindowRecord, part: int) -> None:
        counts = record.bins.setdefault(part, {})
        number = self.value[1] if self.value is not None else 0
        if len(counts) >= BINS_LIMIT and number not in counts:
            number = self.bound[2]
        counts[number] = counts.get(number, 0) + 1

    def is_known(self, run: ChainRun, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - the base class's signature
        return window[0] >= self.min_events

    def is_beyond(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        return self._exceeds(window[0], window[1])

    def is_back(self, record: WindowRecord, window: Figures) -> bool:  # noqa: ARG002 - as above
        return not self._exceeds(window[0], window[2])

    def _exceeds(self, total: float, beyond: float) -> bool:
        """Return whether so many numbers beyond a limit put the percentile beyond it."""
        rank = self._rank(total)
        return total - beyond < rank if self.bound[0] == ABOVE else beyond >= rank

    def words(self, record: WindowRecord, window: Figures) -> tuple[str, ...]:
        counts: dict[int, int] = {}
        newest = record.newest or 0
        for part in range(newest - PARTS + 1, newest + 1):
            for number, count in record.bins.get(part, {}).items():
                counts[number] = counts.get(number, 0) + count
        side, limit, limit_bin, _, _ = self.bound
        number = bin_at(counts, self._rank(window[0]), limit_bin)
        figures = as_words((self.within, number, window[0]))
        return (f"p{self.percent}", *figures, side, *as_words((limit,)))

    def _rank(self, total: float) -> int:
        """Return the rank of the percentile, from 1: the least number that so many do not exceed."""
        return (self.percent * int(total) + 99) // 100


class MeasureFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies of a statistic of its events."""

    key = "measure"
    purpose = "Notify when a statistic of a number in the events crosses a threshold."
    written = MeasureText
    delays = True
    comes_back = True
    identity_rank = 3
    excludes = ("count", "ratio", "absent")
    evaluates = "value"
    limits = {"bins_limit": BINS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class

    text: MeasureText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        text, bound, value = self.text, self.text.bound, self._number(facts.content)
        place, within = self.place(facts.content), milliseconds(text.within)
        if not text.statistic[1:].isdigit():
            yield CheckMeasure(
                *place,
                facts.at,
                within,
                text.statistic,
                value,
                text.min_events,
                (bound.side, bound.limit, bound.nearest, facts.resolves_when_back),
            )
            return
        yield CheckPercentile(
            *place,
            facts.at,
            within,
            int(text.statistic[1:]),
            None if value is None else (value, bin_of(value)),
            text.min_events,
            (
                bound.side,
                bound.limit,
                bin_of(bound.limit),
                bound.nearest,
                facts.resolves_when_back,
            ),
        )

    def threshold_words(self) -> tuple[str, ...]:
        numbers = (milliseconds(self.text.within), self.text.bound.limit, self.text.min_events)
        return (self.text.statistic, *as_words(numbers))

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        text, bound, value = self.text, self.text.bound, self._number(content)
        threshold = f"{text.statistic} {bound.side} {number_text(bound.limit)}"
        by = by_text(self.by, content)
        number = "no number, is not measured" if value is None else f"measures {number_text(value)}"
        yield f"{number} towards {threshold} within {span_text(text.within)}{by}"

    def _number(self, content: dict[str, Any]) -> float | None:
        """Return the number of an event; None if it has none that can be measured."""
        value = ERROR if self.evaluated is None else self.evaluated.value(content)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        # The zero removes the sign of -0.0. A comparison with NaN is false.
        return float(value) + 0.0 if abs(value) < LARGEST else None
