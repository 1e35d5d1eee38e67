"""A local Kinesis: moto's server on loopback, with shards to split and merge."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiobotocore.session import get_session
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"


@contextmanager
def kinesis_server() -> Iterator[str]:
    """Yield the URL of a server that runs in a thread of this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def aws_environ(url: str) -> dict[str, str]:
    """Return the environment with which AWS's client libraries find the server."""
    return {
        "AWS_ENDPOINT_URL_KINESIS": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Producer:
    """Puts records into a stream, and changes its shards."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream

    async def put(self, bodies: Iterable[bytes], *, key: str = "") -> None:
        """Put records, spread over the shards unless they share a ``key``."""
        records = [
            {"Data": body, "PartitionKey": key or f"{number}"} for number, body in enumerate(bodies)
        ]
        for start in range(0, len(records), 500):
            answer = await self._client.put_records(
                StreamName=self._stream, Records=records[start : start + 500]
            )
            assert answer["FailedRecordCount"] == 0

    async def open_shards(self) -> list[dict[str, Any]]:
        answer = await self._client.list_shards(StreamName=self._stream)
        return [
            shard
            for shard in answer["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]

    async def split(self) -> None:
        """Split the first open shard in two."""
        shard = (await self.open_shards())[0]
        low, high = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
        await self._client.split_shard(
            StreamName=self._stream,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str((low + high) // 2),
        )

    async def merge(self) -> None:
        """Merge two adjacent open shards."""
        shards = await self.open_shards()
        for one in shards:
            for other in shards:
                end = int(one["HashKeyRange"]["EndingHashKey"])
                if int(other["HashKeyRange"]["StartingHashKey"]) == end + 1:
                    await self._client.merge_shards(
                        StreamName=self._stream,
                        ShardToMerge=one["ShardId"],
                        AdjacentShardToMerge=other["ShardId"],
                    )
                    return
        raise AssertionError("no two shards lie side by side")


@asynccontextmanager
async def new_stream(url: str, name: str, *, shards: int) -> AsyncIterator[Producer]:
    """Make a stream, which is deleted at the end of the block."""
    session = get_session()
    async with session.create_client(
        "kinesis",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ) as client:
        await client.create_stream(StreamName=name, ShardCount=shards)
        yield Producer(client, name)
        await client.delete_stream(StreamName=name)
