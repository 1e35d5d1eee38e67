"""How the value of a fact is written: a number of a telephone, a duration, a share (pure)."""

import enum
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from router.destinations.rendering.masked_parties import mask_parties, mask_party

_MINUTE: Final = 60
_HOUR: Final = 3600
_DECIMALS: Final = 3


class FactForm(enum.Enum):
    """The meaning of a field, by which its value is written."""

    TEXT = "text"
    """A text, number or bool as it is; of a list its elements with commas between them."""
    PARTY = "party"
    """A telephone number, SIP address, client identity or mail address."""
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    PERCENT = "percent"
    """A share in hundredths."""


def written(value: Any, form: FactForm, *, whole_numbers: bool = False) -> str:
    """Return a value of an event as text; ``""`` for null, for an object and for what the form cannot be.

    Args:
        value: The value, decoded from JSON.
        form: What it means.
        whole_numbers: Whether telephone numbers and other parties are not masked.
    """
    if isinstance(value, list):
        parts = (written(each, form, whole_numbers=whole_numbers) for each in value)
        return ", ".join(part for part in parts if part)
    if form is FactForm.PARTY:
        text = _plain(value)
        return text if whole_numbers or not text else mask_party(text)
    if form is FactForm.TEXT or not _is_number(value):
        text = _plain(value)
        return text if whole_numbers else mask_parties(text)
    return _MEASURES[form](value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> str:
    match value:
        case str():
            return value
        case float() if math.isfinite(value):
            return _number(value)
        case bool() | int():
            return msgspec.json.encode(value).decode()
        case _:
            return ""


def _number(value: float) -> str:
    """Return a number without the digits that a measurement does not have."""
    return f"{round(value, _DECIMALS):g}" if abs(value) < 1e6 else f"{value:g}"


def _seconds(value: float) -> str:
    """Return a duration: ``63 s`` as ``1 min 3 s``."""
    if not 0 <= value < 1e9 or value < _MINUTE:
        return f"{_number(value)} s"
    seconds = round(value)
    hours, minutes = divmod(seconds // _MINUTE, 60)
    parts = [f"{hours} h"] if hours else []
    if minutes:
        parts.append(f"{minutes} min")
    if seconds % _MINUTE and not hours:
        parts.append(f"{seconds % _MINUTE} s")
    return " ".join(parts)


_MEASURES: Final[Mapping[FactForm, Callable[[float], str]]] = {
    FactForm.SECONDS: _seconds,
    FactForm.MILLISECONDS: lambda value: f"{_number(value)} ms",
    FactForm.PERCENT: lambda value: f"{_number(value)} %",
}
