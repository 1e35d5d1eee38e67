"""What rules would have done about recorded events, in the events' own time.

The recording is JSON Lines, an event or an array of events a line, and is read as a stream: a file may be
larger than the memory. The clock is the events': it stands at the latest time that an event had so
far, so that one that comes late comes late here, too. An event without a time comes right after the
one before.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from router.destinations.rendering.summary import (
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)
from router.errors import EventError
from router.events.decode import (
    decode_request,
)
from router.events.model import (
    Event,
)
from router.offline.rehearsal import Rehearsal, RehearsalOutcome, RehearsedDelivery
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence

LINE_LIMIT: Final = 8 << 20
"""Bytes of one line."""
EXAMPLES: Final = 3
"""Of each rule, the first alerts."""
_PROBLEMS: Final = 10
"""Lines that are no events, of which the reason is kept."""
_LATEST: Final = 253_402_300_799.0
"""The end of the year 9999, in Unix seconds; RFC 3339 has no later time."""
_EVENTS_A_LINE: Final = 10_000
_UNDECODABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Example(msgspec.Struct, frozen=True):
    """An alert that would have been told."""

    event_id: str
    at: str
    """RFC 3339."""
    summary: str
    send_to: tuple[str, ...]


class RuleTally(msgspec.Struct):
    """What became of one rule."""

    matches: int = 0
    errors: int = 0
    """Events that it could not judge."""
    alerts: int = 0
    held: dict[str, int] = {}
    """Alerts that nobody is told of, by reason."""
    examples: list[Example] = []


class Pending(msgspec.Struct):
    """Of one rule, what is waited for when the recording ends."""

    rule: str
    feature: str
    """``absent``: what is expected has time still; ``group``: not told yet; ``escalate``: nobody
    acknowledged yet."""
    alerts: int
    """Alerts that are told if nothing more comes."""
    first_due: str
    last_due: str
    """RFC 3339."""
    send_to: tuple[str, ...]


class Tally(msgspec.Struct):
    """What became of a recording."""

    events: int = 0
    repeats: int = 0
    without_time: int = 0
    unreadable: int = 0
    """Lines and events that are none."""
    problems: list[str] = []
    """The first of them, with their lines."""
    first: str = ""
    last: str = ""
    """The span of the events' times, in RFC 3339."""
    rules: dict[str, RuleTally] = {}
    destinations: dict[str, int] = {}
    """Deliveries."""
    pending: list[Pending] = []
    """What the recording ends before: it is in none of the numbers above."""


class Change(msgspec.Struct):
    """What other rules would have told of one rule's alerts, and what not."""

    only_here: int = 0
    only_there: int = 0
    examples_here: list[Example] = []
    examples_there: list[Example] = []


class Comparison(msgspec.Struct):
    """The same recording by two rule sets."""

    here: Tally
    there: Tally
    changes: dict[str, Change]
    """By rule; those without a change are left out."""


class _Line(msgspec.Struct, frozen=True):
    number: int
    events: list[Event]
    problems: list[str]


class Backtest:
    """One rule set, with the silences of its folder, over a recording."""

    def __init__(
        self, rules: RuleSet, destinations: Iterable[str], silences: Sequence[Silence] = ()
    ) -> None:
        self._rehearsal = Rehearsal(rules, silences)
        self._now: float | None = None
        self.tally = Tally(
            rules={rule.name: RuleTally() for rule in rules.rules},
            destinations=dict.fromkeys(destinations, 0),
        )

    def add(self, event: Event) -> list[RehearsedDelivery]:
        """Take one event. What was told because of it, or before it as time passed."""
        at = _time_of(event)
        self.tally.without_time += at is None
        if at is not None and (self._now is None or at > self._now):
            self._now = at
        if self._now is None:
            self._now = 0.0
        if at is not None:
            moment = _moment(at)
            self.tally.first = min(self.tally.first or moment, moment)
            self.tally.last = max(self.tally.last, moment)
        happened = self._rehearsal.pass_time(self._now)
        try:
            happened.append(
                self._rehearsal.receive(
                    msgspec.structs.replace(event, received_at=self._now), now=self._now
                )
            )
        except _UNDECODABLE as error:
            self.skip(f"event {event.id}: {error}")
        else:
            self.tally.events += 1
        return [told for each in happened for told in self._count(each)]

    def end(self) -> None:
        """The recording is over; no event can be added."""
        found: dict[tuple[str, str], Pending] = {}
        for each in self._rehearsal.end():
            due = _moment(each.due_at)
            pending = found.setdefault(
                (each.rule, each.feature), Pending(each.rule, each.feature, 0, due, due, ())
            )
            pending.alerts += each.alerts
            pending.last_due = due
            pending.send_to = tuple(dict.fromkeys(pending.send_to + each.send_to))
        self.tally.pending = list(found.values())

    def skip(self, problem: str) -> None:
        """Count what is no event."""
        self.tally.unreadable += 1
        if len(self.tally.problems) < _PROBLEMS:
            self.tally.problems.append(problem)

    def _count(self, happened: RehearsalOutcome) -> tuple[RehearsedDelivery, ...]:
        rules = self.tally.rules
        self.tally.repeats += happened.is_repeat
        for rule in happened.matches:
            rules[rule.name].matches += 1
        for rule in happened.unjudged:
            rules[rule.name].errors += 1
        for held in happened.held:
            reasons = rules[held.rule].held
            reasons[held.reason] = reasons.get(held.reason, 0) + 1
        for told in happened.told:
            tally = rules[told.alert.rule]
            tally.alerts += 1
            if len(tally.examples) < EXAMPLES:
                tally.examples.append(_example(told))
            for destination in told.send_to:
                count = self.tally.destinations.get(destination, 0)
                self.tally.destinations[destination] = count + 1
        return happened.told


def backtest(lines: Iterable[bytes], run: Backtest) -> Tally:
    """Run a recording through one rule set."""
    for line in _read(lines):
        for problem in line.problems:
            run.skip(problem)
        for event in line.events:
            run.add(event)
    run.end()
    return run.tally


def compare(lines: Iterable[bytes], here: Backtest, there: Backtest) -> Comparison:
    """Run a recording through two rule sets side by side."""
    changes: dict[str, Change] = {}
    for line in _read(lines):
        for problem in line.problems:
            here.skip(problem)
            there.skip(problem)
        for event in line.events:
            _note_changes(changes, here.add(event), there.add(event))
    here.end()
    there.end()
    return Comparison(here.tally, there.tally, changes)


def _note_changes(
    changes: dict[str, Change], here: list[RehearsedDelivery], there: list[RehearsedDelivery]
) -> None:
    keys = [Counter(map(_key, told)) for told in (here, there)]
    for told in here:
        if keys[1][_key(told)] > 0:
            keys[1][_key(told)] -= 1
            continue
        change = changes.setdefault(told.alert.rule, Change())
        change.only_here += 1
        _add_example(change.examples_here, told)
    for told in there:
        if keys[0][_key(told)] > 0:
            keys[0][_key(told)] -= 1
            continue
        change = changes.setdefault(told.alert.rule, Change())
        change.only_there += 1
        _add_example(change.examples_there, told)


def _add_example(examples: list[Example], told: RehearsedDelivery) -> None:
    if len(examples) < EXAMPLES:
        examples.append(_example(told))


def _key(told: RehearsedDelivery) -> tuple[str, ...]:
    """What makes two alerts the same to those who get them."""
    alert = told.alert
    return (
        alert.rule,
        alert.event_id,
        str(alert.status),
        str(alert.severity),
        *sorted(told.send_to),
    )


def _example(told: RehearsedDelivery) -> Example:
    alert = told.alert
    text = summary(alert, TemplateTarget.TEXT).text
    return Example(alert.event_id, _moment(alert.raised_at), text, told.send_to)


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


def _time_of(event: Event) -> float | None:
    try:
        time = dt.datetime.fromisoformat(event.time)
    except ValueError:
        return None
    return time.timestamp() if time.tzinfo is not None else None


def _moment(unix_time: float) -> str:
    text = dt.datetime.fromtimestamp(min(unix_time, _LATEST), dt.UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
