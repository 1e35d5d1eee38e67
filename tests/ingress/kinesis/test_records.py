"""Records of a stream become events; a malformed one is quarantined with its position."""

from support.events import event_from

from router.ingress.kinesis.records import decode
from router.ingress.kinesis.stream import StreamRecord
from router.journal.shards import ShardId

SHARD = ShardId("shardId-000000000000")


def test_a_record_is_an_event_with_its_own_bytes(sample: bytes) -> None:
    received = decode(SHARD, [StreamRecord("7", sample)], received_at=3.0)

    (event,) = received.events
    assert (event.body, event.received_at) == (sample, 3.0)


def test_a_malformed_record_does_not_fail_the_records_beside_it(sample: bytes) -> None:
    good = event_from(sample, id="NO1").body
    records = [
        StreamRecord("1", b"nonsense"),
        StreamRecord("2", good),
        StreamRecord("3", b"\xff"),
        StreamRecord("4", b"{}"),
    ]

    received = decode(SHARD, records, received_at=3.0)

    assert [event.id for event in received.events] == ["NO1"]
    assert [(each.path, each.body) for each in received.malformed] == [
        ("shardId-000000000000 1 $", b"nonsense"),
        ("shardId-000000000000 3", b"\xff"),
        ("shardId-000000000000 4 $", b"{}"),
    ]
