"""Whether all is well, as one sentence that says what to do where it is not (pure).

The frame of all pages and the overview show the same judgement. Of several problems the sentence
names the worst one; the others are notes.
"""

import enum
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import msgspec

from router.console.page_links import HOME
from router.quantities import counted, duration

SLOW_SECONDS: Final = 60.0
"""A delivery that waits longer than this is worth a word."""
UNEVALUATED_SECONDS: Final = 15.0
"""The same for an event, which a worker evaluates within a second."""
RECENT_MINUTES: Final = 10
"""Minutes in which dead letters count as new."""
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
    unevaluated: int = 0
    """Events that were accepted and not evaluated."""
    unevaluated_seconds: float = 0.0
    """Age of the oldest of them."""
    failing: tuple[str, ...] = ()
    """Destinations that accept nothing: attempts fail, an open circuit, refusals in a row."""
    disabled: tuple[str, ...] = ()
    """Destinations whose receiver answered that it is gone."""
    paused: tuple[str, ...] = ()
    """Destinations that an operator has paused."""
    slowest: str = ""
    """The destination that accepts, and whose oldest delivery is due for the longest time."""
    slowest_seconds: float = 0.0
    """The age of that delivery."""
    oldest_seconds: float = 0.0
    """Age of the oldest event or delivery that is due and not held by an operator's pause."""
    dead_letters: int = 0
    new_dead_letters: int = 0
    """Deliveries that were given up in the last ``RECENT_MINUTES``."""
    quarantined: int = 0
    refusing: tuple[str, ...] = ()
    """Sources that refuse much of what they accepted before."""
    has_events: bool = True
    """Whether an event ever came."""


_ALL_WELL: Final = OverallState(Attention.GOOD, "all well", HOME)


def judge(situation: Situation) -> OverallState:
    """Return the worst of what is true; leftovers alone leave all well."""
    found = next(findings(situation), _ALL_WELL)
    return _ALL_WELL if found.level is Attention.GOOD else found


def notes(situation: Situation) -> tuple[OverallState, ...]:
    """Return what is true besides the judgement, the worst first."""
    judged = judge(situation)
    return tuple(each for each in findings(situation) if each != judged)


def findings(of: Situation) -> Iterator[OverallState]:
    """Yield all that needs attention, the worst first, then what waits for a decision."""
    yield from _of_ingress(of)
    yield from _of_workers(of)
    yield from _of_destinations(of)
    yield from _of_sources(of)
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
        reason, _, step = of.refusal.partition(";")
        yield OverallState(
            Attention.CRITICAL,
            f"events are refused: {_cut(reason)}",
            HOME,
            _sentence(_cut(step.strip())) or "Senders retry them until they are accepted.",
        )


def _of_sources(of: Situation) -> Iterator[OverallState]:
    if of.refusing:
        names = " and ".join(of.refusing[:_NAMES_SHOWN])
        is_one, are_shown = len(of.refusing) == 1, len(of.refusing) <= _NAMES_SHOWN
        requests = f"requests to {names}" if are_shown else "requests to several sources"
        yield OverallState(
            Attention.WARNING,
            f"{requests} are refused",
            f"{HOME}/sources/{quote(names, safe='')}" if is_one else f"{HOME}/sources",
            "See why, then correct it at the sender or in the settings.",
        )


def _of_workers(of: Situation) -> Iterator[OverallState]:
    if of.unevaluated and of.unevaluated_seconds > UNEVALUATED_SECONDS:
        wait = "waits" if of.unevaluated == 1 else "wait"
        yield OverallState(
            Attention.CRITICAL,
            f"{counted(of.unevaluated, 'event')} {wait} to be evaluated"
            f" since {duration(of.unevaluated_seconds)}",
            HOME,
            "See whether a worker runs (`router worker` or `router run`), and what its log says."
            " No event is lost.",
        )


def _of_destinations(of: Situation) -> Iterator[OverallState]:
    if of.failing:
        yield OverallState(
            Attention.WARNING,
            f"{_named(of.failing)} {_are(of.failing)} failing",
            _page_of(of.failing),
            "Deliveries wait and are attempted again. See what the receiver answered last.",
        )
    if of.disabled:
        yield OverallState(
            Attention.WARNING,
            f"{_named(of.disabled)} {_are(of.disabled)} disabled",
            _page_of(of.disabled),
            "The receiver answered that it is gone: correct its address in the rules, then resume.",
        )
    if of.slowest_seconds > SLOW_SECONDS:
        yield OverallState(
            Attention.WARNING,
            f"a delivery to {of.slowest} has been due for {duration(of.slowest_seconds)}",
            _page_of((of.slowest,)),
            "See whether it is slow or rate-limited, and whether a worker runs for it.",
        )
    if of.new_dead_letters:
        was = "was" if of.new_dead_letters == 1 else "were"
        yield OverallState(
            Attention.WARNING,
            f"{counted(of.new_dead_letters, 'delivery', 'deliveries')} {was} given up"
            f" in the last {RECENT_MINUTES} minutes",
            f"{HOME}/dead-letters",
            "See why, correct it, then replay them.",
        )
    if of.paused:
        yield OverallState(
            Attention.WARNING,
            f"{_named(of.paused)} {_are(of.paused)} paused",
            _page_of(of.paused),
            "Deliveries wait until an operator resumes it."
            if len(of.paused) == 1
            else "Deliveries wait until an operator resumes them.",
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


def _are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _named(names: tuple[str, ...]) -> str:
    if len(names) > _NAMES_SHOWN:
        return counted(len(names), "destination")
    return f"destination{'s' * (len(names) > 1)} {' and '.join(names)}"


def _page_of(names: tuple[str, ...]) -> str:
    path = f"{HOME}/destinations"
    return f"{path}/{quote(names[0], safe='')}" if len(names) == 1 else path


def _cut(text: str) -> str:
    return text if len(text) <= _REASON_LENGTH else f"{text[: _REASON_LENGTH - 1]}…"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
