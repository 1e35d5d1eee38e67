"""``count``: notify when enough events happened within a time span."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import (
    AlertFacts,
    ByText,
    Feature,
    by_text,
    check_span,
    digest,
    milliseconds,
    span_text,
)
from router.rules.state.step import ChainRun, Outcome, Record, Step

COUNT_LIMIT: Final = 10_000


class CountText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when enough events happened within a time span."""

    at_least: Annotated[int, about("How many events.", ge=1, le=COUNT_LIMIT)]
    within: Annotated[Duration, about("The time span in which they must have happened.")]
    by: ByText = ()

    def __post_init__(self) -> None:
        if not 1 <= self.at_least <= COUNT_LIMIT:
            raise ValueError(f"at_least is {self.at_least}, expected 1 to {COUNT_LIMIT}")
        check_span("within", self.within)


class _Events(Record):
    at: list[tuple[int, str]] = msgspec.field(default_factory=list)
    """When each event happened, and its digest, in order."""


class Count(Step, frozen=True, array_like=True):
    """Continue if ``at_least`` different events happened within a span; those are then used up.

    Any span that contains this event counts, so the order of arrival does not matter. An event
    that is older than the newest of its key by two spans is dropped.
    """

    state: str
    key: str
    event: str
    at: int
    within: int
    at_least: int

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if not run.touch(place, 2 * self.within):
            return run.stop(Outcome.COUNTED)
        events = run.memory.obtain(place, _Events).at
        newest = max(events[-1][0], self.at) if events else self.at
        del events[: bisect_left(events, (newest - 2 * self.within + 1, ""))]
        is_old = self.at <= newest - 2 * self.within
        if is_old or any(event == self.event for _, event in events):
            return run.stop(Outcome.COUNTED)
        insort(events, (self.at, self.event))
        first = self._window(events)
        if first is None:
            return run.stop(Outcome.COUNTED)
        del events[first : first + self.at_least]
        if not events:
            run.memory.drop(place)
        run.count = self.at_least
        return False

    def _window(self, events: Sequence[tuple[int, str]]) -> int | None:
        """Return where ``at_least`` events begin that span under ``within``, with this event."""
        own = events.index((self.at, self.event))
        for first in range(max(0, own - self.at_least + 1), own + 1):
            last = first + self.at_least - 1
            if last >= len(events):
                return None
            if events[last][0] - events[first][0] < self.within:
                return first
        return None


class CountFeature(Feature, frozen=True, kw_only=True):
    """The events of a rule are counted before there is an alert."""

    key = "count"
    purpose = "Notify when enough events happened within a time span."
    written = CountText
    delays = True
    identity_rank = 3

    text: CountText

    @property
    def events_per_alert(self) -> int:
        return self.text.at_least

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        event, within = digest((facts.event,)), milliseconds(self.text.within)
        yield Count(*self.place(facts.content), event, facts.at, within, self.text.at_least)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        span = span_text(self.text.within)
        by = by_text(self.by, content)
        yield f"counts towards at_least {self.text.at_least} within {span}{by}"
