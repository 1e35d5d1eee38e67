"""SubscribeToShard in front of a Kinesis server that lacks it; everything else is passed on.

The frames are the "event stream" encoding of AWS's services: prelude, headers, payload, two
checksums. Source: Smithy 1.0 specification, "Amazon Event Stream".
"""

import asyncio
import binascii
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

_EVENTS_A_SUBSCRIPTION = 3
"""A subscription ends by itself: Kinesis ends one after five minutes."""


def frame(event_type: str, payload: bytes) -> bytes:
    headers = b"".join(
        struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value
        for name, value in (
            (b":message-type", b"event"),
            (b":event-type", event_type.encode()),
            (b":content-type", b"application/x-amz-json-1.1"),
        )
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", binascii.crc32(message))


class FanOut:
    """``subscriptions`` are the starting positions that were asked for."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.url = ""
        self.subscriptions: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not request.headers["X-Amz-Target"].endswith(".SubscribeToShard"):
            return await self._pass_on(request, body)
        asked = msgspec.json.decode(body)
        stream = asked["ConsumerARN"].split("/")[1]
        position = asked["StartingPosition"]
        self.subscriptions.append(position)
        iterator = await self._ask(
            request,
            "GetShardIterator",
            {
                "StreamName": stream,
                "ShardId": asked["ShardId"],
                "ShardIteratorType": position["Type"],
                **(
                    {"StartingSequenceNumber": position["SequenceNumber"]}
                    if "SequenceNumber" in position
                    else {}
                ),
            },
        )
        response = web.StreamResponse(
            headers={"Content-Type": "application/vnd.amazon.eventstream"}
        )
        await response.prepare(request)
        await response.write(frame("initial-response", b"{}"))
        await self._push(request, response, iterator["ShardIterator"], position)
        return response

    async def _push(
        self, request: web.Request, response: web.StreamResponse, iterator: str, position: Any
    ) -> None:
        sequence = position.get("SequenceNumber", "0")
        for _ in range(_EVENTS_A_SUBSCRIPTION):
            answer = await self._ask(request, "GetRecords", {"ShardIterator": iterator})
            iterator = answer.get("NextShardIterator")
            if answer["Records"]:
                sequence = answer["Records"][-1]["SequenceNumber"]
            event = {"Records": answer["Records"], "MillisBehindLatest": 0}
            if iterator:
                event["ContinuationSequenceNumber"] = sequence
            else:
                event["ChildShards"] = []
            await response.write(frame("SubscribeToShardEvent", msgspec.json.encode(event)))
            if not iterator:
                return
            await asyncio.sleep(0.02)

    async def _ask(self, request: web.Request, operation: str, query: dict[str, Any]) -> Any:
        headers = {**request.headers, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
        headers.pop("Content-Length")
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._server, json=query, headers=headers) as answer,
        ):
            return msgspec.json.decode(await answer.read())

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.post(self._server, data=body, headers=request.headers) as answer,
        ):
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": answer.headers["Content-Type"]},
            )


@asynccontextmanager
async def fan_out_server(kinesis_url: str) -> AsyncIterator[FanOut]:
    fan_out = FanOut(kinesis_url)
    application = web.Application()
    application.router.add_post("/", fan_out.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    fan_out.url = f"http://{host}:{port}"
    yield fan_out
    await runner.cleanup()
