"""Records that a producer has aggregated, read from a stream."""

from ingress.kinesis.conftest import Reading
from support.aggregated import aggregated
from support.kinesis_reading import evaluated, events
from support.kinesis_shards import ShardedStream

from router.journal.connection import Connection


async def test_aggregated_records_are_evaluated_once_each(
    read_from: Reading,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I17: in a commit after the other, if they are many."""
    bodies = events(sample, 1200)
    stream.put([aggregated(bodies[:700]), aggregated(bodies[700:]), *events(sample, 1, first=1200)])

    async with read_from():
        counts = await evaluated(connection, 1201)

    assert (counts.accepted, counts.duplicate, counts.malformed) == (1201, 0, 0)
