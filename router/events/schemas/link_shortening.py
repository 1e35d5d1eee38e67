"""Data of Link shortening events: links in messages.

Written by ``make schemas`` from ``twilio/link_shortening.yaml``, which describes the fields: change that.

Source: Twilio, event type page "Link" of Event Streams (schema DapTbt.LinkClicked/3). It
describes no fields of a shortened link.
"""

import msgspec


class LinkClick(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``DapTbt.LinkClicked/3``: a click on a shortened link."""

    message_sid: str | None = None
    account_sid: str | None = None
    messaging_service_sid: str | None = None
    to: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    link: str | None = None
    shortened_link: str | None = None
    link_create_time: str | None = None
    click_time: str | None = None
    user_agent: str | None = None
