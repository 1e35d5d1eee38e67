"""Inhibitions: while one rule fires, alerts of other rules are suppressed.

A rule's inhibitions are made from the section ``inhibitions``, see suppression/inhibitions.py.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from router.rules.state.feature import (
    AlertFacts,
    Feature,
    by_text,
    digest,
    has_all_values,
    milliseconds,
    values_of,
)
from router.rules.state.keyed_alert import (
    INHIBITS_LIMIT,
    MarksRecord,
    find_alert,
    place_text,
)
from router.rules.state.step import ChainRun, Outcome, Place, Reason, Step
from router.rules.suppression.inhibitions import Inhibition

INHIBITED: Final = Reason("inhibited")
"""Another rule fires."""

MARKS_LIMIT: Final = 100
"""Alerts that inhibit others for one key, at a time."""


class _Marks(MarksRecord):
    until: dict[str, int] = msgspec.field(default_factory=dict)
    """The key of the alert that inhibits, ``""`` if it cannot be resolved -> until when, in Unix ms."""
    inhibited: set[str] = msgspec.field(default_factory=set)
    """The keyed alerts that are looked at when one of those is resolved."""

    def end(self, key: str) -> Iterable[str]:
        self.until.pop(key, None)
        inhibited, self.inhibited = self.inhibited, set()
        return inhibited


class StartInhibition(Step, frozen=True, array_like=True):
    """Inhibit other rules' alerts of this key for ``for_ms``. Never stops.

    If the alert is a keyed one, its resolution ends the inhibition before.
    """

    state: str
    key: str
    for_ms: int
    can_end: bool

    def run(self, run: ChainRun) -> bool:
        place, opened = (self.state, self.key), run.opened
        if opened is not None and opened.is_look and not opened.opens:
            return False
        if run.touch(place, self.for_ms):
            record = run.memory.obtain(place, _Marks)
            marks = record.until
            for ended in [ended for ended, until in marks.items() if until <= run.now]:
                del marks[ended]
            name = opened.key if opened is not None and self.can_end else ""
            marks[name] = max(run.now + self.for_ms, marks.get(name, 0))
            if len(marks) > MARKS_LIMIT:
                del marks[min(marks, key=lambda each: (marks[each], each or "-"))]
            if name and opened is not None:
                inhibits = [each for each in opened.record.inhibits if each != place_text(place)]
                opened.record.inhibits = [*inhibits, place_text(place)][-INHIBITS_LIMIT:]
        return False


class CheckInhibited(Step, frozen=True, array_like=True):
    """Suppress the alert if one of these places is marked."""

    places: tuple[Place, ...]

    def run(self, run: ChainRun) -> bool:
        for place in self.places:
            marks = run.memory.find(place, _Marks)
            for name, until in marks.until.items() if marks is not None else ():
                if marks is None or until <= run.now or not _is_firing(run, name):
                    continue
                if run.opened is not None:
                    marks.inhibited.add(run.opened.key)
                    run.opened.ends, run.opened.drops = max(marks.until.values()), False
                return run.stop(Outcome.SUPPRESSED, reason=INHIBITED)
        return False


def _is_firing(run: ChainRun, name: str) -> bool:
    if not name:
        return True
    record = find_alert(run.memory, name)
    return record is not None and record.is_open(run.now)


class InhibitFeature(Feature, frozen=True, kw_only=True):
    """The rule inhibits others, or others inhibit it."""

    limits = {"marks_limit": MARKS_LIMIT}  # noqa: RUF012 - a ClassVar of the base class

    inhibits: tuple[Inhibition, ...]
    inhibited_by: tuple[Inhibition, ...]

    @property
    def precedes(self) -> bool:
        return bool(self.inhibits)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        for each in self.inhibits if not facts.is_shadow else ():
            if not has_all_values(each.equal, facts.content):
                continue
            key = digest(values_of(each.equal, facts.content))
            yield StartInhibition(each.state, key, milliseconds(each.for_seconds), facts.can_end)
        if facts.is_asked_later:
            return
        yield from self.checks(facts.content)

    def checks(self, content: dict[str, Any]) -> Iterator[Step]:
        places = tuple(
            (each.state, digest(values_of(each.equal, content)))
            for each in self.inhibited_by
            if has_all_values(each.equal, content)
        )
        if places:
            yield CheckInhibited(places)

    def lacks_key(self, content: dict[str, Any]) -> bool:
        inhibitions = (*self.inhibits, *self.inhibited_by)
        return not all(has_all_values(each.equal, content) for each in inhibitions)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        for each in self.inhibited_by:
            sources = " or ".join(sorted(each.sources))
            yield f"is suppressed while {sources} fires{by_text(each.equal, content)}"
