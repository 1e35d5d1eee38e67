"""A consumer of a stream: shares the shards with other consumers, reads its own.

Every third of a lease, a consumer renews its registration and its leases and reads the leases of
the others. Then it acquires free shards, or releases what is more than its share. A reader whose lease was
not renewed in time is stopped at once; at worst its last commit is repeated.

A failure of one shard stops no other one. A rejected request ends the process only before the first
success; later credentials may be renewed, and a deleted stream may be made again.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Final, NoReturn

from router.errors import (
    ConfigurationError,
    JournalUnavailableError,
    StreamRejectedError,
    StreamUnavailableError,
)
from router.ingress.intake import Intake
from router.ingress.kinesis.assignment import plan, readable
from router.ingress.kinesis.discovery import ShardDiscovery
from router.ingress.kinesis.reader import ShardReader
from router.ingress.kinesis.stream import KinesisStream
from router.ingress.kinesis.stream_health import StreamHealth
from router.journal.connection import Connection
from router.journal.shards import ConsumerId, ShardId, Shards, StreamDigest
from router.journal.streams import KnownStreams, StreamIdentity

logger = logging.getLogger(__name__)

_MAX_PAUSE: Final = 2.0
"""Seconds between two rebalances, or between two attempts to open the stream, at most."""
_REPORTED_DIFFERENCE: Final = 60.0
"""Seconds by which a start may be in Kinesis's future because of a clock."""
_MIN_PAUSE: Final = 0.05
"""Seconds between two rebalances, at least: readers may end one after the other."""


async def consume(
    stream: KinesisStream,
    connection: Connection,
    intake: Intake,
    health: StreamHealth,
    *,
    lease: float,
    since: float | None,
) -> NoReturn:
    """Read this process's share of ``stream`` into the journal, until cancelled.

    Args:
        stream: The stream, not open yet.
        connection: A connection to Redis.
        intake: Commits events.
        health: Is told of failures.
        lease: Seconds that a shard stays assigned to a consumer that died.
        since: The start of a stream that was never read, in Unix seconds; None for its oldest
            record. A time that Kinesis has not reached yet means its time.

    Raises:
        ConfigurationError: Kinesis rejects the first requests, for example because the stream does
            not exist or a permission is missing.
    """
    me = ConsumerId(intake.clock.new_id())
    streams = KnownStreams(connection)
    try:
        while True:
            identity = await _open(stream, intake, health)
            limited = _limited(stream, since)
            digest = await _note(streams, identity, intake)
            shards = Shards(connection, digest, me, lease=lease)
            reader = ShardReader(stream, shards, intake, health)
            consumer = Consumer(shards, reader, intake, health, lease=lease, since=limited)
            discovery = ShardDiscovery(stream, identity, health, intake.clock, consumer.wake)
            await consumer.run(discovery)
            await stream.close()
    finally:
        await stream.close()


async def _open(stream: KinesisStream, intake: Intake, health: StreamHealth) -> StreamIdentity:
    while True:
        try:
            identity = await stream.open(intake.clock.now)
        except StreamUnavailableError as error:
            if isinstance(error, StreamRejectedError) and not health.is_open:
                raise ConfigurationError(str(error)) from None
            health.failed(None, error)
            logger.warning("stream not opened", extra={"reason": str(error)})
            await stream.close()
            await asyncio.sleep(_MAX_PAUSE)
        else:
            return identity


def _limited(stream: KinesisStream, since: float | None) -> float | None:
    """Return a start that Kinesis has reached; it rejects one in the future."""
    if since is None:
        return None
    limited = stream.limit_to_now(since)
    if since - limited > _REPORTED_DIFFERENCE:
        logger.warning(
            "the start is in the future; Kinesis's time is used",
            extra={"seconds": round(since - limited)},
        )
    return limited


async def _note(streams: KnownStreams, identity: StreamIdentity, intake: Intake) -> StreamDigest:
    while True:
        try:
            return await streams.note(identity, now_ms=int(intake.clock.now() * 1000))
        except JournalUnavailableError as error:
            logger.warning("stream not noted in Redis", extra={"reason": str(error)})
            await asyncio.sleep(_MAX_PAUSE)


class Consumer:
    """Reads its share of a stream. See ``consume`` for the parameters."""

    def __init__(
        self,
        shards: Shards,
        reader: ShardReader,
        intake: Intake,
        health: StreamHealth,
        *,
        lease: float,
        since: float | None,
    ) -> None:
        self._shards = shards
        self._reader = reader
        self._health = health
        self._shard_count = intake.metrics.kinesis_shards
        self._clock = intake.clock
        self._lease = lease
        self._since = since
        self._reading: dict[ShardId, asyncio.Task[None]] = {}
        self._soon = asyncio.Event()

    def wake(self) -> None:
        """Rebalance at once."""
        self._soon.set()

    async def run(self, discovery: ShardDiscovery) -> None:
        """Consume until cancelled or until the stream was replaced; then release all leases.

        Raises:
            ConfigurationError: Kinesis rejects the first requests. In a group, with the
                cancelled readers' errors if they have any.
        """
        held: list[ShardId] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(discovery.run(), name="discovery")
                renewed_at = self._clock.monotonic()
                while not discovery.is_replaced:
                    try:
                        await self._rebalance(group, discovery)
                        renewed_at = self._clock.monotonic()
                    except JournalUnavailableError as error:
                        logger.warning("shard rebalance failed", extra={"reason": str(error)})
                        if self._clock.monotonic() - renewed_at > self._lease:
                            await self._stop(list(self._reading))
                    self._exit_if_denied()
                    await self._wait()
                held = list(self._reading)
                await self._stop(held)
        finally:
            await self._release_all(held or list(self._reading))

    async def _rebalance(self, group: asyncio.TaskGroup, discovery: ShardDiscovery) -> None:
        if self._remove_finished():
            discovery.refresh()  # because their children can be read now
        listed = discovery.shards
        renewed = await self._shards.renew(list(self._reading))
        names = [shard.id for shard in listed]
        # A shard that is not listed any more has expired, and will never answer again.
        gone = [shard for shard in self._reading if shard not in renewed or shard not in names]
        await self._stop(gone)
        await self._shards.release([shard for shard in gone if shard in renewed])
        view = await self._shards.heartbeat(names)
        assignment = plan(
            readable(listed, view.ended), view.holders, view.consumers, self._shards.me
        )
        if assignment.release:
            await self._stop(assignment.release)
            await self._shards.release(assignment.release)
        for shard in assignment.acquire:
            await self._acquire(group, shard)
        self._shard_count.set(len(self._reading))

    async def _acquire(self, group: asyncio.TaskGroup, shard: ShardId) -> None:
        checkpoint = await self._shards.acquire(shard, self._since)
        if checkpoint is None or checkpoint.ended or shard in self._reading:
            return
        logger.info("shard acquired", extra={"shard": shard})
        task = group.create_task(self._reader.read(shard, checkpoint), name=shard)
        task.add_done_callback(lambda _: self.wake())
        self._reading[shard] = task

    def _exit_if_denied(self) -> None:
        error = self._health.access_error(list(self._reading))
        if error is not None:
            raise ConfigurationError(str(error))

    def _remove_finished(self) -> bool:
        """Forget readers that have ended; return whether there were any."""
        finished = [shard for shard, task in self._reading.items() if task.done()]
        for shard in finished:
            del self._reading[shard]
        return bool(finished)

    async def _stop(self, shards: Collection[ShardId]) -> None:
        tasks = [self._reading.pop(shard) for shard in shards if shard in self._reading]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _wait(self) -> None:
        await asyncio.sleep(_MIN_PAUSE)
        try:
            async with asyncio.timeout(min(_MAX_PAUSE, self._lease / 3)):
                await self._soon.wait()
        except TimeoutError:
            pass
        self._soon.clear()

    async def _release_all(self, held: Collection[ShardId]) -> None:
        try:
            await self._shards.release(held)
            await self._shards.deregister()
        except JournalUnavailableError as error:
            # The leases expire without it.
            logger.warning("shard leases not released", extra={"reason": str(error)})
