"""Data of Verify events: verifications and the delivery of their messages.

Written by ``make schemas`` from ``twilio/verification.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Verification Status" (schema
AccountSecurity.VerifyEventStreamEvent/2), "Message Status" (AccountSecurity.MessageStatusEvent/1)
and "Verification Attempt DLR" (AccountSecurity.VerifyEventStreamDLREvent/1) of Event Streams;
"Verification Stream" for the types, the properties and the values of verification_status.
"""

from typing import Literal

import msgspec


class SendCodeAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to send a code."""

    time: str | None = None
    channel: str | None = None
    attempt_sid: str | None = None
    locale: str | None = None
    delivery_status: str | None = None
    error_code: str | None = None
    tags: dict[str, str] | None = None


class SendCodeAttempts(msgspec.Struct, frozen=True, kw_only=True):
    """The codes that were sent for a verification."""

    count: int | None = None
    attempts: list[SendCodeAttempt] | None = None


class CheckAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to check a code."""

    time: str | None = None
    status: str | None = None


class CheckAttempts(msgspec.Struct, frozen=True, kw_only=True):
    """The codes that were checked for a verification."""

    count: int | None = None
    attempts: list[CheckAttempt] | None = None


class VerificationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``AccountSecurity.VerifyEventStreamEvent/2``: a verification with its attempts so far.

    What does not apply is null.
    """

    account_sid: str | None = None
    service_sid: str | None = None
    verification_sid: str | None = None
    friendly_name: str | None = None
    custom_friendly_name: str | None = None
    custom_code_enabled: bool | None = None
    created_at: str | None = None
    verified_at: str | None = None
    expired_at: str | None = None
    to: str | None = None
    verification_status: (
        Literal["PENDING", "APPROVED", "CANCELED", "EXPIRED", "MAX_ATTEMPTS_REACHED"] | None
    ) = None
    country: str | None = None
    code_length: int | None = None
    send_code_attempts: SendCodeAttempts | None = None
    check_attempts: CheckAttempts | None = None


class VerifyMessageStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``AccountSecurity.MessageStatusEvent/1``.

    The status of a message with a code.
    """

    created_at: str
    account_sid: str
    service_sid: str
    verification_sid: str
    attempt_sid: str
    error_code: str | None = None
    channel: str
    message_status: str
    has_fallback: bool | None = None
    is_fallback: bool | None = None
    mnc: str | None = None
    mcc: str | None = None
    to: str | None = None
    number_segments: int | None = None


class VerifyAttemptReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``AccountSecurity.VerifyEventStreamDLREvent/1``.

    The delivery receipt of an attempt.
    """

    created_at: str
    account_sid: str
    service_sid: str
    verification_sid: str
    attempt_sid: str
    error_code: str | None = None
    channel: str | None = None
    dlr_status: str | None = None
    has_fallback: bool | None = None
    is_fallback: bool | None = None
    mnc: str | None = None
    mcc: str | None = None
    to: str | None = None
    number_segments: int | None = None
