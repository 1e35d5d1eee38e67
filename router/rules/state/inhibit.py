"""Inhibitions: while one rule fires, alerts of other rules are suppressed.

A rule's inhibitions are made from the section ``inhibitions``, see suppression/inhibitions.py.
"""

from collections.abc import Iterator
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
from router.rules.state.open_alert import OpenRecord
from router.rules.state.step import ChainRun, Outcome, Place, Reason, Record, Step
from router.rules.suppression.inhibitions import Inhibition

INHIBITED: Final = Reason("inhibited")
"""Another rule fires."""

MARKS_LIMIT: Final = 100
"""Alerts that inhibit others for one key, at a time."""


class _Marks(Record):
    until: dict[Place | None, int] = msgspec.field(default_factory=dict)
    """The place where the inhibiting alert is open, None if it cannot be resolved -> until when, Unix ms."""


class StartInhibition(Step, frozen=True, array_like=True):
    """Inhibit other rules' alerts of this key for ``for_ms``. Never stops.

    If the alert was opened, its resolution ends the inhibition before.
    """

    state: str
    key: str
    for_ms: int
    opened: Place | None

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if run.touch(place, self.for_ms):
            marks = run.memory.obtain(place, _Marks).until
            for opened in [opened for opened, until in marks.items() if until <= run.now]:
                del marks[opened]
            opened = self.opened if run.opened else None
            marks[opened] = max(run.now + self.for_ms, marks.get(opened, 0))
            if len(marks) > MARKS_LIMIT:
                del marks[min(marks, key=marks.__getitem__)]
        return False


class CheckInhibited(Step, frozen=True, array_like=True):
    """Suppress the alert if one of these places is marked."""

    places: tuple[Place, ...]

    def run(self, run: ChainRun) -> bool:
        for place in self.places:
            marks = run.memory.find(place, _Marks)
            for opened, until in marks.until.items() if marks is not None else ():
                is_firing = opened is None or run.memory.find(opened, OpenRecord) is not None
                if until > run.now and is_firing:
                    return run.stop(Outcome.SUPPRESSED, reason=INHIBITED)
        return False


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
            yield StartInhibition(each.state, key, milliseconds(each.for_seconds), facts.opened)
        places = tuple(
            (each.state, digest(values_of(each.equal, facts.content)))
            for each in self.inhibited_by
            if has_all_values(each.equal, facts.content)
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
