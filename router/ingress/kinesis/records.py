"""Records of a stream -> the events of a commit (pure).

Twilio puts one CloudEvent into a record. A record that holds none is quarantined with its place,
for nobody would send it again in better shape.
"""

from collections.abc import Sequence

from router.errors import EventError
from router.events.decode import (
    decode_request,
)
from router.events.model import (
    Malformed,
    Received,
)
from router.ingress.kinesis.stream import Record
from router.journal.shards import ShardId


def decode(shard: ShardId, records: Sequence[Record], *, received_at: float) -> Received:
    """The events of ``records``. ``received_at`` is Unix time in seconds."""
    events, malformed = [], []
    for record in records:
        place = f"{shard} {record.sequence}"
        try:
            received = decode_request(record.data, received_at=received_at, max_events=1000)
        except EventError as error:
            path = f"{place} {error.path}".rstrip()
            # What is not UTF-8 can be kept all the same: quarantine holds bytes.
            malformed.append(Malformed(error.message, path, received_at, record.data))
            continue
        events += received.events
        malformed += [
            Malformed(each.reason, f"{place} {each.path}", each.received_at, each.body)
            for each in received.malformed
        ]
    return Received(events, malformed)
