"""``cooldown``: notify once, then not again for a time."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import (
    AlertFacts,
    ByText,
    Feature,
    StateId,
    by_text,
    check_span,
    milliseconds,
    span_text,
)
from router.rules.state.keyed_alert import COOLDOWN, OpenedAlert
from router.rules.state.step import DAY_MS, ChainRun, Outcome, Record, Step


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

    Else say how many alerts were suppressed since then. That is forgotten after a day. A look at an alert
    that was told already does not meet it.
    """

    state: str
    key: str
    at: int
    for_ms: int
    drops: bool = False
    """True if nothing ends the alert, so that a cooldown says that it was told."""

    def run(self, run: ChainRun) -> bool:
        place, opened = (self.state, self.key), run.opened
        is_look = opened is not None and opened.is_look
        if opened is not None and opened.is_look and _is_exempt(opened):
            return False
        if not run.touch(place, self.for_ms):
            return False
        record = run.memory.find(place, _Cooling)
        if record is not None and self.at < record.until:
            record.held_back += not is_look
            if opened is not None:
                opened.ends, opened.drops = record.until, self.drops
            run.touch(place, self.for_ms + DAY_MS)
            return run.stop(Outcome.SUPPRESSED, reason=COOLDOWN)
        if record is not None and self.at < record.until + DAY_MS:
            run.held_back = record.held_back
        run.memory.put(place, _Cooling(self.at + self.for_ms))
        return False


def _is_exempt(opened: OpenedAlert) -> bool:
    """Return whether a look notifies whatever the cooldown, and end the exemption of a retracted one."""
    record = opened.record
    is_cooled, record.is_cooled = record.is_cooled, False
    return is_cooled or bool(record.told_firing())


class CooldownFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies once in a time."""

    key = "cooldown"
    purpose = "Notify once, then not again for a time."
    written = CooldownText
    identity_rank = 2

    text: CooldownText

    @property
    def lasts_ms(self) -> int:
        return milliseconds(self.text.for_)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        state, key = self.place(facts.content)
        if facts.is_shadow:  # it uses up nothing of the rule when that is live
            state = StateId(f"{state}-shadow")
        for_ms = milliseconds(self.text.for_)
        yield CheckCooldown(state, key, facts.at, for_ms, drops=not facts.can_end)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        yield f"notifies once in {span_text(self.text.for_)}{by_text(self.by, content)}"
