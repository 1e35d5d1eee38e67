"""Short forms of what pages say of events (pure)."""

from typing import Final

from router.api.event_views import ConditionPartView, PartResult
from router.console.page_filters import short_id

_FAMILIES: Final = ("com.twilio.voice.insights.", "com.twilio.")
"""Beginnings of types that a list leaves out; the whole type is in its title."""
_TYPE_LENGTH: Final = 48
_IS: Final = " = "


def short_type(event_type: str) -> str:
    """Return a type as a list shows it: without the name of Twilio's family, and cut."""
    for family in _FAMILIES:
        if event_type.startswith(family) and event_type != family:
            event_type = event_type.removeprefix(family)
            break
    return short_id(event_type, _TYPE_LENGTH)


def part_values(part: ConditionPartView) -> str:
    """Return the values of a part of a condition; a single one without its name, which is in the part."""
    name, sign, value = part.values.partition(_IS)
    is_single = sign and _IS not in value and part.text.count(name) == 1
    return value if is_single and part.result is not PartResult.NOTHING else part.values
