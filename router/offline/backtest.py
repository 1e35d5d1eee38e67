"""Backtests: the alerts that rules would have sent about recorded events, in the events' own time.

The recording is JSON Lines, with an event or an array of events on each line. It is read as a
stream, so a file may be larger than the memory. The clock shows the latest time that an event had
so far, so that an event that came late is late here, too. An event without a time comes directly
after the previous one.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from router.alerts import Alert, AlertStatus
from router.destinations.rendering.life import reminder
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.errors import EventError
from router.events.decode import decode_request
from router.events.model import Event
from router.offline.simulation import SimulatedAlert, Simulation, SimulationOutcome
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence
from router.timestamps import CLOCK_TOLERANCE, unix_seconds

LINE_LIMIT: Final = 8 << 20
"""Bytes of one line."""
EXAMPLES: Final = 3
"""The first alerts of each rule."""
_PROBLEMS: Final = 10
"""Unreadable lines whose reason is kept."""
_LATEST: Final = 253_402_300_799.0
"""The end of the year 9999, in Unix seconds; RFC 3339 has no later time."""
_EVENTS_A_LINE: Final = 10_000
_UNDECODABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Example(msgspec.Struct, frozen=True):
    """An alert that would have been sent."""

    event_id: str
    at: str
    """RFC 3339."""
    summary: str
    send_to: tuple[str, ...]


class RuleTally(msgspec.Struct):
    """The counts of one rule."""

    matches: int = 0
    errors: int = 0
    """Events for which its condition is an error."""
    alerts: int = 0
    suppressed: dict[str, int] = {}
    """Suppressed alerts, by reason."""
    examples: list[Example] = []
    used_ratio: float = 0.0
    """The largest share of its state that was in use, if it was nearly full."""
    overflowed: int = 0
    """Events and alerts for which its state had no room."""


class Pending(msgspec.Struct):
    """The timers of one rule that are set when the recording ends."""

    rule: str
    feature: str
    """``absent``: the expected event still has time; ``group``: the group is not sent yet;
    ``escalate``: the alert is not acknowledged yet."""
    alerts: int
    """Alerts that are sent if no further event comes."""
    first_due: str
    last_due: str
    """RFC 3339."""
    send_to: tuple[str, ...]


class HistoryTally(msgspec.Struct):
    """The part of history that was the recording."""

    wanted_since: str
    """RFC 3339."""
    begins: str
    """When history begins, in RFC 3339; ``""`` if it is empty."""
    events: int = 0
    masked: int = 0
    """Events with masked fields."""
    cut: int = 0
    """Events of which only some fields were kept."""


class Tally(msgspec.Struct):
    """The counts of a recording."""

    events: int = 0
    repeats: int = 0
    without_time: int = 0
    unreadable: int = 0
    """Lines and items that are no valid events."""
    problems: list[str] = []
    """The first unreadable ones, with their lines."""
    first: str = ""
    last: str = ""
    """The span of the events' times, in RFC 3339."""
    rules: dict[str, RuleTally] = {}
    destinations: dict[str, int] = {}
    """Deliveries, by destination."""
    pending: list[Pending] = []
    """Timers that are due after the recording ends; the numbers above do not include them."""
    history: HistoryTally | None = None
    """None if the recording is a file."""


class Change(msgspec.Struct):
    """Alerts of one rule that only one of two rule sets would have sent."""

    only_here: int = 0
    only_there: int = 0
    examples_here: list[Example] = []
    examples_there: list[Example] = []


class Comparison(msgspec.Struct):
    """The same recording, run through two rule sets."""

    here: Tally
    there: Tally
    changes: dict[str, Change]
    """By rule, without the rules that have no change."""


class Recorder(Protocol):
    """A run over a recording that is read event by event."""

    def add(self, event: Event, /) -> object:
        """Add one event."""

    def skip(self, problem: str, /) -> None:
        """Count an unreadable line or event."""

    def end(self) -> None:
        """End the recording."""


class _Line(msgspec.Struct, frozen=True):
    number: int
    events: list[Event]
    problems: list[str]


class Backtest:
    """A run of one rule set over a recording.

    Args:
        rules: The rules.
        destinations: Names of all destinations, so that those without a delivery are listed too.
        silences: Those of the rules folder.
        clock_tolerance: Seconds by which the clocks of senders may differ.
    """

    def __init__(
        self,
        rules: RuleSet,
        destinations: Iterable[str],
        silences: Sequence[Silence] = (),
        *,
        clock_tolerance: float = CLOCK_TOLERANCE,
    ) -> None:
        self._simulation = Simulation(rules, silences, clock_tolerance=clock_tolerance)
        self._now: float | None = None
        self.tally = Tally(
            rules={rule.name: RuleTally() for rule in rules.rules},
            destinations=dict.fromkeys(destinations, 0),
        )

    def add(self, event: Event) -> list[SimulatedAlert]:
        """Add one event. Return the alerts that result from it, and from the time before it."""
        at = unix_seconds(event.time)
        if at is None and event.received_at:
            at = event.received_at
        self.tally.without_time += at is None
        if at is not None and (self._now is None or at > self._now):
            self._now = at
        if self._now is None:
            self._now = 0.0
        if at is not None:
            moment = _moment(at)
            self.tally.first = min(self.tally.first or moment, moment)
            self.tally.last = max(self.tally.last, moment)
        outcomes = self._simulation.pass_time(self._now)
        try:
            outcomes.append(
                self._simulation.receive(
                    msgspec.structs.replace(event, received_at=self._now), now=self._now
                )
            )
        except _UNDECODABLE as error:
            self.skip(f"event {event.id}: {error}")
        else:
            self.tally.events += 1
        return [alert for outcome in outcomes for alert in self._count(outcome)]

    def end(self) -> None:
        """End the recording; no event can be added."""
        for name, ratio in self._simulation.used_ratios().items():
            self.tally.rules[name].used_ratio = ratio
        for name, count in self._simulation.overflowed.items():
            self.tally.rules[name].overflowed = count
        found: dict[tuple[str, str], Pending] = {}
        for each in self._simulation.end():
            due = _moment(each.due_at)
            pending = found.setdefault(
                (each.rule, each.feature), Pending(each.rule, each.feature, 0, due, due, ())
            )
            pending.alerts += each.alerts
            pending.last_due = due
            pending.send_to = tuple(dict.fromkeys(pending.send_to + each.send_to))
        self.tally.pending = list(found.values())

    def skip(self, problem: str) -> None:
        """Count an unreadable line or event."""
        self.tally.unreadable += 1
        if len(self.tally.problems) < _PROBLEMS:
            self.tally.problems.append(problem)

    def _count(self, outcome: SimulationOutcome) -> tuple[SimulatedAlert, ...]:
        rules = self.tally.rules
        self.tally.repeats += outcome.is_repeat
        for rule in outcome.matches:
            rules[rule.name].matches += 1
        for rule in outcome.failed:
            rules[rule.name].errors += 1
        for suppressed in outcome.suppressed:
            reasons = rules[suppressed.rule].suppressed
            reasons[suppressed.reason] = reasons.get(suppressed.reason, 0) + 1
        for sent in outcome.sent:
            tally = rules[sent.alert.rule]
            tally.alerts += 1
            _add_example(tally.examples, sent)
            for destination in sent.send_to:
                count = self.tally.destinations.get(destination, 0)
                self.tally.destinations[destination] = count + 1
        return outcome.sent


class ComparedRuns:
    """A run of two rule sets side by side over one recording."""

    def __init__(self, here: Backtest, there: Backtest) -> None:
        self._here = here
        self._there = there
        self._changes: dict[str, Change] = {}

    def add(self, event: Event) -> None:
        """Add one event."""
        _note_changes(self._changes, self._here.add(event), self._there.add(event))

    def skip(self, problem: str) -> None:
        """Count an unreadable line or event."""
        self._here.skip(problem)
        self._there.skip(problem)

    def end(self) -> None:
        """End the recording; no event can be added."""
        self._here.end()
        self._there.end()

    @property
    def comparison(self) -> Comparison:
        """The counts of both, and what differs."""
        return Comparison(self._here.tally, self._there.tally, self._changes)


def record(lines: Iterable[bytes], run: Recorder) -> None:
    """Run a recording, line by line, to its end."""
    for line in _read(lines):
        for problem in line.problems:
            run.skip(problem)
        for event in line.events:
            run.add(event)
    run.end()


def _note_changes(
    changes: dict[str, Change], here: list[SimulatedAlert], there: list[SimulatedAlert]
) -> None:
    keys = [Counter(map(_key, sent)) for sent in (here, there)]
    for sent in here:
        if keys[1][_key(sent)] > 0:
            keys[1][_key(sent)] -= 1
            continue
        change = changes.setdefault(sent.alert.rule, Change())
        change.only_here += 1
        _add_example(change.examples_here, sent)
    for sent in there:
        if keys[0][_key(sent)] > 0:
            keys[0][_key(sent)] -= 1
            continue
        change = changes.setdefault(sent.alert.rule, Change())
        change.only_there += 1
        _add_example(change.examples_there, sent)


def _add_example(examples: list[Example], sent: SimulatedAlert) -> None:
    if len(examples) < EXAMPLES:
        examples.append(_example(sent))


def _key(sent: SimulatedAlert) -> tuple[str, ...]:
    """Return what makes two alerts the same for their recipients."""
    alert = sent.alert
    return (
        alert.rule,
        alert.event_id,
        str(alert.status),
        str(alert.severity),
        *sorted(sent.send_to),
    )


def _example(sent: SimulatedAlert) -> Example:
    alert = sent.alert
    text = summary(alert, TemplateTarget.TEXT).text
    if alert.measure is not None and alert.measure.text not in text:
        text = f"{text} ({alert.measure.text})"
    text = f"{_occasion(alert)}{text}"
    return Example(alert.event_id, _moment(sent.at), text, sent.send_to)


def _occasion(alert: Alert) -> str:
    """Return for what else than an event a message is sent, for the beginning of its line."""
    if alert.status is AlertStatus.RESOLVED:
        return "Resolved: "
    return f"Level {alert.escalation}: " if alert.escalation else reminder(alert)


def _read(lines: Iterable[bytes]) -> Iterator[_Line]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > LINE_LIMIT:
            yield _Line(number, [], [f"line {number}: longer than {LINE_LIMIT >> 20} MiB"])
            continue
        try:
            received = decode_request(line, received_at=0.0, max_events=_EVENTS_A_LINE)
        except EventError as error:
            yield _Line(number, [], [f"line {number}: {error.message}"])
            continue
        problems = [f"line {number}: {each.reason} at {each.path}" for each in received.malformed]
        yield _Line(number, received.events, problems)


def _moment(unix_time: float) -> str:
    text = dt.datetime.fromtimestamp(min(unix_time, _LATEST), dt.UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
