"""Discovery: lists the shards of a stream again and again, and notices that another stream has its name.

It is a task of its own, so that a Kinesis that does not answer delays neither the leases nor the
readers of shards that it has listed before.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from router.clock import Clock
from router.errors import ConfigurationError, StreamRejectedError, StreamUnavailableError
from router.ingress.kinesis.assignment import Shard
from router.ingress.kinesis.stream import StreamClient
from router.ingress.kinesis.stream_health import StreamHealth
from router.journal.streams import StreamIdentity

logger = logging.getLogger(__name__)

_INTERVAL: Final = 10.0
"""Seconds between two lists of the stream's shards."""
_AFTER_FAILURE: Final = 2.0
_SHORTEST: Final = 0.1
"""Seconds between two lists, although shards end one after the other."""


class ShardDiscovery:
    """The shards of one stream.

    Args:
        stream: The stream.
        identity: Which stream it was when it was opened.
        health: Is told of failures.
        clock: For the pauses after failures.
        changed: Called after each list, and when the stream was replaced.
    """

    def __init__(
        self,
        stream: StreamClient,
        identity: StreamIdentity,
        health: StreamHealth,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._identity = identity
        self._health = health
        self._clock = clock
        self._changed = changed
        self._soon = asyncio.Event()
        self.shards: list[Shard] = []
        """The shards of the last list that succeeded."""
        self.is_replaced = False
        """Whether the name belongs to another stream now."""

    def refresh(self) -> None:
        """List the shards at once."""
        self._soon.set()

    async def run(self) -> None:
        """List shards until the stream was replaced.

        Raises:
            ConfigurationError: Kinesis rejects the first request.
        """
        while not self.is_replaced:
            self._soon.clear()
            pause = _INTERVAL
            try:
                await self._list()
            except StreamUnavailableError as error:
                self._health.failed(None, error)
                if isinstance(error, StreamRejectedError) and not self._health.is_open:
                    raise ConfigurationError(str(error)) from None
                logger.warning("shards not listed", extra={"reason": str(error)})
                pause = _AFTER_FAILURE * (0.5 + self._clock.chance() / 2)
            self._changed()
            await asyncio.sleep(_SHORTEST)
            await self._wait(pause)

    async def _list(self) -> None:
        if self._health.has_rejected_credentials:
            await self._stream.reconnect()
        identity = await self._stream.describe()
        if identity != self._identity:
            logger.warning(
                "stream replaced: another one has its name, and is read from its beginning",
                extra={"stream": identity.arn},
            )
            self.is_replaced = True
            return
        self.shards = await self._stream.shards()
        self._health.succeeded(None)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._soon.wait()
        except TimeoutError:
            pass
