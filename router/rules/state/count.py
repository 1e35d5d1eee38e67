"""``count``: notify when enough events happened within a time span."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from router.rules.state.count_text import CountText
from router.rules.state.feature import (
    AlertFacts,
    By,
    Feature,
    by_text,
    digest,
    milliseconds,
    span_text,
    values_of,
)
from router.rules.state.measured import COUNT, DISTINCT, MEMBERS, ROW
from router.rules.state.step import ChainRun, Memory, Outcome, Record, Step
from router.rules.state.window import LATE, NO_VALUE

BREAKS_LIMIT: Final = 100
"""Breaks of a key that are stored. Events from before the oldest are then too late to count."""


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
            return run.stop(Outcome.COUNTED, reason=LATE if is_old else None)
        insort(events, (self.at, self.event))
        first = self._window(events)
        if first is None:
            return run.stop(Outcome.COUNTED)
        del events[first : first + self.at_least]
        if not events:
            run.memory.drop(place)
        run.count = self.at_least
        return False

    def standing(self, memory: Memory) -> tuple[str, ...]:
        record = memory.find((self.state, self.key), _Events)
        if record is None or not record.at:
            return ()
        first = bisect_left(record.at, (record.at[-1][0] - self.within + 1, ""))
        return COUNT, str(self.within), str(len(record.at) - first), str(self.at_least)

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


class _Values(Record):
    at: list[tuple[int, str]] = msgspec.field(default_factory=list)
    """When an event with a value happened, and the digest of the value, in order."""


class CountDistinct(Step, frozen=True, array_like=True):
    """Continue if events with ``at_least`` different values happened within a span; then start again.

    Any span that contains this event counts, so the order of arrival does not matter. Of one value,
    an event between two others that are less than a span apart is not stored: each span that contains
    it contains one of the two. So no value needs more than four events in the two spans.
    """

    state: str
    key: str
    value: str
    """The digest of the value; ``""`` for an event without one."""
    at: int
    within: int
    at_least: int

    def run(self, run: ChainRun) -> bool:
        if not self.value:
            return run.stop(Outcome.COUNTED, reason=NO_VALUE)
        place = (self.state, self.key)
        if not run.touch(place, 2 * self.within):
            return run.stop(Outcome.COUNTED)
        events = run.memory.obtain(place, _Values).at
        newest = max(events[-1][0], self.at) if events else self.at
        del events[: bisect_left(events, (newest - 2 * self.within + 1, ""))]
        if self.at <= newest - 2 * self.within:
            return run.stop(Outcome.COUNTED, reason=LATE)
        if not self._reaches(events):
            return run.stop(Outcome.COUNTED)
        run.memory.drop(place)
        run.count = self.at_least
        run.measure(self._words(self.at_least))
        return False

    def standing(self, memory: Memory) -> tuple[str, ...]:
        record = memory.find((self.state, self.key), _Values)
        if record is None or not record.at:
            return ()
        first = bisect_left(record.at, (record.at[-1][0] - self.within + 1, ""))
        return self._words(len({value for _, value in record.at[first:]}))

    def _reaches(self, events: list[tuple[int, str]]) -> bool:
        """Add this event. Return whether a span that it is in has enough different values now."""
        same = [at for at, value in events if value == self.value]
        before = same[: bisect_right(same, self.at)]
        after = same[len(before) :]
        if before and (before[-1] == self.at or (after and after[0] - before[-1] < self.within)):
            return False
        insort(events, (self.at, self.value))
        if len(before) > 1 and self.at - before[-2] < self.within:
            events.remove((before[-1], self.value))
        if len(after) > 1 and after[1] - self.at < self.within:
            events.remove((after[0], self.value))
        # Spans with another event of this value had it before, and did not reach the number then.
        first = max([self.at - self.within, *before[-1:]]) + 1
        end = min([self.at + self.within, *after[:1]])
        near = events[bisect_left(events, (first, "")) : bisect_left(events, (end, ""))]
        return self._has_span(near)

    def _has_span(self, near: Sequence[tuple[int, str]]) -> bool:
        values: Counter[str] = Counter()
        reached = 0
        for at, value in near:
            if at > self.at:
                break
            while reached < len(near) and near[reached][0] - at < self.within:
                values[near[reached][1]] += 1
                reached += 1
            if len(values) >= self.at_least:
                return True
            values[value] -= 1
            if not values[value]:
                del values[value]
        return False

    def _words(self, count: int) -> tuple[str, ...]:
        return (DISTINCT, str(self.within), str(count))


class _Breaks(Record):
    at: list[tuple[int, str]] = msgspec.field(default_factory=list)
    """When each break happened, and the digest of its event, in order."""

    def is_late(self, at: int) -> bool:
        """Return whether breaks from that time may have been dropped."""
        return len(self.at) >= BREAKS_LIMIT and at < self.at[0][0]


def _row(run: ChainRun, step: "CountInARow | BreakRow") -> tuple[_Events, _Breaks, bool]:
    """Return a key's events and breaks of two spans, and whether the step's event is too old."""
    events = run.memory.find((step.state, step.key), _Events) or _Events()
    breaks = run.memory.find((step.broken, step.key), _Breaks) or _Breaks()
    newest = max([step.at, *(each[-1][0] for each in (events.at, breaks.at) if each)])
    for each in (events.at, breaks.at):
        del each[: bisect_left(each, (newest - 2 * step.within + 1, ""))]
    return events, breaks, step.at <= newest - 2 * step.within or breaks.is_late(step.at)


class CountInARow(Step, frozen=True, array_like=True):
    """Continue if ``at_least`` events happened in a span without a break; those are then used up.

    The order of arrival does not matter. A break is before the events of the same millisecond.
    """

    state: str
    key: str
    broken: str
    """The state of the breaks."""
    event: str
    at: int
    within: int
    at_least: int

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if not run.touch(place, 2 * self.within):
            return run.stop(Outcome.COUNTED)
        record, breaks, is_old = _row(run, self)
        if is_old or any(event == self.event for _, event in record.at):
            return run.stop(Outcome.COUNTED, reason=LATE if is_old else None)
        events = run.memory.put(place, record).at
        insort(events, (self.at, self.event))
        before = bisect_left(breaks.at, (self.at + 1, ""))
        first = max([self.at - self.within + 1, *(at for at, _ in breaks.at[:before][-1:])])
        end = min([self.at + self.within, *(at for at, _ in breaks.at[before:][:1])])
        row = events[bisect_left(events, (first, "")) : bisect_left(events, (end, ""))]
        for used in zip(*(row[start:] for start in range(self.at_least)), strict=False):
            if used[-1][0] - used[0][0] < self.within and (self.at, self.event) in used:
                events[:] = [each for each in events if each not in used]
                if not events:
                    run.memory.drop(place)
                run.count = self.at_least
                return False
        return run.stop(Outcome.COUNTED)

    def standing(self, memory: Memory) -> tuple[str, ...]:
        record = memory.find((self.state, self.key), _Events)
        if record is None or not record.at:
            return ()
        breaks = memory.find((self.broken, self.key), _Breaks)
        broke = breaks.at[-1][0] if breaks is not None and breaks.at else 0
        first = max(record.at[-1][0] - self.within + 1, broke)
        count = len(record.at) - bisect_left(record.at, (first, ""))
        return ROW, str(self.within), str(count), str(self.at_least)


class BreakRow(Step, frozen=True, array_like=True):
    """Note an event that breaks a row. Always stops."""

    state: str
    key: str
    broken: str
    event: str
    at: int
    within: int

    def run(self, run: ChainRun) -> bool:
        record, breaks, is_old = _row(run, self)
        events = record.at
        if not run.touch((self.broken, self.key), 2 * self.within):
            # Events of the row that are late are not counted then.
            del events[: bisect_left(events, (self.at, ""))]
        elif not is_old:
            run.memory.put((self.broken, self.key), breaks)
            breaks.at[:] = [each for each in breaks.at if each[1] != self.event]
            insort(breaks.at, (self.at, self.event))
            if len(breaks.at) > BREAKS_LIMIT:
                del breaks.at[0]
                del events[: bisect_left(events, (breaks.at[0][0], ""))]
        return run.stop(Outcome.NOTHING, reason=LATE if is_old else None)


class _Kept(Record):
    at: list[tuple[int, str]] = msgspec.field(default_factory=list)
    """When each event happened, and the event as a member, in order."""


class KeepEvent(Step, frozen=True, array_like=True):
    """Keep the event, if it is one of the last ``keep`` of its key. Never stops."""

    state: str
    key: str
    at: int
    within: int
    keep: int
    member: str
    """The event as ``measured.member_text`` writes it."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if not run.touch(place, 2 * self.within):
            return False
        kept = run.memory.obtain(place, _Kept).at
        kept[:] = [each for each in kept if each[1] != self.member]
        insort(kept, (self.at, self.member))
        del kept[: bisect_left(kept, (kept[-1][0] - 2 * self.within + 1, ""))]
        del kept[: -self.keep]
        return False


class TakeKept(Step, frozen=True, array_like=True):
    """Take what is kept of events within a span of this one into the alert. Never stops."""

    state: str
    key: str
    at: int
    within: int
    member: str
    """As in ``KeepEvent``. It is the alert's own event, and no further one."""

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        record = run.memory.find(place, _Kept)
        if record is None:
            return False
        near = [each for each in record.at if abs(each[0] - self.at) < self.within]
        record.at = [each for each in record.at if each not in near]
        if not record.at:
            run.memory.drop(place)
        members = [member for _, member in near if member != self.member]
        if members:
            run.measure((*run.words, MEMBERS, *members))
        return False


class CountFeature(Feature, frozen=True, kw_only=True):
    """The events of a rule are counted before there is an alert."""

    key = "count"
    purpose = "Notify when enough events happened within a time span."
    written = CountText
    delays = True
    identity_rank = 3
    evaluates = "distinct"
    evaluates_number = False
    later = ("distinct", "keep", "in_a_row", "broken_by")
    others = "broken_by"
    ending = "breaks"
    limits = {"breaks_limit": BREAKS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class

    text: CountText

    def watched(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return () if self.text.broken_by is None else self.text.broken_by.events or own

    @property
    def keeps_events(self) -> bool:
        return self.text.keep is not None

    @property
    def events_per_alert(self) -> int:
        return self.text.at_least

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        within, place = milliseconds(self.text.span), self.place(facts.content)
        value = "" if self.text.distinct is None else self._value(facts.content)
        keep = self.text.keep if self.text.distinct is None or value else None
        kept = (f"{self.state}-kept", place[1], facts.at, within)
        if keep is not None:
            yield KeepEvent(*kept, keep, facts.member)
        if self.text.in_a_row:
            row = (*place, self._broken, digest((facts.event,)), facts.at, within)
            yield CountInARow(*row, self.text.at_least)
        elif self.text.distinct is None:
            event = digest((facts.event,))
            yield Count(*place, event, facts.at, within, self.text.at_least)
        else:
            yield CountDistinct(*place, value, facts.at, within, self.text.at_least)
        if keep is not None:
            yield TakeKept(*kept, facts.member)

    def ending_step(self, facts: AlertFacts) -> Step:
        event, within = digest((facts.event,)), milliseconds(self.text.span)
        return BreakRow(*self.place(facts.content), self._broken, event, facts.at, within)

    def describe_ending(self, content: dict[str, Any]) -> str:
        return f"it breaks what is in a row{by_text(self.by, content)}"

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        span, by = span_text(self.text.span), by_text(self.by, content)
        if self.text.distinct is None:
            row = " in a row" if self.text.in_a_row else ""
            yield f"counts towards at_least {self.text.at_least}{row} within {span}{by}"
        elif self._value(content):
            what = by_text(self._distinct, content).removeprefix(" by ")
            yield (
                f"counts {what} towards at_least {self.text.at_least} different values within {span}{by}"
            )
        else:
            yield "is not counted, because it has no value for distinct"
            return
        if self.text.keep is not None:
            yield f"the alert shows up to {self.text.keep} of the events"

    @property
    def states(self) -> tuple[str, ...]:
        return self.state, self._broken, f"{self.state}-kept"

    @property
    def _broken(self) -> str:
        return f"{self.state}-broken"

    @property
    def _distinct(self) -> By:
        return () if self.evaluated is None else (self.evaluated,)

    def _value(self, content: dict[str, Any]) -> str:
        values = values_of(self._distinct, content)
        return "" if values in {(), ("null",)} else digest(values)
