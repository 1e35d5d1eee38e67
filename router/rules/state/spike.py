"""``spike``: notify when there are several times as many events as in the window before."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final

import msgspec

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
from router.rules.state.measured import SPIKE, number_text
from router.rules.state.step import ChainRun, Record, Step
from router.rules.state.window import (
    PARTS,
    Figures,
    WindowRecord,
    WindowStep,
    as_words,
    check_min_events,
    part_length,
)

_TIMES_LIMIT: Final = 1_000_000
_SINCE: Final = "since"
"""The key under which a state stores its first event; no digest of values is equal to it."""


class SpikeText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when there are several times as many events as in the window before."""

    times: Annotated[float, about("How many times as many events, more than 1.")]
    within: Annotated[Duration, about("The window, and that before it.")]
    min_events: Annotated[int, about("Events in the window before it can be a spike.", ge=1)]
    back: Annotated[
        float | None, about("How many times as many events are usual again; `times` by default.")
    ] = None
    by: ByText = ()

    def __post_init__(self) -> None:
        if self.back is not None and not 0 < self.back <= self.times:
            raise ValueError("back is more than 0 and at most times")
        if not 1 < self.times <= _TIMES_LIMIT:
            raise ValueError(f"times must be more than 1 and at most {_TIMES_LIMIT}")
        check_min_events(self.min_events)
        check_span("within", self.within)


class _Since(Record):
    expires: ClassVar[bool] = False

    at: int = 0
    """When the first event that arrived happened, in Unix ms."""


class CheckSpike(WindowStep, frozen=True, array_like=True):
    """Continue if there are ``times`` as many events as in the window before, with this event."""

    spans = 2

    times: float
    min_events: int
    back: float
    """How many times as many events are usual again."""
    resolves: bool

    @property
    def resolves_alert(self) -> bool:
        return self.resolves

    def figures(self) -> Figures | None:
        return (1,)

    def is_known(self, run: ChainRun, record: WindowRecord, window: Figures) -> bool:
        since = run.memory.find((self.state, _SINCE), _Since)
        if since is None:
            since = run.memory.put((self.state, _SINCE), _Since(self.at))
        first = since.at // part_length(self.within)
        has_seen_both = record.newest is not None and first <= record.newest - 2 * PARTS
        return has_seen_both and window[0] >= self.min_events

    def is_beyond(self, record: WindowRecord, window: Figures) -> bool:
        return window[0] / max(1, self._before(record)) >= self.times

    def is_back(self, record: WindowRecord, window: Figures) -> bool:
        return window[0] / max(1, self._before(record)) < self.back

    def words(self, record: WindowRecord, window: Figures) -> tuple[str, ...]:
        return (SPIKE, *as_words((self.within, self._before(record), window[0])))

    def _before(self, record: WindowRecord) -> float:
        return sum(self.window(record, spans_ago=1)[:1])


class SpikeFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies when its events become many more."""

    key = "spike"
    purpose = "Notify when there are several times as many events as in the window before."
    written = SpikeText
    delays = True
    comes_back = True
    identity_rank = 3
    excludes = ("count", "ratio", "measure", "absent")

    text: SpikeText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        text = self.text
        yield CheckSpike(
            *self.place(facts.content),
            facts.at,
            milliseconds(text.within),
            text.times,
            text.min_events,
            text.times if text.back is None else text.back,
            facts.resolves_when_back,
        )

    def threshold_words(self) -> tuple[str, ...]:
        total = max(self.text.min_events, math.ceil(self.text.times))
        before = math.floor(total / self.text.times)
        return (SPIKE, *as_words((milliseconds(self.text.within), before, total)))

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        text, span = self.text, span_text(self.text.within)
        yield (
            f"counts towards {text.min_events} events or more within {span}, {number_text(text.times)}"
            f" times as many as in the {span} before{by_text(self.by, content)}"
        )
