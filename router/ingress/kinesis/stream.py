"""The stream itself: what Kinesis is asked, with a deadline for each question.

A shard is read by polling (GetRecords: five a second and two MiB a second for all its readers
together) or by enhanced fan-out (SubscribeToShard: pushed, two MiB a second for this consumer
alone). Both look the same from outside: batches of records, the last one marked.

Source: Amazon Kinesis Data Streams API reference.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from router.errors import ConfigurationError, StreamUnavailableError
from router.ingress.kinesis.assignment import Shard
from router.journal.shards import ShardId

T = TypeVar("T")

_DEADLINE: Final = 15.0
"""Seconds for one answer; GetRecords may bring ten MiB."""
_SILENCE: Final = 30.0
"""Seconds without a word on a subscription; Kinesis says something every five."""
_RECORDS: Final = 10_000
_BUSY_PAUSE: Final = 0.25
"""Seconds between two reads of a shard that is behind: five reads a second are allowed."""
_ACTIVE_PAUSE: Final = 1.0
_ACTIVE_SECONDS: Final = 60.0
_NOT_NOW: Final = frozenset(
    {
        "ExpiredIteratorException",
        "ExpiredNextTokenException",
        "InternalFailure",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ResourceInUseException",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)


class Record(msgspec.Struct, frozen=True):
    sequence: str
    data: bytes


class Batch(msgspec.Struct, frozen=True):
    """Some records of a shard, in their order."""

    records: tuple[Record, ...]
    behind_seconds: float
    """How old the newest of them is against the end of the shard."""
    is_last: bool = False
    """Whether the shard ends here: it was split or merged."""


class Position(msgspec.Struct, frozen=True):
    """Where to read from: after a sequence number, from a moment on, or from the beginning."""

    after: str = ""
    since: float | None = None
    """Unix time in seconds."""


class StreamClient(Protocol):
    """What the consumer needs of a stream. Everything raises StreamUnavailableError."""

    @property
    def arn(self) -> str: ...

    async def shards(self) -> list[Shard]: ...

    def read(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]: ...


class KinesisStream:
    """A stream by name. ``fan_out`` is the name of the registered consumer, ``""`` to poll.

    Credentials and, unless ``region`` is given, the region come from AWS's usual places.
    """

    def __init__(self, name: str, *, region: str, fan_out: str, poll_interval: float) -> None:
        self._name = name
        self._region = region
        self._fan_out = fan_out
        self._poll_interval = poll_interval
        self._client: Any = None
        self._stack = contextlib.AsyncExitStack()
        self._consumer_arn = ""
        self.arn = ""

    async def open(self) -> None:
        """Find the stream. Raises ConfigurationError for none, StreamUnavailableError."""
        session, config = _session()
        options = {"region_name": self._region} if self._region else {}
        try:
            made = session.create_client("kinesis", config=config, **options)
            self._client = await self._stack.enter_async_context(made)
        except _errors() as error:
            raise ConfigurationError(f"Kinesis: {error}") from None
        answer = await self._ask(self._client.describe_stream_summary(StreamName=self._name))
        self.arn = answer["StreamDescriptionSummary"]["StreamARN"]
        if self._fan_out:
            await self._register()

    async def close(self) -> None:
        await self._stack.aclose()

    async def shards(self) -> list[Shard]:
        """All shards that still hold records, the ended ones too."""
        found = []
        query: dict[str, Any] = {"StreamName": self._name}
        while True:
            answer = await self._ask(self._client.list_shards(**query))
            found += [_shard(described) for described in answer["Shards"]]
            if not answer.get("NextToken"):
                return found
            query = {"NextToken": answer["NextToken"]}

    def read(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        """The batches of a shard from ``position`` on, to its end; never ends for an open one."""
        return self._pushed(shard, position) if self._fan_out else self._polled(shard, position)

    async def _polled(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        answer = await self._ask(
            self._client.get_shard_iterator(
                StreamName=self._name, ShardId=shard, **_iterator(position)
            )
        )
        iterator = answer["ShardIterator"]
        while iterator:
            answer = await self._ask(
                self._client.get_records(ShardIterator=iterator, Limit=_RECORDS)
            )
            iterator = answer.get("NextShardIterator")
            batch = _batch(answer, is_last=not iterator)
            yield batch
            if iterator:
                is_behind = batch.behind_seconds > 0
                await asyncio.sleep(_BUSY_PAUSE if is_behind else self._poll_interval)

    async def _pushed(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        # A subscription lasts five minutes; the next one goes on where it ended.
        while True:
            answer = await self._ask(
                self._client.subscribe_to_shard(
                    ConsumerARN=self._consumer_arn,
                    ShardId=shard,
                    StartingPosition=_starting_position(position),
                )
            )
            with contextlib.closing(answer["EventStream"]) as events:
                async for event in self._heard(events):
                    pushed = event.get("SubscribeToShardEvent")
                    if pushed is None:
                        continue
                    goes_on = pushed.get("ContinuationSequenceNumber")
                    yield _batch(pushed, is_last=not goes_on)
                    if not goes_on:
                        return
                    position = Position(after=goes_on)

    async def _heard(self, events: Any) -> AsyncIterator[Mapping[str, Any]]:
        iterator = aiter(events)
        while True:
            try:
                yield await self._ask(anext(iterator), seconds=_SILENCE)
            except StopAsyncIteration:
                return

    async def _register(self) -> None:
        with contextlib.suppress(StreamUnavailableError):  # it is registered already
            await self._ask(
                self._client.register_stream_consumer(
                    StreamARN=self.arn, ConsumerName=self._fan_out
                )
            )
        try:
            async with asyncio.timeout(_ACTIVE_SECONDS):
                while True:
                    answer = await self._ask(
                        self._client.describe_stream_consumer(
                            StreamARN=self.arn, ConsumerName=self._fan_out
                        )
                    )
                    described = answer["ConsumerDescription"]
                    if described["ConsumerStatus"] == "ACTIVE":
                        self._consumer_arn = described["ConsumerARN"]
                        return
                    await asyncio.sleep(_ACTIVE_PAUSE)
        except TimeoutError:
            raise StreamUnavailableError(
                f"Kinesis: the consumer {self._fan_out} does not become active"
            ) from None

    async def _ask(self, answer: Awaitable[T], *, seconds: float = _DEADLINE) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise StreamUnavailableError("Kinesis did not answer in time") from None
        except _errors() as error:
            raise _meaning(error) from None


def _meaning(error: Exception) -> ConfigurationError | StreamUnavailableError:
    """Whether asking again can help: not for a stream that is not there, or a missing permission."""
    response: dict[str, Any] = getattr(error, "response", {})
    code = response.get("Error", {}).get("Code", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    is_final = 400 <= status < 500 and code not in _NOT_NOW
    kind = ConfigurationError if is_final or _is_missing_setting(error) else StreamUnavailableError
    return kind(f"Kinesis: {error}")


def _is_missing_setting(error: Exception) -> bool:
    return type(error).__name__ in {
        "NoCredentialsError",
        "NoRegionError",
        "PartialCredentialsError",
    }


def _shard(described: Mapping[str, Any]) -> Shard:
    parents = (described.get("ParentShardId"), described.get("AdjacentParentShardId"))
    return Shard(
        ShardId(described["ShardId"]), tuple(ShardId(parent) for parent in parents if parent)
    )


def _batch(answer: Mapping[str, Any], *, is_last: bool) -> Batch:
    records = tuple(Record(each["SequenceNumber"], each["Data"]) for each in answer["Records"])
    return Batch(records, (answer.get("MillisBehindLatest") or 0) / 1000, is_last)


def _starting_position(position: Position) -> dict[str, Any]:
    if position.after:
        return {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position.after}
    if position.since is not None:
        return {"Type": "AT_TIMESTAMP", "Timestamp": position.since}
    return {"Type": "TRIM_HORIZON"}


def _iterator(position: Position) -> dict[str, Any]:
    start = _starting_position(position)
    names = {"Type": "ShardIteratorType", "SequenceNumber": "StartingSequenceNumber"}
    return {names.get(name, name): value for name, value in start.items()}


def _errors() -> tuple[type[Exception], ...]:
    """What comes of a question that fails."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError, OSError, ValueError)


def _session() -> tuple[Any, Any]:
    """An AWS session and the client's configuration. Raises ConfigurationError without aiobotocore."""
    try:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session
    except ImportError:
        raise ConfigurationError(
            'reading from Kinesis needs the extra: pip install "event-router[kinesis]"'
        ) from None
    config = AioConfig(
        connect_timeout=5,
        read_timeout=_SILENCE,
        # The reader asks again by itself, and sees what went wrong.
        retries={"total_max_attempts": 1},
        max_pool_connections=1000,
    )
    return get_session(), config
