"""The documented data of Twilio's event types, one Struct per schema.

The Structs describe events, they do not reject them. An event that violates its schema is counted
and still evaluated, because Twilio may add fields and values before this module has them. A violation
is no reason to suppress an alert. A field is listed if Twilio documents it; it may be null or absent
unless every source has it.

``twilio/*.yaml`` describe the types; ``make schemas`` writes the modules of Structs from them, one for
each product, and ``type_index``. A product's module is imported when the first of its types is asked
for, because most processes see the events of one or two products.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from router.events.schemas.type_index import TYPES

TEST_EVENT = "com.twilio.eventstreams.test-event"

KNOWN_TYPES: Final = tuple(TYPES)
"""All documented types, also those whose fields are not known."""


class _Schemas(Mapping[str, type[msgspec.Struct]]):
    """The Structs by type. Names are known at once, Structs are imported as they are asked for."""

    def __init__(self) -> None:
        self.imported: dict[str, type[msgspec.Struct]] = {}
        self._names = tuple(name for name, place in TYPES.items() if not place.endswith(":"))

    def __getitem__(self, event_type: str) -> type[msgspec.Struct]:
        struct = self.imported.get(event_type)
        if struct is None:
            module, _, name = TYPES[event_type].partition(":")
            if not name:
                raise KeyError(event_type)
            place = importlib.import_module(f"router.events.schemas.{module}")
            struct = self.imported[event_type] = getattr(place, name)
        return struct

    def __contains__(self, event_type: object) -> bool:
        return event_type in _TYPED

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


SCHEMAS: Final = _Schemas()
"""The documented shape of ``data`` by event type. Types that are not listed have no schema."""
_IMPORTED: Final = SCHEMAS.imported
_TYPED: Final = frozenset(SCHEMAS)

_VALUE: Final = re.compile(r"(?<=^Invalid enum value) '.*'(?= - at `|\Z)", re.DOTALL)


def schema_violation(event_type: str, data: Any) -> str | None:
    """Return how ``data`` violates the documented schema of its type; None if it does not.

    The message has the JSON path, for example ``Expected `str`, got `int` - at `$.status```.
    """
    # Not SCHEMAS.get, which is three times as slow: each event comes here.
    schema = _IMPORTED.get(event_type)
    if schema is None:
        if event_type not in _TYPED:
            return None
        schema = SCHEMAS[event_type]
    try:
        msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def without_value(violation: str) -> str:
    """Return a violation for a log, without the event's value that some of them quote."""
    return _VALUE.sub("", violation)
