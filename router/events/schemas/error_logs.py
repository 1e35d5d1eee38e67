"""Data of Error logs events: what Twilio's Debugger logs.

Written by ``make schemas`` from ``twilio/error_logs.yaml``, which describes the fields: change that.

Source: Twilio, event type page "Error Logs" of Event Streams (schema ErrorLogs.Error/2) and
"Debugging Events Webhook"; the levels, the prefix of the id and that payload is a JSON text from
a published live test of 2026-03.
"""

import msgspec


class LoggedError(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``ErrorLogs.Error/2``: an entry of the Debugger."""

    sid: str
    account_sid: str
    date_created: str | None = None
    level: str | None = None
    error_code: str | None = None
    product_name: str | None = None
    payload: str | None = None
    service_sid: str | None = None
    request_sid: str | None = None
    correlation_sid: str | None = None
    master_account_sid: str | None = None
