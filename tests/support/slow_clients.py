"""Clients that never come to the point, in a process of their own: ``HOST PORT COUNT``.

A third says nothing, a third drips a head, a third drips a body. Prints, as JSON, how many the far
side closed and how long the last one of each sort was left open, in seconds.
"""

import asyncio
import sys
from collections import defaultdict

import msgspec

_HEAD = b"POST /events HTTP/1.1\r\nHost: slow\r\n"
_BODY = _HEAD + b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n["
_OPENING = {"silent": b"", "head": _HEAD, "body": _BODY}
_DRIP = {"silent": b"", "head": b"X: y\r\n", "body": b" "}
_EVERY = 0.5
_LONGEST = 60.0


async def one(host: str, port: int, sort: str, open_for: dict[str, list[float]]) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(host, port)
    began = loop.time()
    writer.write(_OPENING[sort])
    while loop.time() - began < _LONGEST:
        try:
            async with asyncio.timeout(_EVERY):
                await reader.read(4096)  # an answer, or the end: either way it is given up
            break
        except TimeoutError:
            writer.write(_DRIP[sort])
        except ConnectionError:
            break
    open_for[sort].append(loop.time() - began)
    writer.transport.abort()


async def attack(host: str, port: int, count: int) -> dict[str, list[float]]:
    open_for: dict[str, list[float]] = defaultdict(list)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(host, port, list(_OPENING)[number % 3], open_for))
            if number % 50 == 49:
                await asyncio.sleep(0.04)  # no more than the far side's backlog takes
    return open_for


def main() -> None:
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    open_for = asyncio.run(attack(host, port, count))
    closed = {sort: len(times) for sort, times in open_for.items()}
    longest = {sort: max(times) for sort, times in open_for.items()}
    sys.stdout.write(msgspec.json.encode({"closed": closed, "longest": longest}).decode())


if __name__ == "__main__":
    main()
