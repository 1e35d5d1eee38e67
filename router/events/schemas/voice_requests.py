"""Data of Voice events: requests between Twilio and an application during calls.

Written by ``make schemas`` from ``twilio/voice_requests.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Status Callback", "Call Progress Event", "Call API Request" and
"TwiML" of Event Streams (schema Voice.WebhookEvent/2) and "Call Event Resource"; that the
response's body is Base64 and its duration milliseconds from a published live test of 2026-03. The
pages of conference requests and of media could not be read, so that their types have no Struct.
"""

from typing import Any

import msgspec


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request from Twilio to an application, or to Twilio's API."""

    method: str
    url: str
    parameters: dict[str, Any] | None = None


class WebhookResponse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The response to a request."""

    response_code: int | None = None
    request_duration: int | None = None
    content_type: str | None = None
    response_body: str | None = None
    date_created: str | None = None


class VoiceRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``data`` of ``Voice.WebhookEvent/2``: a request about a call and its response."""

    sid: str
    request_date_created: str | None = None
    timestamp: str | None = None
    event_sid: str | None = None
    request: WebhookRequest | None = None
    response: WebhookResponse | None = None
