"""A consumer of a stream: lists the shards, shares them with other consumers, reads its own.

Every third of a lease, a consumer renews its registration and its leases and reads the leases of
the others. Then it acquires free shards, or releases what is more than its share. A reader whose lease was
not renewed in time is stopped at once; at worst its last commit is repeated.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Final, NoReturn

from router.errors import JournalUnavailableError, StreamUnavailableError
from router.ingress.kinesis.assignment import Shard, plan, readable
from router.ingress.kinesis.reader import Intake, ShardReader
from router.ingress.kinesis.stream import KinesisStream, StreamClient
from router.journal.connection import Connection
from router.journal.shards import ConsumerGroup, ConsumerId, ShardId, Shards

logger = logging.getLogger(__name__)

_DISCOVER_EVERY: Final = 10.0
"""Seconds between two lists of the stream's shards."""
_MAX_PAUSE: Final = 2.0
"""Seconds between two rebalances, or between two attempts to open the stream, at most."""


async def consume(
    stream: KinesisStream,
    connection: Connection,
    intake: Intake,
    *,
    lease: float,
    since: float | None,
) -> NoReturn:
    """Read this process's share of ``stream`` into the journal, until cancelled.

    Args:
        stream: The stream, not open yet.
        connection: A connection to Redis.
        intake: Commits events.
        lease: Seconds that a shard stays assigned to a consumer that died.
        since: The start of a stream that was never read, in Unix seconds; None for its oldest
            record.

    Raises:
        ConfigurationError: Kinesis rejects the requests, for example because the stream does not
            exist or a permission is missing.
    """
    me = ConsumerId(intake.clock.new_id())
    try:
        await _open(stream)
        shards = Shards(connection, stream.arn, me, lease=lease)
        reader = ShardReader(stream, shards, intake)
        await Consumer(stream, shards, reader, intake, lease=lease, since=since).run()
    finally:
        await stream.close()


async def _open(stream: KinesisStream) -> None:
    while True:
        try:
            return await stream.open()
        except StreamUnavailableError as error:
            logger.warning("stream not opened", extra={"reason": str(error)})
            await stream.close()
            await asyncio.sleep(_MAX_PAUSE)


class Consumer:
    """Reads its share of a stream. See ``consume`` for the parameters."""

    def __init__(
        self,
        stream: StreamClient,
        shards: Shards,
        reader: ShardReader,
        intake: Intake,
        *,
        lease: float,
        since: float | None,
    ) -> None:
        self._stream = stream
        self._shards = shards
        self._reader = reader
        self._shard_count = intake.metrics.kinesis_shards
        self._clock = intake.clock
        self._lease = lease
        self._since = since
        self._listed: list[Shard] = []
        self._discovered_at = float("-inf")
        self._reading: dict[ShardId, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    async def run(self) -> NoReturn:
        """Consume until cancelled; then release all leases."""
        try:
            async with asyncio.TaskGroup() as group:
                renewed_at = self._clock.monotonic()
                while True:
                    try:
                        await self._rebalance(group)
                        renewed_at = self._clock.monotonic()
                    except (StreamUnavailableError, JournalUnavailableError) as error:
                        logger.warning("shard rebalance failed", extra={"reason": str(error)})
                        if self._clock.monotonic() - renewed_at > self._lease:
                            await self._stop(list(self._reading))
                    await self._wait()
        finally:
            await self._release_all()

    async def _rebalance(self, group: asyncio.TaskGroup) -> None:
        self._remove_finished()
        renewed = await self._shards.renew(list(self._reading))
        await self._stop([shard for shard in self._reading if shard not in renewed])
        await self._discover()
        view = await self._shards.heartbeat([shard.id for shard in self._listed])
        assignment = plan(
            readable(self._listed, view.ended), view.holders, view.consumers, self._shards.me
        )
        if assignment.release:
            await self._stop(assignment.release)
            await self._shards.release(assignment.release)
        for shard in assignment.acquire:
            await self._acquire(group, shard, view)
        self._shard_count.set(len(self._reading))

    async def _acquire(self, group: asyncio.TaskGroup, shard: ShardId, view: ConsumerGroup) -> None:
        checkpoint = await self._shards.acquire(shard)
        if checkpoint is None or checkpoint.ended:
            return
        # A child of a reshard is read from its beginning, because its parents were read to the end.
        is_child = any(each.id == shard and set(each.parents) & view.ended for each in self._listed)
        since = (
            None
            if is_child or self._since is None
            else await self._shards.first_read_at(self._since)
        )
        logger.info("shard acquired", extra={"shard": shard})
        task = group.create_task(self._reader.read(shard, checkpoint, since), name=shard)
        task.add_done_callback(lambda _: self._wake.set())
        self._reading[shard] = task

    async def _discover(self) -> None:
        now = self._clock.monotonic()
        if now - self._discovered_at >= _DISCOVER_EVERY:
            self._listed = await self._stream.shards()
            self._discovered_at = now

    def _remove_finished(self) -> None:
        for shard, task in list(self._reading.items()):
            if task.done():
                del self._reading[shard]
                self._discovered_at = float("-inf")  # because its children can be read now

    async def _stop(self, shards: Collection[ShardId]) -> None:
        tasks = [self._reading.pop(shard) for shard in shards if shard in self._reading]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _wait(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(min(_MAX_PAUSE, self._lease / 3)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _release_all(self) -> None:
        try:
            await self._shards.release(self._reading)
            await self._shards.deregister()
        except JournalUnavailableError as error:
            # The leases expire without it.
            logger.warning("shard leases not released", extra={"reason": str(error)})
