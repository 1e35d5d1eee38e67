"""Data of Messaging events: messages sent and received.

Written by ``make schemas`` from ``twilio/messaging.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Outbound Message" and "Inbound Message" of Event Streams and the
schemas Messaging.MessageStatus/4 and Messaging.InboundMessageV1/6; which of the fields are
absent, and the form of rawDlrDoneDate, from a published live test of 2026-03.
"""

from typing import Literal

import msgspec


class MessageStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``data`` of ``Messaging.MessageStatus/7``: a change of an outbound message's status."""

    message_sid: str
    account_sid: str
    timestamp: str
    event_name: str
    api_version: str
    from_: str
    to: str
    message_status: Literal["QUEUED", "FAILED", "SENT", "DELIVERED", "UNDELIVERED", "READ"]
    messaging_service_sid: str | None = None
    error_code: int | None = None
    body: str | None = None
    status_call_back_url: str | None = None
    tags: dict[str, str] | None = None
    mnc: str | None = None
    mcc: str | None = None
    raw_dlr_done_date: str | None = None
    number_of_segments: int | None = None
    date_updated: str | None = None


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``data`` of ``Messaging.InboundMessageV1/6``: a message that was received."""

    message_sid: str
    account_sid: str | None = None
    timestamp: str
    event_name: str | None = None
    from_: str
    to: str
    body: str | None = None
    num_media: int | None = None
    num_segments: int | None = None
    from_city: str | None = None
    from_state: str | None = None
    from_zip: str | None = None
    from_country: str | None = None
    to_city: str | None = None
    to_state: str | None = None
    to_zip: str | None = None
    to_country: str | None = None
    mnc: str | None = None
    mcc: str | None = None
    messaging_service_sid: str | None = None
    recipients: list[str] | None = None
    opt_out_type: str | None = None
    referral_ctwa_clid: str | None = None
