"""AWS's libraries on a local Kinesis, and moto's Kinesis, which others wrote.

Moto never ends a closed shard, so that it proves the protocol and nothing about reshards: those are
tested with ``support.kinesis_server``.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

REGION = "eu-west-1"


@contextmanager
def moto_server() -> Iterator[str]:
    """Yield the URL of a server that runs in a thread of this process."""
    from moto.server import ThreadedMotoServer

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


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Any]:
    """Yield AWS's client for a local Kinesis."""
    from aiobotocore.session import get_session

    session = get_session()
    async with session.create_client(
        "kinesis",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ) as client:
        yield client


async def put_records(client: Any, stream: str, bodies: Iterable[bytes]) -> None:
    """Put up to 500 records, spread over the shards."""
    records = [{"Data": body, "PartitionKey": f"{number}"} for number, body in enumerate(bodies)]
    answer = await client.put_records(StreamName=stream, Records=records)
    assert answer["FailedRecordCount"] == 0
