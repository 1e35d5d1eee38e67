"""The stream: calls of the Kinesis API, each with a deadline.

A shard is read by polling (GetRecords: five calls and two MiB a second for all its readers
together) or by enhanced fan-out (SubscribeToShard: pushed, two MiB a second for this consumer
alone). Both yield batches of records, of which the last one is marked.

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
"""Seconds for one response; GetRecords may return ten MiB."""
_IDLE_TIMEOUT: Final = 30.0
"""Seconds without an event on a subscription; Kinesis sends one every five."""
_MAX_RECORDS: Final = 10_000
_LAGGING_INTERVAL: Final = 0.25
"""Seconds between two reads of a shard that lags; five reads a second are allowed."""
_ACTIVE_INTERVAL: Final = 1.0
_ACTIVE_TIMEOUT: Final = 60.0
"""Seconds until a registered consumer must be active."""
_TRANSIENT_CODES: Final = frozenset(
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


class StreamRecord(msgspec.Struct, frozen=True):
    """One record of a shard."""

    sequence: str
    """The sequence number."""
    data: bytes


class Batch(msgspec.Struct, frozen=True):
    """Records of a shard, in their order."""

    records: tuple[StreamRecord, ...]
    behind_seconds: float
    """How far the newest record is behind the end of the shard."""
    is_last: bool = False
    """Whether the shard ends here, because it was split or merged."""


class Position(msgspec.Struct, frozen=True):
    """The start of a read: after a sequence number, from a point in time, or from the beginning."""

    after: str = ""
    since: float | None = None
    """Unix time in seconds."""


class StreamClient(Protocol):
    """The part of a stream that a consumer uses. All methods raise StreamUnavailableError."""

    @property
    def arn(self) -> str:
        """The stream's Amazon Resource Name."""

    async def shards(self) -> list[Shard]:
        """Return all shards that still contain records, the ended ones too."""

    def read(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        """Yield the batches of a shard from ``position`` to its end; an open shard has no end."""


class KinesisStream:
    """A stream of Amazon Kinesis. Credentials come from AWS's usual places.

    Args:
        name: The stream's name.
        region: The AWS region, ``""`` for the one of AWS's usual places.
        fan_out: Name of the registered consumer for enhanced fan-out, ``""`` to poll.
        poll_interval: Seconds between two reads of a shard that does not lag.
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
        """Connect, and register the consumer for enhanced fan-out.

        Raises:
            ConfigurationError: The stream, a setting, a permission or the extra is missing.
            StreamUnavailableError: Kinesis did not answer in time, or failed transiently.
        """
        session, config = _session()
        options = {"region_name": self._region} if self._region else {}
        try:
            made = session.create_client("kinesis", config=config, **options)
            self._client = await self._stack.enter_async_context(made)
        except _errors() as error:
            raise ConfigurationError(f"Kinesis: {error}") from None
        response = await self._call(self._client.describe_stream_summary(StreamName=self._name))
        self.arn = response["StreamDescriptionSummary"]["StreamARN"]
        if self._fan_out:
            await self._register()

    async def close(self) -> None:
        """Close the connections. Idempotent; ``open`` may follow."""
        await self._stack.aclose()

    async def shards(self) -> list[Shard]:
        """Return all shards that still contain records, the ended ones too."""
        found = []
        query: dict[str, Any] = {"StreamName": self._name}
        while True:
            response = await self._call(self._client.list_shards(**query))
            found += [_shard(described) for described in response["Shards"]]
            if not response.get("NextToken"):
                return found
            query = {"NextToken": response["NextToken"]}

    def read(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        """Yield the batches of a shard from ``position`` to its end; an open shard has no end."""
        return self._subscribe(shard, position) if self._fan_out else self._poll(shard, position)

    async def _poll(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        response = await self._call(
            self._client.get_shard_iterator(
                StreamName=self._name, ShardId=shard, **_iterator(position)
            )
        )
        iterator = response["ShardIterator"]
        while iterator:
            response = await self._call(
                self._client.get_records(ShardIterator=iterator, Limit=_MAX_RECORDS)
            )
            iterator = response.get("NextShardIterator")
            batch = _batch(response, is_last=not iterator)
            yield batch
            if iterator:
                is_behind = batch.behind_seconds > 0
                await asyncio.sleep(_LAGGING_INTERVAL if is_behind else self._poll_interval)

    async def _subscribe(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        # A loop, because a subscription lasts five minutes; the next one continues where it ended.
        while True:
            response = await self._call(
                self._client.subscribe_to_shard(
                    ConsumerARN=self._consumer_arn,
                    ShardId=shard,
                    StartingPosition=_starting_position(position),
                )
            )
            with contextlib.closing(response["EventStream"]) as events:
                async for event in self._subscription_events(events):
                    pushed = event.get("SubscribeToShardEvent")
                    if pushed is None:
                        continue
                    next_sequence = pushed.get("ContinuationSequenceNumber")
                    yield _batch(pushed, is_last=not next_sequence)
                    if not next_sequence:
                        return
                    position = Position(after=next_sequence)

    async def _subscription_events(self, events: Any) -> AsyncIterator[Mapping[str, Any]]:
        iterator = aiter(events)
        while True:
            try:
                yield await self._call(anext(iterator), seconds=_IDLE_TIMEOUT)
            except StopAsyncIteration:
                return

    async def _register(self) -> None:
        with contextlib.suppress(StreamUnavailableError):  # because it may be registered already
            await self._call(
                self._client.register_stream_consumer(
                    StreamARN=self.arn, ConsumerName=self._fan_out
                )
            )
        try:
            async with asyncio.timeout(_ACTIVE_TIMEOUT):
                while True:
                    response = await self._call(
                        self._client.describe_stream_consumer(
                            StreamARN=self.arn, ConsumerName=self._fan_out
                        )
                    )
                    described = response["ConsumerDescription"]
                    if described["ConsumerStatus"] == "ACTIVE":
                        self._consumer_arn = described["ConsumerARN"]
                        return
                    await asyncio.sleep(_ACTIVE_INTERVAL)
        except TimeoutError:
            raise StreamUnavailableError(
                f"Kinesis: the consumer {self._fan_out} did not become active within {_ACTIVE_TIMEOUT:g} s"
            ) from None

    async def _call(self, response: Awaitable[T], *, seconds: float = _DEADLINE) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await response
        except TimeoutError:
            raise StreamUnavailableError("Kinesis did not answer in time") from None
        except _errors() as error:
            raise _to_error(error) from None


def _to_error(error: Exception) -> ConfigurationError | StreamUnavailableError:
    """Return the error for a failed call: final for a missing stream or permission, else transient."""
    response: dict[str, Any] = getattr(error, "response", {})
    code = response.get("Error", {}).get("Code", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    is_final = 400 <= status < 500 and code not in _TRANSIENT_CODES
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


def _batch(response: Mapping[str, Any], *, is_last: bool) -> Batch:
    records = tuple(
        StreamRecord(each["SequenceNumber"], each["Data"]) for each in response["Records"]
    )
    return Batch(records, (response.get("MillisBehindLatest") or 0) / 1000, is_last)


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
    """Return the exceptions of a failed call."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError, OSError, ValueError)


def _session() -> tuple[Any, Any]:
    """Return an AWS session and the client's configuration.

    Raises:
        ConfigurationError: aiobotocore is not installed.
    """
    try:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session
    except ImportError:
        raise ConfigurationError(
            "reading from Kinesis needs an extra: run pip install '.[kinesis]' in the router's checkout"
        ) from None
    config = AioConfig(
        connect_timeout=5,
        read_timeout=_IDLE_TIMEOUT,
        # No retries here, because the reader retries and logs the reason.
        retries={"total_max_attempts": 1},
        max_pool_connections=1000,
    )
    return get_session(), config
