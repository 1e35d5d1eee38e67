"""The labelled texts that describe an event: the rows of ``fact_table`` filled in (pure).

Text that stands in an event is text from a stranger: it is cleaned and cut here, and escaped by each
destination for its place.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from router.destinations.rendering.fact_forms import FactForm, written
from router.destinations.rendering.fact_table import PARTY_LABELS, FactPart, FactRow, rows_of
from router.destinations.rendering.text import clean
from router.field_paths import Each, FieldPath, parse_field_path

FACT_LIMIT: Final = 300
"""Characters of one fact."""
VALUES: Final = "Values"
"""The label of the values that a rule reads."""

_SUBJECTS_LIMIT: Final = 4
"""Facts in a summary that needs no template."""
_READ_LIMIT: Final = 6
"""Fields of which the values that a rule reads are shown."""
_VALUE_LIMIT: Final = 80
"""Characters of such a value."""
_VALUES_LIMIT: Final = 5
"""Elements of a list of which a value that a condition reads is shown."""
_JSON_LIMIT: Final = 65_536
"""Characters of a text that is decoded to look for a field in it."""
_BETWEEN: Final = " · "
_Read = tuple[tuple[str, ...], str]
"""A field of an event, and its text."""
_parsed: Final = functools.lru_cache(maxsize=10_000)(parse_field_path)
# The names of fields with a telephone number, a SIP address or a client identity, in all products.
_PARTIES: Final = frozenset(
    {
        "from",
        "to",
        "caller",
        "callee",
        "called",
        "contact_channel_address",
        "phone_number",
        "phonenumber",
    }
)


class Fact(msgspec.Struct, frozen=True):
    """A labelled fact about an alert, in plain text that is not escaped for any target."""

    label: str
    value: str


class EventFacts(msgspec.Struct, frozen=True):
    """The facts of one event."""

    facts: tuple[Fact, ...]
    fields: frozenset[tuple[str, ...]]
    """The fields that they show."""


def event_facts(event: Mapping[str, Any], event_type: str, *, whole_numbers: bool) -> EventFacts:
    """Return the facts of an event.

    Args:
        event: The CloudEvent, decoded.
        event_type: Its type.
        whole_numbers: Whether telephone numbers and other parties are not masked.
    """
    found: list[Fact] = []
    fields: set[tuple[str, ...]] = set()
    for row in rows_of(event_type):
        read = _row(event, row, whole_numbers=whole_numbers)
        if read:
            fields.update(path for path, _ in read)
            found.append(_fact(row, read))
    return EventFacts(tuple(found), frozenset(fields))


def subject_facts(event: Mapping[str, Any], event_type: str, *, whole_numbers: bool) -> list[Fact]:
    """Return the first facts that name no party: what the event is about.

    Later rows are not read, because each delivery without a template needs this, also one without facts.

    Args:
        event: The CloudEvent, decoded.
        event_type: Its type.
        whole_numbers: Whether telephone numbers in them are not masked.
    """
    rows = (row for row in rows_of(event_type) if row.label not in PARTY_LABELS)
    read = ((row, _row(event, row, whole_numbers=whole_numbers)) for row in rows)
    found = (_fact(row, texts) for row, texts in read if texts)
    return list(itertools.islice(found, _SUBJECTS_LIMIT))


def values_read(
    event: Mapping[str, Any],
    paths: tuple[str, ...],
    shown: frozenset[tuple[str, ...]],
    *,
    whole_numbers: bool,
) -> list[Fact]:
    """Return one fact with the values of the fields that a rule reads; none if others show them all.

    Args:
        event: The CloudEvent, decoded.
        paths: The fields, as ``field_paths`` writes them.
        shown: The fields of the other facts.
        whole_numbers: Whether telephone numbers and other parties are not masked.
    """
    found = []
    for text in paths:
        path = _parsed(text)
        if path in shown:
            continue
        form = FactForm.PARTY if str(path[-1]).lower() in _PARTIES else FactForm.TEXT
        values = (
            written(each, form, whole_numbers=whole_numbers)
            for each in itertools.islice(_values(event, path), _VALUES_LIMIT)
        )
        value = ", ".join(each for each in values if each)
        if value:
            found.append(f"{text} = {clean(value, _VALUE_LIMIT)}")
    return [Fact(VALUES, _BETWEEN.join(found[:_READ_LIMIT]))] if found else []


def _row(event: Mapping[str, Any], row: FactRow, *, whole_numbers: bool) -> list[_Read]:
    """Return the fields of a row that the event has, and their texts."""
    read = (_read(event, part, whole_numbers=whole_numbers) for part in row.parts)
    return [each for each in read if each is not None]


def _fact(row: FactRow, read: list[_Read]) -> Fact:
    return Fact(row.label, _BETWEEN.join(text for _, text in read))


def _read(event: Mapping[str, Any], part: FactPart, *, whole_numbers: bool) -> _Read | None:
    """Return the first field of a part that the event has, and its text; None if it has none."""
    for path in part.fields:
        value = _value(event, path)
        if value is None:
            continue
        text = clean(written(value, part.form, whole_numbers=whole_numbers), FACT_LIMIT).strip()
        if text:
            return path, part.wording.replace("{}", text)
    return None


def _value(value: Any, path: tuple[str, ...]) -> Any:
    """Return what an event has at a path of names; None if it has nothing."""
    for step in path:
        if isinstance(value, str):
            value = _opened(value)
        if not isinstance(value, dict):  # which is ten times as fast to check as Mapping
            return None
        value = value.get(step)
    return value


def _values(value: Any, path: FieldPath) -> Iterator[Any]:
    """Yield what an event has at a path: one value, or one for each element of its lists."""
    if not path:
        yield value
        return
    step, *rest = path
    opened = _opened(value)
    if isinstance(step, Each):
        within = opened.values() if isinstance(opened, dict) else opened
        for each in within if isinstance(opened, dict | list) else ():
            yield from _values(each, tuple(rest))
    elif isinstance(opened, dict) and step in opened:
        yield from _values(opened[step], tuple(rest))


def _opened(value: Any) -> Any:
    """Return JSON that stands in a text, decoded; anything else as it is.

    The payload of an error log is such a text.
    """
    if isinstance(value, str) and value[:1] == "{" and len(value) <= _JSON_LIMIT:
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return value
    return value


def field_text(event: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Return the text or number that an event has at a path; ``""`` if it has none."""
    value = _value(event, path)
    return str(value) if isinstance(value, str | int) else ""
