"""Files of events, as the commands that try rules out take them."""

from typing import Final

from router.clock import system_clock
from router.errors import ConfigurationError, EventError
from router.events.decode import (
    decode_strictly,
)
from router.events.model import (
    Event,
)

_EVENTS_LIMIT: Final = 1000


def read_events(body: bytes) -> list[Event]:
    """The CloudEvents of a file, one or an array. Raises ConfigurationError."""
    try:
        return decode_strictly(body, received_at=system_clock().now(), max_events=_EVENTS_LIMIT)
    except EventError as error:
        place = f" at {error.path}" if error.path else ""
        raise ConfigurationError(f"this is no CloudEvent: {error.message}{place}") from None
