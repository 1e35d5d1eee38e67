"""A consumer of a stream: finds the shards, shares them with the other consumers, reads its own.

A round every third of a lease: say that it lives, renew its leases, look who reads what, take
what is free, give up what is more than its share. A reader whose lease was not renewed in time is
stopped at once; what it commits meanwhile is committed twice at worst.
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
_PAUSE: Final = 2.0


async def consume(
    stream: KinesisStream,
    connection: Connection,
    intake: Intake,
    *,
    lease: float,
    since: float | None,
) -> NoReturn:
    """Read this process's share of ``stream`` into the journal, until cancelled.

    ``since`` is where to begin a stream that was never read (Unix seconds), None for its oldest
    record; ``lease`` is in seconds. Raises ConfigurationError when Kinesis refuses what it is
    asked: for a stream that is not there, say, or without the permission.
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
            logger.warning("the stream cannot be reached", extra={"reason": str(error)})
            await stream.close()
            await asyncio.sleep(_PAUSE)


class Consumer:
    """Reads its share of a stream, see ``consume``."""

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
        self._held = intake.metrics.kinesis_shards
        self._clock = intake.clock
        self._lease = lease
        self._since = since
        self._listed: list[Shard] = []
        self._discovered_at = float("-inf")
        self._reading: dict[ShardId, asyncio.Task[None]] = {}
        self._again = asyncio.Event()

    async def run(self) -> NoReturn:
        """Consume until cancelled; then give up all leases."""
        try:
            async with asyncio.TaskGroup() as group:
                kept_at = self._clock.monotonic()
                while True:
                    try:
                        await self._round(group)
                        kept_at = self._clock.monotonic()
                    except (StreamUnavailableError, JournalUnavailableError) as error:
                        logger.warning("sharing shards failed", extra={"reason": str(error)})
                        if self._clock.monotonic() - kept_at > self._lease:
                            await self._stop(list(self._reading))
                    await self._rest()
        finally:
            await self._leave()

    async def _round(self, group: asyncio.TaskGroup) -> None:
        self._forget_ended()
        kept = await self._shards.renew(list(self._reading))
        await self._stop([shard for shard in self._reading if shard not in kept])
        await self._discover()
        view = await self._shards.heartbeat([shard.id for shard in self._listed])
        wanted = plan(
            readable(self._listed, view.ended), view.holders, view.consumers, self._shards.me
        )
        if wanted.give_up:
            await self._stop(wanted.give_up)
            await self._shards.release(wanted.give_up)
        for shard in wanted.take:
            await self._take(group, shard, view)
        self._held.set(len(self._reading))

    async def _take(self, group: asyncio.TaskGroup, shard: ShardId, view: ConsumerGroup) -> None:
        checkpoint = await self._shards.acquire(shard)
        if checkpoint is None or checkpoint.ended:
            return
        # A shard that came of a reshard is read whole: what it came of was read to its end.
        is_child = any(each.id == shard and set(each.parents) & view.ended for each in self._listed)
        since = (
            None
            if is_child or self._since is None
            else await self._shards.first_read_at(self._since)
        )
        logger.info("reading a shard", extra={"shard": shard})
        task = group.create_task(self._reader.read(shard, checkpoint, since), name=shard)
        task.add_done_callback(lambda _: self._again.set())
        self._reading[shard] = task

    async def _discover(self) -> None:
        now = self._clock.monotonic()
        if now - self._discovered_at >= _DISCOVER_EVERY:
            self._listed = await self._stream.shards()
            self._discovered_at = now

    def _forget_ended(self) -> None:
        for shard, task in list(self._reading.items()):
            if task.done():
                del self._reading[shard]
                self._discovered_at = float("-inf")  # its children can be read now

    async def _stop(self, shards: Collection[ShardId]) -> None:
        tasks = [self._reading.pop(shard) for shard in shards if shard in self._reading]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _rest(self) -> None:
        self._again.clear()
        try:
            async with asyncio.timeout(min(_PAUSE, self._lease / 3)):
                await self._again.wait()
        except TimeoutError:
            pass

    async def _leave(self) -> None:
        try:
            await self._shards.release(self._reading)
            await self._shards.deregister()
        except JournalUnavailableError as error:
            logger.warning("leases end by themselves", extra={"reason": str(error)})
