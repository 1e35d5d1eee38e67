"""Records of a stream become the events of a commit. Pure.

Twilio puts one CloudEvent into a record. A record without an event is quarantined with its shard
and sequence number, because no sender would repeat it in better shape.
"""

from collections.abc import Sequence
from typing import Final

from router.errors import EventError
from router.events.decode import decode_request
from router.events.model import Malformed, Received
from router.ingress.kinesis.stream import StreamRecord
from router.journal.shards import ShardId

_MAX_EVENTS: Final = 1000
"""Events of one record."""


def decode(shard: ShardId, records: Sequence[StreamRecord], *, received_at: float) -> Received:
    """Return the events and malformed items of ``records``; ``received_at`` is Unix seconds."""
    events, malformed = [], []
    for record in records:
        position = f"{shard} {record.sequence}"
        try:
            received = decode_request(record.data, received_at=received_at, max_events=_MAX_EVENTS)
        except EventError as error:
            path = f"{position} {error.path}".rstrip()
            # As bytes, because a record need not be UTF-8.
            malformed.append(Malformed(error.message, path, received_at, record.data))
            continue
        events += received.events
        malformed += [
            Malformed(each.reason, f"{position} {each.path}", each.received_at, each.body)
            for each in received.malformed
        ]
    return Received(events, malformed)
