"""The consumer on a Kinesis that others wrote."""

from collections.abc import Iterator

import pytest
from ingress.kinesis.conftest import Reading
from support.kinesis_reading import evaluated, events
from support.streams import aws_environ, client_of, moto_server, put_records

from router.journal.connection import Connection


@pytest.fixture
def moto_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with moto_server() as url:
        for name, value in aws_environ(url).items():
            monkeypatch.setenv(name, value)
        yield url


async def test_the_records_of_moto_are_read_and_those_of_its_successor(
    read_from: Reading, moto_url: str, connection: Connection, sample: bytes
) -> None:
    """Case I4: the stream was read, deleted, and made again."""
    async with client_of(moto_url) as client:
        await client.create_stream(StreamName="moto", ShardCount=2)
        await put_records(client, "moto", events(sample, 20))
        async with read_from(name="moto"):
            await evaluated(connection, 20)
            await put_records(client, "moto", events(sample, 5, first=20))
            await evaluated(connection, 25)
        await client.delete_stream(StreamName="moto")
        await client.create_stream(StreamName="moto", ShardCount=2)
        await put_records(client, "moto", events(sample, 6, first=25))
        async with read_from(name="moto"):
            counts = await evaluated(connection, 31)

    assert (counts.accepted, counts.duplicate) == (31, 0)
