"""Data of Account and others events: test events, blocked addresses, bulk lookups and products with few types.

Written by ``make schemas`` from ``twilio/account_events.yaml``, which describes the fields: change that.

Source: Twilio, "Amazon Kinesis Quickstart" for the test event (schema EventStreams.TestSink/1);
event type pages "IP" (Iam.IPBlocked/2) and "Bulk" of Lookup (Lookup.BulkEvent/2) of Event
Streams; "Events" of the Communications API (CommsApi.OperationProcessing/2). Types whose fields
could not be read have no Struct.
"""

import msgspec


class SinkTestData(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``EventStreams.TestSink/1``: a test of a sink."""

    test_id: str


class BlockedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``Iam.IPBlocked/2``: a request that was blocked."""

    timestamp: str | None = None
    account_sid: str | None = None
    request_sid: str | None = None
    address: str | None = None
    action: str | None = None
    resource: str | None = None
    authentication_method: str | None = None
    auth_sid: str | None = None


class BulkLookupThresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a bulk lookup."""

    error: int | None = None


class BulkLookupResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a bulk lookup."""

    total_count: int | None = None
    processed_count: int | None = None
    success_count: int | None = None
    error_count: int | None = None
    file_url: str | None = None
    details: str | None = None


class BulkLookup(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``Lookup.BulkEvent/2``: a bulk lookup."""

    job_sid: str | None = None
    friendly_name: str | None = None
    description: str | None = None
    created_at: str | None = None
    completed_at: str | None = None
    status: str | None = None
    twilio_error_code: int | None = None
    thresholds: BulkLookupThresholds | None = None
    result: BulkLookupResult | None = None


class CommunicationsOperation(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``CommsApi.OperationProcessing/2``: an operation of the Communications API."""

    operation_id: str | None = None
