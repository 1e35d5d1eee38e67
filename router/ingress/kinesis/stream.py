"""The stream: calls of the Kinesis API, each with a deadline.

A shard is read by polling (GetRecords: five calls and two MiB a second for all its readers
together) or by enhanced fan-out (SubscribeToShard: pushed, two MiB a second for this consumer
alone). Both yield batches of records, of which the last one is marked.

Source: Amazon Kinesis Data Streams API reference.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from router.errors import ConfigurationError, StreamRejectedError, StreamUnavailableError
from router.ingress.kinesis.api_errors import RESPONSE, TIMEOUT, to_error
from router.ingress.kinesis.assignment import Shard
from router.ingress.kinesis.server_time import clock_offset
from router.journal.shards import ShardId
from router.journal.streams import StreamIdentity

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
_MAX_PAGES: Final = 1000
"""Pages of one list of shards; a page has up to 1,000 shards."""


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

    async def describe(self) -> StreamIdentity:
        """Return which stream has the name now."""

    async def shards(self) -> list[Shard]:
        """Return all shards that still contain records, the ended ones too."""

    async def reconnect(self) -> None:
        """Read the credentials again, and use them from the next call on."""

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
        self._now: Callable[[], float] = float
        self._client: Any = None
        self._stack = contextlib.AsyncExitStack()
        self._replaced = contextlib.AsyncExitStack()
        self._consumer_arn = ""
        self._clock_offset = 0.0

    async def open(self, now: Callable[[], float]) -> StreamIdentity:
        """Connect, and register the consumer for enhanced fan-out; return which stream it is.

        Args:
            now: The clock, in Unix seconds.

        Raises:
            ConfigurationError: The extra for Kinesis is not installed.
            StreamRejectedError: The stream, a setting, a permission or the credentials are missing.
            StreamUnavailableError: Kinesis did not answer in time, or failed transiently.
        """
        self._now = now
        await self._connect()
        identity = await self.describe()
        if self._fan_out:
            await self._register(identity.arn)
        return identity

    async def reconnect(self) -> None:
        """Read the credentials again, and use them from the next call on."""
        # The connections of before are closed at the next turn, because calls may be using them.
        await self._replaced.aclose()
        self._replaced, self._stack = self._stack, contextlib.AsyncExitStack()
        await self._connect()

    async def _connect(self) -> None:
        session, config = _session()
        options = {"region_name": self._region} if self._region else {}
        try:
            made = session.create_client("kinesis", config=config, **options)
            self._client = await self._stack.enter_async_context(made)
        except _errors() as error:
            raise StreamRejectedError(f"Kinesis: {error}", type(error).__name__) from None

    async def close(self) -> None:
        """Close the connections. Idempotent; ``open`` may follow."""
        await self._replaced.aclose()
        await self._stack.aclose()

    def limit_to_now(self, since: float) -> float:
        """Return ``since``, or Kinesis's time if that is earlier. Both are Unix seconds."""
        return min(since, self._now() + self._clock_offset)

    async def describe(self) -> StreamIdentity:
        """Return which stream has the name now."""
        response = await self._call(self._client.describe_stream_summary(StreamName=self._name))
        with _reading_response():
            summary = response["StreamDescriptionSummary"]
            created = summary.get("StreamCreationTimestamp")
            is_known = isinstance(created, dt.datetime)
            return StreamIdentity(
                summary["StreamARN"], round(created.timestamp() * 1000) if is_known else 0
            )

    async def shards(self) -> list[Shard]:
        """Return all shards that still contain records, the ended ones too."""
        found = []
        query: dict[str, Any] = {"StreamName": self._name}
        for _ in range(_MAX_PAGES):
            response = await self._call(self._client.list_shards(**query))
            with _reading_response():
                found += [_shard(described) for described in response["Shards"]]
            if not response.get("NextToken"):
                return found
            query = {"NextToken": response["NextToken"]}
        raise StreamUnavailableError("Kinesis: the list of shards has no end")

    def read(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        """Yield the batches of a shard from ``position`` to its end; an open shard has no end."""
        return self._subscribe(shard, position) if self._fan_out else self._poll(shard, position)

    async def _poll(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        iterator = await self._first_iterator(shard, position)
        if not iterator:
            yield Batch((), 0.0, is_last=True)
        while iterator:
            response = await self._call(
                self._client.get_records(ShardIterator=iterator, Limit=_MAX_RECORDS)
            )
            with _reading_response():
                iterator = response.get("NextShardIterator")
                batch = _batch(response, is_last=not iterator)
            yield batch
            if iterator:
                is_behind = batch.behind_seconds > 0
                await asyncio.sleep(_LAGGING_INTERVAL if is_behind else self._poll_interval)

    async def _first_iterator(self, shard: ShardId, position: Position) -> str | None:
        """Return where to begin; None if the shard has ended, and nothing follows ``position``."""
        try:
            response = await self._call(
                self._client.get_shard_iterator(
                    StreamName=self._name, ShardId=shard, **_iterator(self._limited(position))
                )
            )
        except StreamRejectedError as error:
            raise _explained(error, position) from None
        iterator: str | None = response.get("ShardIterator")
        # Only a shard that was closed can end. An open one would never be read again.
        if not iterator and not _is_closed(shard, await self.shards()):
            raise StreamUnavailableError(f"Kinesis: no iterator for the open shard {shard}")
        return iterator

    def _limited(self, position: Position) -> Position:
        """Return a position that is not in Kinesis's future, which it rejects."""
        if position.after or position.since is None:
            return position
        return Position(since=self.limit_to_now(position.since))

    async def _subscribe(self, shard: ShardId, position: Position) -> AsyncIterator[Batch]:
        # A loop, because a subscription lasts five minutes; the next one continues where it ended.
        while True:
            is_empty = True
            try:
                response = await self._call(
                    self._client.subscribe_to_shard(
                        ConsumerARN=self._consumer_arn,
                        ShardId=shard,
                        StartingPosition=_starting_position(self._limited(position)),
                    )
                )
            except StreamRejectedError as error:
                raise _explained(error, position) from None
            with contextlib.closing(response["EventStream"]) as events:
                async for event in self._subscription_events(events):
                    pushed = event.get("SubscribeToShardEvent")
                    if pushed is None:
                        continue
                    is_empty = False
                    next_sequence = pushed.get("ContinuationSequenceNumber")
                    yield _batch(pushed, is_last=not next_sequence)
                    if not next_sequence:
                        return
                    position = Position(after=next_sequence)
            if is_empty:  # so that subscriptions that end at once are no loop without a pause
                await asyncio.sleep(self._poll_interval)

    async def _subscription_events(self, events: Any) -> AsyncIterator[Mapping[str, Any]]:
        iterator = aiter(events)
        while True:
            try:
                yield await self._call(anext(iterator), seconds=_IDLE_TIMEOUT)
            except StopAsyncIteration:
                return

    async def _register(self, arn: str) -> None:
        with contextlib.suppress(StreamUnavailableError):  # because it may be registered already
            await self._call(
                self._client.register_stream_consumer(StreamARN=arn, ConsumerName=self._fan_out)
            )
        try:
            async with asyncio.timeout(_ACTIVE_TIMEOUT):
                while True:
                    response = await self._call(
                        self._client.describe_stream_consumer(
                            StreamARN=arn, ConsumerName=self._fan_out
                        )
                    )
                    with _reading_response():
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
        sent_at = self._now()
        try:
            async with asyncio.timeout(seconds):
                with _reading_response():
                    received = await response
        except TimeoutError:
            raise StreamUnavailableError("Kinesis did not answer in time", TIMEOUT) from None
        except _errors() as error:
            raise to_error(error) from None
        self._compare_clocks(received, sent_at)
        return received

    def _compare_clocks(self, response: Any, sent_at: float) -> None:
        metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
        date = metadata.get("HTTPHeaders", {}).get("date", "")
        if date:
            self._clock_offset = clock_offset(date, sent_at=sent_at, received_at=self._now())


@contextlib.contextmanager
def _reading_response() -> Iterator[None]:
    """Raise StreamUnavailableError for a response of something else, a proxy for example."""
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise StreamUnavailableError(
            f"Kinesis: a response that is none of Kinesis ({type(error).__name__}: {error})",
            RESPONSE,
        ) from None


def _explained(error: StreamRejectedError, position: Position) -> StreamUnavailableError:
    """Return the error of a position that Kinesis does not accept, with the next step."""
    if error.code != "InvalidArgumentException":
        return error
    if position.after:
        hint = "if the checkpoint is of another stream, delete it with: router kinesis reset"
        return StreamRejectedError(f"{error} ({hint})", error.code)
    # Kinesis's clock may be behind the one that was seen; its time comes.
    return StreamUnavailableError(str(error), error.code)


def _is_closed(shard: ShardId, listed: list[Shard]) -> bool:
    """Return whether a shard takes no more records: it is closed, has children, or is forgotten."""
    found = [each for each in listed if each.id == shard]
    has_children = any(shard in each.parents for each in listed)
    return has_children or not found or found[0].is_closed


def _shard(described: Mapping[str, Any]) -> Shard:
    parents = (described.get("ParentShardId"), described.get("AdjacentParentShardId"))
    numbers = described.get("SequenceNumberRange") or {}
    return Shard(
        ShardId(described["ShardId"]),
        tuple(ShardId(parent) for parent in parents if parent),
        is_closed=bool(numbers.get("EndingSequenceNumber")),
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

    # RuntimeError, because aiohttp raises it for a call by a session that was closed meanwhile.
    return (BotoCoreError, ClientError, OSError, ValueError, RuntimeError)


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
