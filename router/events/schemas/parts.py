"""Data of Voice Insights events: parts that several event types share.

Written by ``make schemas`` from ``twilio/parts.yaml``, which describes the fields: change that.

Source: Twilio, "Details: Call Summary" and the event type pages "Call Summary", "Gateway Call
Event" and "Voice SDK Events" of Event Streams.
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
    version: str | None = None
    platform: str | None = None
    region: str | None = None
    selected_region: str | None = None
    browser: Browser | None = None
    device: Any = None


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over a call."""

    avg: float | None = None
    max: float | None = None
    min: float | None = None


class EdgeMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The location of a gateway."""

    region: str | None = None
    twilio_ip: str | None = None
    external_ip: str | None = None
    edge_location: str | None = None


class SdkMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The client and its location."""

    client_name: str | None = None
    location: Location | None = None
    city: str | None = None
    country_code: str | None = None
    country_subdivision: str | None = None
    ip_address: str | None = None
    sdk: Sdk | None = None
