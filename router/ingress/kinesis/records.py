"""Records of a stream become the events of a commit. Pure.

Twilio puts one CloudEvent into a record. A producer between may have aggregated several of its records
to one. A record without an event is quarantined with its shard and sequence number, because no sender
would repeat it in better shape.
"""

from collections.abc import Sequence

import msgspec

from router.errors import EventsTooLargeError
from router.events.decode import decode_leniently
from router.events.limits import MAX_DEPTH, MAX_VALUES
from router.events.model import Malformed, Received
from router.ingress.kinesis.aggregation import AggregationError, deaggregate, is_aggregated
from router.ingress.kinesis.stream import StreamRecord
from router.journal.shards import ShardId


class RecordLimits(msgspec.Struct, frozen=True):
    """The limits of one record, as those of one request."""

    max_events: int = 1000
    max_depth: int = MAX_DEPTH
    max_values: int = MAX_VALUES


def decode(
    shard: ShardId,
    records: Sequence[StreamRecord],
    *,
    received_at: float,
    record_limits: RecordLimits,
) -> Received:
    """Return the events and malformed items of ``records``; ``received_at`` is Unix seconds."""
    received = Received([], [])
    for record in records:
        position = f"{shard} {record.sequence}"
        if is_aggregated(record.data):
            decoded = _decode_aggregated(position, record.data, received_at, record_limits)
        else:
            decoded = _decode_body(position, record.data, received_at, record_limits)
        received.events.extend(decoded.events)
        received.malformed.extend(decoded.malformed)
    return received


def _decode_aggregated(
    position: str, data: bytes, received_at: float, record_limits: RecordLimits
) -> Received:
    """Decode an aggregated record; it is malformed as a whole if it is damaged or has too many events."""
    received = Received([], [])
    try:
        bodies = deaggregate(data, max_records=record_limits.max_events)
    except AggregationError as error:
        return Received([], [Malformed(str(error), position, received_at, data)])
    for number, body in enumerate(bodies):
        decoded = _decode_body(f"{position}/{number}", body, received_at, record_limits)
        received.events.extend(decoded.events)
        received.malformed.extend(decoded.malformed)
        if len(received.events) + len(received.malformed) > record_limits.max_events:
            reason = (
                f"the aggregated record has more than {record_limits.max_events} events"
                " (ROUTER_MAX_EVENTS_PER_REQUEST)"
            )
            return Received([], [Malformed(reason, position, received_at, data)])
    return received


def _decode_body(
    position: str, body: bytes, received_at: float, record_limits: RecordLimits
) -> Received:
    try:
        received = decode_leniently(
            body,
            received_at=received_at,
            max_events=record_limits.max_events,
            max_depth=record_limits.max_depth,
            max_values=record_limits.max_values,
        )
    except EventsTooLargeError as error:
        setting = ""
        if error.code == "too_many_events":
            setting = " (ROUTER_MAX_EVENTS_PER_REQUEST)"
        path = f"{position} {error.path}".rstrip()
        # As bytes, because a record need not be UTF-8.
        return Received([], [Malformed(f"{error.message}{setting}", path, received_at, body)])
    malformed = [
        Malformed(each.reason, f"{position} {each.path}", each.received_at, each.body)
        for each in received.malformed
    ]
    return Received(received.events, malformed)
