"""Values as the pages write them: times, ids, texts (pure). ``router.quantities`` writes their numbers.

The templates use these functions as filters. ``static/console.js`` writes relative times with the
same words, so a change of ``ago`` is a change of both.
"""

import math
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from markupsafe import Markup, escape

from router.printable import one_printable_line, printable_json, printable_lines
from router.timestamps import unix_seconds

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_RELATIVE_LIMIT: Final = 30 * _DAY
"""Times further away than this are shown as dates."""
_FIRST_TIME: Final = -62_135_596_800.0
_LAST_TIME: Final = 253_402_300_799.0


def moment(value: float | str) -> float | None:
    """Return the Unix seconds of a time; None for ``""``, 0 and texts that are no RFC 3339 time."""
    if isinstance(value, str):
        return unix_seconds(value)
    if not value or math.isnan(value):
        return None
    return min(max(float(value), _FIRST_TIME), _LAST_TIME)


def exact_time(value: float | str) -> str:
    """Return a time to the millisecond with its zone: ``2026-11-24 18:00:00.250 UTC``; ``""`` for none."""
    at = moment(value)
    if at is None:
        return ""
    text = datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="milliseconds")
    return f"{text[:23]} UTC"


def machine_time(value: float | str) -> str:
    """Return a time as the attribute ``datetime`` has it: RFC 3339 to the millisecond, in UTC."""
    at = moment(value)
    if at is None:
        return ""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def clock_time(value: float | str) -> str:
    """Return the time of day in UTC, to the second: ``18:00:00``; ``""`` for none."""
    at = moment(value)
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def ago(value: float | str, now: float) -> str:
    """Return how long ago a time is, or how soon: ``3 min ago``, ``in 2 h``; a date if it is far.

    Args:
        value: Unix seconds, or an RFC 3339 time.
        now: Unix time in seconds.
    """
    at = moment(value)
    if at is None:
        return ""
    away = at - now
    span = abs(away)
    if span >= _RELATIVE_LIMIT:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    if span < 1:
        return "now"
    text = _span(span)
    return f"in {text}" if away > 0 else f"{text} ago"


def _span(seconds: float) -> str:
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def short_id(text: str, length: int = 14) -> str:
    """Return an id of at most ``length`` characters: its middle is left out, never its end."""
    if len(text) <= length:
        return text
    end = (length - 1) // 3
    return f"{text[: length - 1 - end]}…{text[-end:]}"


def sentence(text: str) -> str:
    """Return a message of the API as a sentence: with a capital and one full stop."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def verbatim(text: str) -> Markup:
    """Return a text escaped for HTML and otherwise unchanged, for the values of form fields.

    Other outputs show control characters as escapes; a form must send back what it was given.
    """
    return escape(text)


def pretty_json(value: Any) -> str:
    """Return a value as indented JSON whose invisible characters are JSON escapes."""
    return printable_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def one_line(text: str) -> str:
    """Return a text as one line, with its control characters as escapes."""
    return one_printable_line(text)


def printable(value: Any) -> Any:
    """Return what an expression of a template outputs: invisible characters of texts as escapes.

    HTML that a template made stays as it is.
    """
    return printable_lines(value) if type(value) is str else value
