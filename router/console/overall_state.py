"""Whether all is well, as one sentence that says what to do where it is not (pure).

The frame of all pages and the overview show the same judgement. Of several problems the sentence
names the worst one; the others are notes.
"""

import enum
from collections.abc import Iterator
from typing import Final

import msgspec

from router.console.page_filters import counted, duration
from router.console.page_links import HOME

SLOW_SECONDS: Final = 60.0
"""An item that waits longer than this is worth a word."""
_NAMES_SHOWN: Final = 2
_REASON_LENGTH: Final = 240


class Attention(enum.StrEnum):
    """How much attention the state needs. The values are classes of the stylesheet."""

    GOOD = "good"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


class OverallState(msgspec.Struct, frozen=True):
    """One judgement."""

    level: Attention
    sentence: str
    path: str
    """The page on which to act."""
    advice: str = ""
    """The next step; empty if none is needed."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that are judged."""

    redis_error: str = ""
    """Why Redis did not answer; ``""`` if it did."""
    refusal: str = ""
    """Why events are refused, with the next step; ``""`` if they are accepted."""
    rules_error: str = ""
    """Why the last change of the rules was rejected; ``""`` if it was not."""
    failing: tuple[str, ...] = ()
    """Destinations that do not accept: an open circuit, or disabled after refusals."""
    paused: tuple[str, ...] = ()
    """Destinations that an operator has paused."""
    oldest_seconds: float = 0.0
    """Age of the oldest event or delivery that is due and waits, of destinations that run."""
    dead_letters: int = 0
    quarantined: int = 0
    has_events: bool = True
    """Whether an event ever came."""


_ALL_WELL: Final = OverallState(Attention.GOOD, "all well", HOME)


def judge(situation: Situation) -> OverallState:
    """Return the worst of what is true; leftovers alone leave all well."""
    found = next(_findings(situation), _ALL_WELL)
    return _ALL_WELL if found.level is Attention.GOOD else found


def notes(situation: Situation) -> tuple[OverallState, ...]:
    """Return what is true besides the judgement, the worst first."""
    judged = judge(situation)
    return tuple(each for each in _findings(situation) if each != judged)


def _findings(of: Situation) -> Iterator[OverallState]:
    """Yield all that needs attention, the worst first."""
    yield from _of_ingress(of)
    yield from _of_destinations(of)
    if of.rules_error:
        yield OverallState(
            Attention.WARNING,
            "the last change of the rules was rejected",
            f"{HOME}/rules",
            f"The rules before it stay active: {_cut(of.rules_error)}",
        )
    yield from _of_leftovers(of)


def _of_ingress(of: Situation) -> Iterator[OverallState]:
    if of.redis_error:
        yield OverallState(
            Attention.CRITICAL,
            "Redis does not answer",
            HOME,
            "Events are refused until it does, and senders retry them."
            f" Look at Redis and the network to it: {_cut(of.redis_error)}",
        )
    elif of.refusal:
        yield OverallState(
            Attention.CRITICAL, f"events are refused: {_cut(of.refusal)}", HOME, _cut(of.refusal)
        )


def _of_destinations(of: Situation) -> Iterator[OverallState]:
    path = f"{HOME}/destinations"
    if of.failing:
        verb = "is" if len(of.failing) == 1 else "are"
        yield OverallState(
            Attention.WARNING,
            f"{_named(of.failing)} {verb} failing",
            path,
            "Their deliveries wait and are attempted again. See what the receiver answered last.",
        )
    if of.oldest_seconds > SLOW_SECONDS:
        yield OverallState(
            Attention.WARNING,
            f"something waits since {duration(of.oldest_seconds)}",
            path,
            "See which destination is behind, and whether a worker runs.",
        )
    if of.paused:
        verb = "is" if len(of.paused) == 1 else "are"
        yield OverallState(
            Attention.WARNING,
            f"{_named(of.paused)} {verb} paused",
            path,
            "Their deliveries wait until an operator resumes them.",
        )


def _of_leftovers(of: Situation) -> Iterator[OverallState]:
    if of.dead_letters:
        verb = "waits" if of.dead_letters == 1 else "wait"
        yield OverallState(
            Attention.GOOD,
            f"{counted(of.dead_letters, 'dead letter')} {verb} for a decision",
            f"{HOME}/dead-letters",
            "See why they were given up, then replay or discard them.",
        )
    if of.quarantined:
        verb = "is" if of.quarantined == 1 else "are"
        yield OverallState(
            Attention.GOOD,
            f"{counted(of.quarantined, 'event')} {verb} in quarantine",
            f"{HOME}/quarantine",
            "See why they could not be read or evaluated, then replay or discard them.",
        )


def _named(names: tuple[str, ...]) -> str:
    if len(names) <= _NAMES_SHOWN:
        return " and ".join(names)
    return counted(len(names), "destination")


def _cut(text: str) -> str:
    return text if len(text) <= _REASON_LENGTH else f"{text[: _REASON_LENGTH - 1]}…"
