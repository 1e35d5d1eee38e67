"""``first_seen``: notify at the first event with values that no earlier event had."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final

import msgspec

from router.cel import Condition
from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import (
    AlertFacts,
    By,
    ByText,
    Feature,
    by_text,
    check_span,
    digest,
    milliseconds,
    span_text,
    state_id,
    values_of,
)
from router.rules.state.measured import SEEN_LAST
from router.rules.state.step import ChainRun, Memory, Outcome, Reason, Record, Step

LEARNING: Final = Reason("learning")
"""The rule still learns which values are usual."""
FORGET: Final = Duration(90 * 86400.0)
SEEN: Final = "seen"
"""The key under which a state stores its values; no digest of values is equal to it."""
_SINCE: Final = "since"
"""As above, for when the first event happened."""
_FORGOTTEN_AT_ONCE: Final = 100


class FirstSeenText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify at the first event with values that no earlier event had."""

    by: ByText
    forget: Annotated[Duration, about("A value is new again when it was not seen for so long.")] = (
        FORGET
    )
    learn: Annotated[
        Duration | None, about("Notify of nothing for so long after the rule's first event.")
    ] = None

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError("by is empty, it needs at least one expression")
        check_span("forget", self.forget)
        if self.learn is not None:
            check_span("learn", self.learn)


class _Seen(Record):
    expires: ClassVar[bool] = False

    at: dict[str, int] = msgspec.field(default_factory=dict)
    """The digest of values -> when the last event with them happened, in Unix ms."""

    def drop_forgotten(self, till: int) -> None:
        """Drop a few values that were not seen since then."""
        oldest = sorted((at, value) for value, at in self.at.items() if at <= till)
        for _, value in oldest[:_FORGOTTEN_AT_ONCE]:
            del self.at[value]


class _Since(Record):
    expires: ClassVar[bool] = False

    at: int = 0
    """When the first event happened, in Unix ms."""


class CheckFirstSeen(Step, frozen=True, array_like=True):
    """Continue if no event with these values happened for ``forget`` ms before or after this one.

    Values are learned, and the chain stopped, for ``learn`` ms after the first event of the state.
    """

    state: str
    key: str
    """Always ``SEEN``."""
    value: str
    """The digest of the values."""
    at: int
    forget: int
    learn: int

    def run(self, run: ChainRun) -> bool:
        since = run.memory.find((self.state, _SINCE), _Since)
        if since is None:
            since = run.memory.put((self.state, _SINCE), _Since(self.at))
        since.at = min(since.at, self.at)
        seen = run.memory.obtain((self.state, self.key), _Seen)
        last = seen.at.get(self.value)
        if last is None and len(seen.at) >= run.memory.keys_limit:
            seen.drop_forgotten(max(*seen.at.values(), self.at) - self.forget)
            if len(seen.at) >= run.memory.keys_limit:
                run.overflowed = True
                return run.stop(Outcome.COUNTED)
        seen.at[self.value] = self.at if last is None else max(last, self.at)
        if last is not None and self.at - last < self.forget:
            return run.stop(Outcome.COUNTED)
        if self.learn and self.at - since.at < self.learn:
            return run.stop(Outcome.COUNTED, reason=LEARNING)
        return False

    def standing(self, memory: Memory) -> tuple[str, ...]:
        seen = memory.find((self.state, self.key), _Seen)
        last = seen.at.get(self.value) if seen is not None else None
        return () if last is None else (SEEN_LAST, str(self.forget), str(last))


class FirstSeenFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies of values that are new."""

    key = "first_seen"
    purpose = "Notify at the first event with values that no earlier event had."
    written = FirstSeenText
    delays = True
    identity_rank = 3
    excludes = ("count", "ratio", "measure", "spike", "absent")

    text: FirstSeenText

    @classmethod
    def configure(cls, rule: str, text: Any, by: By, condition: Condition | None) -> "Feature":
        # Other times do not change what was seen.
        return cls(text=text, by=by, state=state_id(rule, cls.key, text.by), condition=condition)

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        learn = 0 if self.text.learn is None else milliseconds(self.text.learn)
        value, forget = digest(values_of(self.by, facts.content)), milliseconds(self.text.forget)
        yield CheckFirstSeen(self.state, SEEN, value, facts.at, forget, learn)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        learns = (
            ""
            if self.text.learn is None
            else f", but not in the first {span_text(self.text.learn)}"
        )
        forget = span_text(self.text.forget)
        yield f"alerts if it is the first in {forget}{by_text(self.by, content)}{learns}"
