"""Twilio's documented example of an event, to try the router with."""

from importlib.resources import files
from typing import Any, Final

import msgspec

DOCUMENTED_TYPE: Final = "com.twilio.voice.insights.conference-summary.complete"
"""The type of the documented example."""
_SAMPLE: Final = "conference-summary-complete.json"


def sample_event(event_id: str) -> bytes:
    """Return Twilio's documented example with ``event_id`` and the status ``summary_timeout``."""
    event = documented_event()
    event["id"] = event_id
    event["data"]["status"] = "summary_timeout"
    return msgspec.json.encode(event)


def documented_event() -> dict[str, Any]:
    """Return Twilio's documented example."""
    event: dict[str, Any] = msgspec.json.decode(_read())
    return event


def sample_text() -> str:
    """Return Twilio's documented example as indented JSON."""
    return msgspec.json.format(_read(), indent=2).decode()


def _read() -> bytes:
    return (files("router.events") / "samples" / _SAMPLE).read_bytes()
