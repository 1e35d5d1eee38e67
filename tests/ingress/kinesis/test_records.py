"""Records of a stream become events; a malformed one is quarantined with its position."""

import pytest
from support.aggregated import aggregated
from support.events import event_from

from router.ingress.kinesis.records import RecordLimits, decode
from router.ingress.kinesis.stream import StreamRecord
from router.journal.shards import ShardId

SHARD = ShardId("shardId-000000000000")


def test_a_record_is_an_event_with_its_own_bytes(sample: bytes) -> None:
    received = decode(
        SHARD, [StreamRecord("7", sample)], received_at=3.0, record_limits=RecordLimits()
    )

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

    received = decode(SHARD, records, received_at=3.0, record_limits=RecordLimits())

    assert [event.id for event in received.events] == ["NO1"]
    assert [(each.path, each.body) for each in received.malformed] == [
        ("shardId-000000000000 1 $", b"nonsense"),
        ("shardId-000000000000 3 $", b"\xff"),
        ("shardId-000000000000 4 $", b"{}"),
    ]


@pytest.mark.parametrize("member", [b"True", b'{"id":"\xff"}', b"[" * 2000 + b"]" * 2000])
def test_a_malformed_event_of_a_record_does_not_fail_its_neighbours(
    sample: bytes, member: bytes
) -> None:
    """Case I1: a record is cut as a signed request is."""
    one, two = (event_from(sample, id=name).body for name in ("NO1", "NO2"))
    record = StreamRecord("7", b"[" + one + b"," + member + b"," + two + b"]")

    received = decode(SHARD, [record], received_at=3.0, record_limits=RecordLimits())

    assert [event.id for event in received.events] == ["NO1", "NO2"]
    ((path, body),) = [(each.path, each.body) for each in received.malformed]
    assert (path[:27], body) == ("shardId-000000000000 7 $[1]", member)


def test_an_aggregated_record_is_the_events_in_it(sample: bytes) -> None:
    """Case I17: each malformed one is named by its place in the record."""
    one, two = (event_from(sample, id=name).body for name in ("NO1", "NO2"))
    record = StreamRecord("7", aggregated([one, b"nonsense", b"[" + two + b"]", b"\xff"]))

    received = decode(SHARD, [record], received_at=3.0, record_limits=RecordLimits())

    assert [(event.id, event.body) for event in received.events] == [("NO1", one), ("NO2", two)]
    assert [(each.path, each.body) for each in received.malformed] == [
        ("shardId-000000000000 7/1 $", b"nonsense"),
        ("shardId-000000000000 7/3 $", b"\xff"),
    ]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_the_limit_of_depth_holds_in_a_stream(
    is_wrapped: bool,  # noqa: FBT001 - a case's own
    sample: bytes,
) -> None:
    """Case I17: ROUTER_MAX_DEPTH was not asked for records."""
    bodies = [
        event_from(sample, id=f"NO{depth}", data=None).body[:-1]
        + b',"extra":{"a":'
        + nested(depth)
        + b"}}"
        for depth in (3, 30)
    ]
    records = [
        StreamRecord(str(number), aggregated([body]) if is_wrapped else body)
        for number, body in enumerate(bodies)
    ]

    received = decode(SHARD, records, received_at=3.0, record_limits=RecordLimits(max_depth=10))

    assert [event.id for event in received.events] == ["NO3"]
    assert [each.reason for each in received.malformed] == [
        "JSON is nested too deeply, at most 10 levels"
    ]


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("form", ["array", "records", "arrays"])
def test_the_limit_of_events_holds_for_each_record(form: str, size: int, sample: bytes) -> None:
    """Case I17: ROUTER_MAX_EVENTS_PER_REQUEST, the same bound as that of a request."""
    bodies = [event_from(sample, id=f"NO{number}").body for number in range(size)]
    data = {
        "array": b"[" + b",".join(bodies) + b"]",
        "records": aggregated(bodies),
        "arrays": aggregated(
            [b"[" + b",".join(bodies[:2]) + b"]", b"[" + b",".join(bodies[2:]) + b"]"]
        ),
    }[form]
    beside = StreamRecord("8", event_from(sample, id="beside").body)

    received = decode(
        SHARD,
        [StreamRecord("7", data), beside],
        received_at=3.0,
        record_limits=RecordLimits(max_events=3),
    )

    ids = [event.id for event in received.events]
    if size == 3:
        assert ids == ["NO0", "NO1", "NO2", "beside"]
        return
    assert ids == ["beside"]
    (malformed,) = received.malformed
    assert malformed.body == data
    assert "ROUTER_MAX_EVENTS_PER_REQUEST" in malformed.reason
    assert ("aggregated" in malformed.reason) == (form != "array")


def test_a_damaged_aggregated_record_is_quarantined_as_such(sample: bytes) -> None:
    """Case I17: with the word "aggregated", and with all its bytes."""
    damaged = aggregated([sample])[:-1] + b"!"
    good = StreamRecord("2", sample)

    received = decode(
        SHARD, [StreamRecord("1", damaged), good], received_at=3.0, record_limits=RecordLimits()
    )

    assert len(received.events) == 1
    (malformed,) = received.malformed
    assert (malformed.path, malformed.body) == ("shardId-000000000000 1", damaged)
    assert "aggregated record is damaged" in malformed.reason
