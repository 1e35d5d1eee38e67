"""``cooldown``: notify once, then not again for a time."""

from collections.abc import Iterator
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
    milliseconds,
    span_text,
)
from router.rules.state.step import DAY_MS, ChainRun, Outcome, Reason, Record, Step

COOLDOWN: Final = Reason("cooldown")
"""Destinations were notified a short while ago."""


class CooldownText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify once, then not again for a time."""

    for_: Annotated[Duration, about("How long further alerts are suppressed.")] = msgspec.field(
        name="for"
    )
    by: ByText = ()

    def __post_init__(self) -> None:
        check_span("for", self.for_)


class _Cooling(Record):
    until: int
    """Unix ms."""
    held_back: int = 0


class CheckCooldown(Step, frozen=True, array_like=True):
    """Suppress the alert if the last notification is less than ``for_ms`` ago.

    Else say how many alerts were suppressed since then. That is forgotten after a day.
    """

    state: str
    key: str
    at: int
    for_ms: int

    def run(self, run: ChainRun) -> bool:
        place = (self.state, self.key)
        if not run.touch(place, self.for_ms):
            return False
        record = run.memory.find(place, _Cooling)
        if record is not None and self.at < record.until:
            record.held_back += 1
            run.touch(place, self.for_ms + DAY_MS)
            return run.stop(Outcome.SUPPRESSED, reason=COOLDOWN)
        if record is not None and self.at < record.until + DAY_MS:
            run.held_back = record.held_back
        run.memory.put(place, _Cooling(self.at + self.for_ms))
        return False


class CooldownFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies once in a time."""

    key = "cooldown"
    purpose = "Notify once, then not again for a time."
    written = CooldownText
    identity_rank = 2

    text: CooldownText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        yield CheckCooldown(*self.place(facts.content), facts.at, milliseconds(self.text.for_))

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        yield f"notifies once in {span_text(self.text.for_)}{by_text(self.by, content)}"
