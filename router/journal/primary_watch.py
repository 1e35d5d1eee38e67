"""Follows the primary: each sentinel is listened to, and connections are given up when it changes.

An error reply tells of a change only to a connection that writes, and only after the former primary was
demoted. After a failover by hand that is ten seconds too late. Sentinels publish a failover as it
happens: the one that leads it when it chooses a replica, the others when they have heard of it, and
the leader last. All of them are therefore listened to, and the first one that knows is believed.

Events may be missed while a sentinel cannot be reached. It is asked once after each subscription.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, NoReturn

from redis.exceptions import RedisError

from router.journal.connection import Connection
from router.journal.primary_locator import PrimaryLocator
from router.journal.sentinel import (
    EVENT_PATTERNS,
    AbortEvent,
    FailoverEvent,
    NamedPrimary,
    SentinelEvent,
    SwitchEvent,
    read_event,
)
from router.journal.sentinel_adapter import SentinelConnection
from router.outage_log import OUTAGES
from router.settings.sentinel_url import NodeAddress

logger = logging.getLogger(__name__)

_PING_AFTER: Final = 5.0
"""Seconds without an event after which a sentinel is asked whether it is there."""
_PATIENCE: Final = 2.0
"""Seconds in which it must answer. Nothing waits for that, unlike for the question for the primary."""
_PAUSE: Final = 1.0
"""Seconds between two attempts to reach a sentinel, half of them at random."""
_FAILED: Final = (RedisError, OSError, TimeoutError)


class PrimaryWatch:
    """Listens to all sentinels of a locator.

    Args:
        locator: Finds the primary for ``connection``.
        connection: Its connections, and those of its peers, follow the primary.
        chance: Returns a number from 0 to 1.
    """

    def __init__(
        self, locator: PrimaryLocator, connection: Connection, chance: Callable[[], float]
    ) -> None:
        self._locator = locator
        self._connection = connection
        self._chance = chance
        self._followed: NodeAddress | None = None
        """The primary of the last switch: each sentinel announces it once."""

    async def run(self) -> NoReturn:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            for sentinel in self._locator.url.sentinels:
                group.create_task(self._follow(sentinel), name=f"sentinel {sentinel}")
        raise AssertionError("the tasks of sentinels do not end")

    async def _follow(self, sentinel: NodeAddress) -> NoReturn:
        while True:
            try:
                await self._listen(sentinel)
            except _FAILED as error:
                OUTAGES.warning(
                    "sentinel lost; the others are listened to",
                    extra={
                        "sentinel": str(sentinel),
                        "reason": f"{type(error).__name__}: {error}"[:200],
                    },
                )
                await asyncio.sleep(_PAUSE * (0.5 + self._chance() / 2))

    async def _listen(self, sentinel: NodeAddress) -> NoReturn:
        async with asyncio.timeout(_PATIENCE) as connecting:
            async with SentinelConnection(self._locator.url, sentinel) as listening:
                await listening.send("PSUBSCRIBE", *EVENT_PATTERNS)
                for _ in EVENT_PATTERNS:
                    await listening.read()
                connecting.reschedule(None)
                await self._compare(sentinel)
                while True:
                    await self._read(sentinel, listening)

    async def _compare(self, sentinel: NodeAddress) -> None:
        """Find out whether an event was missed while the sentinel was not listened to."""
        known = self._locator.known_epoch
        answer = await self._locator.ask(sentinel)
        if not isinstance(answer, NamedPrimary) or known is None:
            return
        if answer.epoch > known:
            await self._apply(sentinel, SwitchEvent(answer.address))
        elif answer.is_failing_over:
            await self._apply(sentinel, FailoverEvent())

    async def _read(self, sentinel: NodeAddress, listening: SentinelConnection) -> None:
        reply = await listening.read(seconds=_PING_AFTER)
        if reply is None:
            await listening.send("PING")
            reply = await listening.read(seconds=_PATIENCE)
            if reply is None:
                raise TimeoutError("no answer to a ping")
        event = self._event(reply)
        if event is not None:
            await self._apply(sentinel, event)

    def _event(self, reply: Any) -> SentinelEvent | None:
        match reply:
            case [b"pmessage", _, bytes() as channel, bytes() as data]:
                return read_event(channel, data, self._locator.url.service)
            case _:  # the answer to a ping
                return None

    async def _apply(self, sentinel: NodeAddress, event: SentinelEvent) -> None:
        service = {"service": self._locator.url.service}
        match event:
            case SwitchEvent():
                await self._switch(sentinel, event.address)
            case FailoverEvent():
                self._locator.suspend()
                await self._connection.follow()
                logger.warning(
                    "failover of Redis announced; nothing is written until it ends", extra=service
                )
            case AbortEvent():
                self._locator.resume()
                logger.warning("failover of Redis aborted", extra=service)

    async def _switch(self, sentinel: NodeAddress, primary: NodeAddress) -> None:
        if primary == self._followed:
            return
        self._followed = primary
        if not self._locator.has_followed(primary):
            # Other sentinels hear of it later, and would name the former primary.
            self._locator.trust(sentinel)
            await self._connection.follow()
        logger.warning(
            "primary of Redis switched; connections follow",
            extra={"service": self._locator.url.service, "primary": str(primary)},
        )
