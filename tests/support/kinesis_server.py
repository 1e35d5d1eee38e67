"""A Kinesis of the tests' own: the JSON 1.1 protocol as AWS's libraries speak it, with faults on order.

It shows what moto's does not: shards end, aged ones are forgotten, iterators expire, a time in the future
is rejected, and any call may be throttled or rejected, once or for as long as a test says.

Source: Amazon Kinesis Data Streams API reference; Smithy 1.0 specification, "Amazon Event Stream".
"""

import asyncio
import base64
import binascii
import contextlib
import itertools
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import web

from router.clock import system_clock
from support.kinesis_shards import ShardedStream, StreamShard

_ACCOUNT = "000000000000"
_EVENTS_A_SUBSCRIPTION = 3
"""A subscription ends by itself: Kinesis ends one after five minutes."""

Query = dict[str, Any]


class Fault(msgspec.Struct, eq=False):
    """What is answered instead: the error ``code``, or ``reply``, or nothing, or a part of a response."""

    operation: str
    """Its name, or ``*`` for each."""
    code: str = ""
    shard: str = ""
    """For calls about this shard only."""
    times: int | None = None
    """For so many calls; None until it is lifted."""
    status: int = 400
    reply: Any = None
    hangs: bool = False
    cut_at: int | None = None
    """Bytes after which the connection is cut, those of the head included; 0 for no response."""
    seen: int = 0


class CallError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Iterator(msgspec.Struct, frozen=True):
    stream: ShardedStream
    shard: str
    after: int
    """Records with a larger sequence number follow."""


class KinesisServer:
    """``streams`` by name; ``calls`` counts the calls by operation, and by operation and shard."""

    def __init__(self) -> None:
        self.url = ""
        self.streams: dict[str, ShardedStream] = {}
        self.clock_offset = 0.0
        """Seconds by which this Kinesis's clock is ahead of the test's."""
        self.page_size = 1000
        """Shards that one ListShards returns."""
        self.has_creation_times = True
        self.access_key = ""
        """The id of the only key that is accepted; ``""`` for any."""
        self.calls: Counter[str] = Counter()
        self.subscriptions: list[Query] = []
        """The starting positions of SubscribeToShard that were accepted."""
        self.list_tokens_expire = False
        self._faults: list[Fault] = []
        self._iterators: dict[str, _Iterator] = {}
        self._tokens = itertools.count(1)
        self._created = itertools.count(1_700_000_000)
        self._consumers: set[str] = set()

    def now(self) -> float:
        return system_clock().now() + self.clock_offset

    def create(self, name: str, *, shards: int) -> ShardedStream:
        """Make a stream; one that was made again has the same ARN and another creation time."""
        arn = f"arn:aws:kinesis:eu-west-1:{_ACCOUNT}:stream/{name}"
        stream = ShardedStream(name, arn, shards, float(next(self._created)), self.now)
        self.streams[name] = stream
        return stream

    def delete(self, name: str) -> None:
        del self.streams[name]
        self._iterators.clear()

    def expire_iterators(self) -> None:
        self._iterators.clear()

    def add_fault(self, operation: str, code: str = "", **how: Any) -> Fault:
        fault = Fault(operation, code, **how)
        self._faults.append(fault)
        return fault

    def lift(self, fault: Fault) -> None:
        self._faults.remove(fault)

    @contextmanager
    def fault(self, operation: str, code: str = "", **how: Any) -> Iterator[Fault]:
        """Answer with a fault until the block ends."""
        fault = self.add_fault(operation, code, **how)
        yield fault
        self.lift(fault)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query = msgspec.json.decode(await request.read())
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        shard = query.get("ShardId", "")
        if operation == "GetRecords":
            iterator = self._iterators.get(query["ShardIterator"])
            shard = iterator.shard if iterator else ""
        self.calls[operation] += 1
        self.calls[f"{operation} {shard}"] += 1
        if f"Credential={self.access_key}" not in request.headers["Authorization"]:
            return self._error("UnrecognizedClientException", "The security token is invalid.")
        fault = self._fault(operation, shard)
        if fault is not None:
            return await self._answer_faultily(request, fault)
        try:
            if operation == "SubscribeToShard":
                return await self._subscribe(request, query)
            return self._json(200, getattr(self, f"_on_{operation}")(query))
        except CallError as error:
            return self._error(error.code, str(error))

    def _fault(self, operation: str, shard: str) -> Fault | None:
        for fault in self._faults:
            if fault.operation not in {"*", operation} or (fault.shard and fault.shard != shard):
                continue
            if fault.times is not None and fault.seen >= fault.times:
                continue
            fault.seen += 1
            return fault
        return None

    async def _answer_faultily(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.hangs:
            await asyncio.Event().wait()
        if fault.cut_at is not None:
            return self._cut(request, fault.cut_at)
        if fault.reply is not None:
            return self._json(200, fault.reply)
        return self._error(fault.code, f"{fault.code} on order", fault.status)

    def _cut(self, request: web.Request, cut_at: int) -> web.Response:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
        transport.write((head + b'Content-Length: 500\r\n\r\n{"Records": [')[:cut_at])
        transport.close()
        return web.Response()

    def _json(self, status: int, content: Any) -> web.Response:
        return web.Response(
            status=status,
            body=msgspec.json.encode(content),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "Date": formatdate(self.now(), usegmt=True),
                "x-amzn-RequestId": f"{next(self._tokens)}",
            },
        )

    def _error(self, code: str, message: str, status: int = 400) -> web.Response:
        return self._json(status, {"__type": code, "message": message})

    def _stream(self, query: Query) -> ShardedStream:
        name = query.get("StreamName") or query["StreamARN"].rsplit("/", 1)[-1]
        if name not in self.streams:
            raise CallError(
                "ResourceNotFoundException", f"Stream {name} under account {_ACCOUNT} not found."
            )
        return self.streams[name]

    def _shard(self, stream: ShardedStream, name: str) -> StreamShard:
        if name not in stream.shards:
            raise CallError("ResourceNotFoundException", f"Shard {name} does not exist")
        return stream.shards[name]

    def _on_DescribeStreamSummary(self, query: Query) -> Query:  # noqa: N802 - Kinesis's name
        stream = self._stream(query)
        created = {"StreamCreationTimestamp": stream.created} if self.has_creation_times else {}
        return {
            "StreamDescriptionSummary": {
                "StreamName": stream.name,
                "StreamARN": stream.arn,
                "StreamStatus": "ACTIVE",
                "RetentionPeriodHours": 24,
                "EnhancedMonitoring": [],
                "OpenShardCount": len(stream.open_shards()),
                **created,
            }
        }

    def _on_ListShards(self, query: Query) -> Query:  # noqa: N802
        name, _, start = query.get("NextToken", "|0").partition("|")
        if name and self.list_tokens_expire:
            raise CallError("ExpiredNextTokenException", "The token has expired.")
        stream = self._stream({"StreamName": name} if name else query)
        page = list(stream.shards.values())[int(start) :][: self.page_size]
        end = int(start) + len(page)
        token = {"NextToken": f"{stream.name}|{end}"} if end < len(stream.shards) else {}
        return {"Shards": [shard.described() for shard in page], **token}

    def _on_GetShardIterator(self, query: Query) -> Query:  # noqa: N802
        stream = self._stream(query)
        shard = self._shard(stream, query["ShardId"])
        after = self._start(shard, query["ShardIteratorType"], query)
        return {"ShardIterator": self._iterator(_Iterator(stream, shard.id, after))}

    def _start(self, shard: StreamShard, kind: str, query: Query) -> int:
        numbers = [record.sequence for record in shard.records]
        if kind == "TRIM_HORIZON":
            return 0
        if kind == "LATEST":
            return numbers[-1] if numbers else 0
        if kind == "AT_TIMESTAMP":
            if query["Timestamp"] > self.now():
                raise CallError(
                    "InvalidArgumentException",
                    "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.",
                )
            before = [each.sequence for each in shard.records if each.at < query["Timestamp"]]
            return before[-1] if before else 0
        number = query.get("StartingSequenceNumber") or query.get("SequenceNumber") or ""
        if not number.isdigit():
            raise CallError(
                "InvalidArgumentException", f"StartingSequenceNumber {number} is invalid"
            )
        return int(number) - (kind == "AT_SEQUENCE_NUMBER")

    def _iterator(self, iterator: _Iterator) -> str:
        token = f"iterator-{next(self._tokens)}"
        self._iterators[token] = iterator
        return token

    def _on_GetRecords(self, query: Query) -> Query:  # noqa: N802
        iterator = self._iterators.pop(query["ShardIterator"], None)
        if iterator is None:
            raise CallError("ExpiredIteratorException", "Iterator expired.")
        return self._read(iterator, query.get("Limit", 10_000))

    def _read(self, iterator: _Iterator, limit: int = 10_000) -> Query:
        shard = self._shard(iterator.stream, iterator.shard)
        rest = [record for record in shard.records if record.sequence > iterator.after]
        page = rest[:limit]
        after = page[-1].sequence if page else iterator.after
        has_ended = shard.ended_at is not None and len(page) == len(rest)
        behind = max(0.0, self.now() - rest[len(page)].at) if len(rest) > len(page) else 0.0
        answer: Query = {
            "Records": [
                {
                    "SequenceNumber": str(record.sequence),
                    "Data": base64.b64encode(record.data).decode(),
                    "PartitionKey": record.key,
                    "ApproximateArrivalTimestamp": record.at,
                }
                for record in page
            ],
            "MillisBehindLatest": int(behind * 1000),
        }
        if has_ended:
            answer["ChildShards"] = [
                {
                    "ShardId": child.id,
                    "ParentShards": list(child.parents),
                    "HashKeyRange": child.described()["HashKeyRange"],
                }
                for child in iterator.stream.shards.values()
                if shard.id in child.parents
            ]
        else:
            following = _Iterator(iterator.stream, iterator.shard, after)
            answer["NextShardIterator"] = self._iterator(following)
        return answer

    def _on_RegisterStreamConsumer(self, query: Query) -> Query:  # noqa: N802
        if query["ConsumerName"] in self._consumers:
            raise CallError("ResourceInUseException", "The consumer exists.")
        self._consumers.add(query["ConsumerName"])
        return {"Consumer": self._consumer(query)}

    def _on_DescribeStreamConsumer(self, query: Query) -> Query:  # noqa: N802
        return {"ConsumerDescription": {**self._consumer(query), "StreamARN": query["StreamARN"]}}

    def _consumer(self, query: Query) -> Query:
        name = query["ConsumerName"]
        return {
            "ConsumerName": name,
            "ConsumerARN": f"{query['StreamARN']}/consumer/{name}:1",
            "ConsumerStatus": "ACTIVE",
            "ConsumerCreationTimestamp": 1_700_000_000.0,
        }

    async def _subscribe(self, request: web.Request, query: Query) -> web.StreamResponse:
        stream = self._stream({"StreamName": query["ConsumerARN"].split("/")[1]})
        shard = self._shard(stream, query["ShardId"])
        position = query["StartingPosition"]
        iterator = _Iterator(stream, shard.id, self._start(shard, position["Type"], position))
        self.subscriptions.append(position)
        headers = {
            "Content-Type": "application/vnd.amazon.eventstream",
            "Date": formatdate(self.now(), usegmt=True),
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(_frame("initial-response", b"{}"))
        with contextlib.suppress(ConnectionResetError):
            for _ in range(_EVENTS_A_SUBSCRIPTION):
                event = self._read(iterator)
                if event["Records"]:
                    after = int(event["Records"][-1]["SequenceNumber"])
                    iterator = msgspec.structs.replace(iterator, after=after)
                if event.pop("NextShardIterator", None):
                    event["ContinuationSequenceNumber"] = str(iterator.after)
                await response.write(_frame("SubscribeToShardEvent", msgspec.json.encode(event)))
                if "ContinuationSequenceNumber" not in event:
                    break
                await asyncio.sleep(0.02)
        return response


def _frame(event_type: str, payload: bytes) -> bytes:
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


@asynccontextmanager
async def own_kinesis() -> AsyncIterator[KinesisServer]:
    """Yield a server on loopback, on any free port."""
    server = KinesisServer()
    application = web.Application(client_max_size=1 << 26)
    application.router.add_post("/", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    yield server
    await runner.cleanup()
