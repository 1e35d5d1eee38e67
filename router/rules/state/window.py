"""Windows of time over the events of one key: what ``ratio``, ``measure`` and ``spike`` share.

A window has PARTS equal parts, aligned to the events' own time, and ends with the part of the
newest event of its key. Each part stores figures only (how many events, their sum), so that memory
does not grow with the number of events. The order in which the events of a window arrive does not
change its figures. An event that happened before the window is left out.

A window tells when its figures cross the rule's threshold, and again only after they were back.
docs/decisions/0043-windows-in-parts.md has the reasons.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from router.rules.state.step import ChainRun, Memory, Outcome, Place, Reason, Record, Step

PARTS: Final = 60
"""Parts of a window."""
EVENTS_LIMIT: Final = 1_000_000
"""The largest ``min_events``."""
LATE: Final = Reason("late")
"""The event happened before the window of its key."""
NO_VALUE: Final = Reason("no_value")
"""The event has nothing that can be measured."""

Figures = tuple[float, ...]
"""The figures of some events, of which the first is their number. Empty if there are none."""


class WindowRecord(Record):
    """The windows of one key."""

    newest: int | None = None
    """The part of the newest event, counted from 1970."""
    parts: dict[int, Figures] = msgspec.field(default_factory=dict)
    is_beyond: bool = False
    """True if the figures crossed the threshold and were not back since."""
    bins: dict[int, dict[int, int]] = msgspec.field(default_factory=dict)
    """How many numbers of each part are in which bin, if a percentile is measured."""

    def advance(self, part: int, spans: int) -> None:
        """Let the window end with a later part, and drop what is older than ``spans`` windows."""
        if self.newest is not None and part - self.newest >= PARTS:
            self.is_beyond = False
        self.newest = part
        first = part - PARTS * spans + 1
        self.parts = {each: figures for each, figures in self.parts.items() if each >= first}
        self.bins = {each: counts for each, counts in self.bins.items() if each >= first}


class WindowStep(Step, frozen=True, array_like=True):
    """Base of the steps that add an event to a window, and continue if that crosses the threshold."""

    spans: ClassVar[int] = 1
    """How many windows are stored, one after the other."""

    state: str
    key: str
    at: int
    within: int

    @property
    def resolves_alert(self) -> bool:
        """True if the step ``EndAlert`` follows, which resolves the alert when figures are back."""
        raise NotImplementedError

    def figures(self) -> Figures | None:
        """Return the figures of this event alone; None if it has nothing that can be measured."""
        raise NotImplementedError

    def merge(self, one: Figures, other: Figures) -> Figures:
        """Return the figures of two sets of events together."""
        return tuple(a + b for a, b in zip(one, other, strict=True))

    def is_known(self, run: ChainRun, record: WindowRecord, window: Figures) -> bool:
        """Return whether the figures are of enough events."""
        raise NotImplementedError

    def is_beyond(self, record: WindowRecord, window: Figures) -> bool:
        """Return whether the figures are beyond the threshold."""
        raise NotImplementedError

    def is_back(self, record: WindowRecord, window: Figures) -> bool:
        """Return whether the figures are back on the other side."""
        raise NotImplementedError

    def words(self, record: WindowRecord, window: Figures) -> tuple[str, ...]:
        """Return what the figures are, for ``measured.measurement``."""
        raise NotImplementedError

    def store_more(self, record: WindowRecord, part: int) -> None:
        """Store what there is of the event beside its figures."""

    def run(self, run: ChainRun) -> bool:
        own = self.figures()
        if own is None:
            return run.stop(Outcome.COUNTED, reason=NO_VALUE)
        if not run.touch(self._place, 2 * self.within):
            return run.stop(Outcome.COUNTED)
        record = run.memory.obtain(self._place, WindowRecord)
        part = self.at // part_length(self.within)
        if record.newest is not None and part <= record.newest - PARTS * self.spans:
            return run.stop(Outcome.COUNTED, reason=LATE)
        if record.newest is None or part > record.newest:
            record.advance(part, self.spans)
        before = record.parts.get(part)
        record.parts[part] = self.merge(before, own) if before else own
        self.store_more(record, part)
        window = self.window(record)
        is_known = self.is_known(run, record, window)
        if self.is_back(record, window):
            record.is_beyond = False
            run.is_back = self.resolves_alert
            return not run.is_back and run.stop(Outcome.COUNTED)
        if record.is_beyond or not is_known or not self.is_beyond(record, window):
            return run.stop(Outcome.COUNTED)
        record.is_beyond = True
        run.measure(self.words(record, window))
        return False

    def window(self, record: WindowRecord, *, spans_ago: int = 0) -> Figures:
        """Return the figures of the window, or of an earlier one."""
        last = (record.newest or 0) - PARTS * spans_ago
        folded: Figures = ()
        for part in range(last - PARTS + 1, last + 1):
            figures = record.parts.get(part)
            if figures:
                folded = self.merge(folded, figures) if folded else figures
        return folded

    def standing(self, memory: Memory) -> tuple[str, ...]:
        record = memory.find(self._place, WindowRecord)
        window = self.window(record) if record is not None else ()
        return self.words(record, window) if record is not None and window else ()

    @property
    def _place(self) -> Place:
        return self.state, self.key


def part_length(within: int) -> int:
    """Return the length of a part of a window: ms, rounded up to whole ones."""
    return -(-within // PARTS)


def as_words(numbers: Sequence[float]) -> tuple[str, ...]:
    """Return numbers as Lua's ``string.format('%.17g')`` writes them, which keeps each digit."""
    return tuple(f"{number:.17g}" for number in numbers)


def check_min_events(min_events: int) -> None:
    """Raise ValueError unless ``min_events`` is from 1 to EVENTS_LIMIT."""
    if not 1 <= min_events <= EVENTS_LIMIT:
        raise ValueError(f"min_events is {min_events}, expected 1 to {EVENTS_LIMIT}")
