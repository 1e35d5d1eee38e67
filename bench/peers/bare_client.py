"""The ceiling of deliveries: an aiohttp client that posts one body again and again.

``python -m bench.peers.bare_client URL COUNT``: 64 requests at once, over kept connections.
"""

import asyncio
import sys

import aiohttp
import uvloop

from bench.messages import Shape, events

_AT_ONCE = 64


async def _post_all(url: str, count: int) -> None:
    bodies = iter(events(Shape(count=count, id_prefix="bench-bare")))
    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def post() -> None:
            for body in bodies:
                async with session.post(url, data=body) as answer:
                    await answer.read()

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(post())


if __name__ == "__main__":
    uvloop.run(_post_all(sys.argv[1], int(sys.argv[2])))
