"""The choice of event types: by name, by pattern, and by the number of a group (pure)."""

import fnmatch
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from router.client.twilio_resources import TwilioEventType
from router.errors import ConfigurationError
from router.suggestions import suggestion

VOICE_INSIGHTS: Final = "com.twilio.voice.insights.*"
_UNUSABLE: Final = frozenset({"discontinued"})
_BY_NAME_ONLY: Final = frozenset({"deprecated", "restricted", "discontinued"})
"""States of types that a pattern with * does not choose."""


class ChosenTypes(msgspec.Struct, frozen=True, kw_only=True):
    """The types that patterns choose."""

    types: tuple[TwilioEventType, ...]
    left_out: tuple[TwilioEventType, ...] = ()
    """Types that a pattern with * matches, and that are deprecated, restricted or discontinued."""


def choose_types(types: Sequence[TwilioEventType], patterns: Iterable[str]) -> ChosenTypes:
    """Return the types that are named or match a pattern with ``*``, ``?`` or ``[…]``.

    Raises:
        ConfigurationError: A pattern matches no type, or a type that is named cannot be used.
    """
    chosen: dict[str, TwilioEventType] = {}
    left_out: dict[str, TwilioEventType] = {}
    for pattern in patterns:
        matches = [each for each in types if fnmatch.fnmatchcase(each.type, pattern)]
        if not matches:
            known = [each.type for each in types]
            raise ConfigurationError(
                f"--types {pattern!r} matches no event type of this account, {suggestion(pattern, known)}"
                " (router twilio types lists all)"
            )
        is_named = len(matches) == 1 and matches[0].type == pattern
        unusable = _UNUSABLE if is_named else _BY_NAME_ONLY
        for match in matches:
            target = left_out if match.status in unusable else chosen
            target[match.type] = match
        if is_named and matches[0].status in _UNUSABLE:
            raise ConfigurationError(f"--types {pattern}: Twilio has discontinued this event type")
    if not chosen:
        names = ", ".join(f"{each.type} ({each.status})" for each in list(left_out.values())[:3])
        raise ConfigurationError(
            f"--types matches only types that must be named in full, because Twilio no longer offers"
            f" them to all: {names}"
        )
    return ChosenTypes(
        types=tuple(chosen.values()),
        left_out=tuple(each for name, each in left_out.items() if name not in chosen),
    )


def type_groups(types: Iterable[TwilioEventType]) -> dict[str, int]:
    """Return the beginnings that types share, with the number of types that can be chosen.

    ``com.twilio.voice.insights.call-summary.complete`` is in ``com.twilio.voice.insights``.
    """
    usable = [each.type for each in types if each.status not in _BY_NAME_ONLY]
    return dict(sorted(Counter(map(_group, usable)).items()))


def patterns_of(answer: str, groups: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that an answer chooses: numbers of groups from 1, names, patterns.

    Raises:
        ConfigurationError: A number is that of no group.
    """
    chosen = []
    for word in answer.replace(",", " ").split():
        if not word.isdecimal():
            chosen.append(word)
        elif 1 <= int(word) <= len(groups):
            chosen.append(f"{groups[int(word) - 1]}.*")
        else:
            raise ConfigurationError(f"there is no group {word[:20]}: write 1 to {len(groups)}")
    return tuple(chosen)


def _group(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[: max(3, len(parts) - 2)])
