"""Parts of the data that several event types share.

Source: Twilio, "Details: Call Summary" and the event type pages "Call Summary", "Gateway Call
Event", "Voice SDK Events" of Event Streams.
"""

from typing import Any

import msgspec


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Degrees north and east."""

    lat: float | None = None
    lon: float | None = None


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """The browser in which the Voice SDK runs."""

    name: str | None = None
    major: str | None = None
    version: str | None = None


class Sdk(msgspec.Struct, frozen=True, kw_only=True):
    """The Voice SDK of a participant."""

    type: str | None = None
    """For example ``voice-ios``."""
    version: str | None = None
    platform: str | None = None
    region: str | None = None
    selected_region: str | None = None
    browser: Browser | None = None
    device: Any = None
    """The device of a mobile SDK."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over a call."""

    avg: float | None = None
    max: float | None = None
    min: float | None = None
