"""The connection to Redis: every command has a deadline, every failure is one error.

An error that tells of a change of the server's role or state closes all connections (see
``store_errors``), so that the next command connects again and follows a virtual address, a name or the
sentinels to the server that is the primary now.

redis-py's defaults wait without a limit, raise when the pool is full and show the password in a
repr. arq's RedisSettings add no deadline and no check of the host name. The pool is therefore made
here, from a URL, and arq's client uses it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from router.datatypes import Secret
from router.deadlines import Deadlines
from router.errors import ConfigurationError, JournalUnavailableError, WrongTypeError
from router.journal import redis_adapter, sentinel_adapter
from router.journal.connection_faults import network_fault
from router.journal.pool import CachedConnections
from router.journal.primary_locator import PrimaryLocator
from router.journal.redis_adapter import Command, Subscription
from router.journal.script import ScriptCall
from router.journal.sentinel import no_primary_error
from router.journal.store_errors import ReconnectPace, reconnects, store_error
from router.journal.tls_faults import tls_fault
from router.outage_log import OUTAGES
from router.settings.sentinel_url import is_sentinel_url, parse_sentinel_url

logger = logging.getLogger(__name__)

T = TypeVar("T")
_UNAVAILABLE: Final = (RedisError, OSError, TimeoutError)


class GivenUpError(RedisConnectionError):
    """Raised to the reader of a subscription when the process has closed its connections to Redis."""

    def __init__(self) -> None:
        super().__init__("this process has closed its connections to Redis, to open new ones")


class Connection:
    """A pool of Redis connections with one deadline for each command or group of commands.

    Args:
        redis: The client. Its commands are awaited through ``ask``.
        deadline: Seconds that a reply may take.
        keep: Connections that stay acquired for scripts.
    """

    def __init__(self, redis: ArqRedis, *, deadline: float, keep: int = 1) -> None:
        # Any, because redis-py's annotations do not tell its sync replies from its async ones.
        self.redis: Any = redis
        self._deadlines = Deadlines(deadline)
        self._connections = CachedConnections(redis, keep=keep)
        self._subscriptions: set[Subscription] = set()
        self._pace = ReconnectPace()
        self._peers: list[Connection] = []
        self._noticed = ""
        """Why connections were given up last."""

    async def ask(self, reply: Awaitable[T]) -> T:
        """Await a reply. Raises JournalUnavailableError if it fails or misses the deadline."""
        try:
            with self._deadlines.begin():
                return await reply
        except _UNAVAILABLE as error:
            await self.notice(error)
            raise unavailable(error) from error

    async def run(self, call: ScriptCall) -> Any:
        """Run a script and return its reply. Raises JournalUnavailableError."""
        (reply,) = await self.run_all([call])
        return reply

    async def run_all(self, calls: Sequence[ScriptCall]) -> list[Any]:
        """Run several scripts in one round trip, each a transaction of its own.

        Raises JournalUnavailableError if any of them failed; the others may have run.
        """
        return await self.ask(self._call_all(calls))

    async def exchange(self, call: ScriptCall, more: Sequence[Command]) -> list[Any]:
        """Run a script and further commands on one connection, in one round trip.

        Returns:
            The reply to each; an error reply is the RedisError, so that the others can be read.

        Raises:
            JournalUnavailableError: The connection failed or the deadline was missed.
        """
        replies = await self.ask(self._exchange(call, more))
        if isinstance(replies[0], RedisError):
            await self.notice(replies[0])
        return replies

    @asynccontextmanager
    async def subscription(self) -> AsyncIterator[Subscription]:
        """Open a subscription to channels, which ends with an error when connections are given up.

        Its methods raise RedisError or OSError, and have no deadline.

        Raises:
            GivenUpError: The connections were given up.
        """
        async with self.redis.pubsub() as subscription:
            self._subscriptions.add(subscription)
            try:
                yield subscription
            except _UNAVAILABLE as error:
                if subscription not in self._subscriptions:
                    raise GivenUpError from error
                raise
            finally:
                self._subscriptions.discard(subscription)

    async def notice(self, error: BaseException) -> None:
        """Give the connections up if an error says that new ones may lead to a better server.

        ``ask`` does this by itself; a caller that awaits the client's replies without it must do so.
        """
        if not reconnects(error):
            return
        given_up = [await connection.give_up() for connection in (self, *self._peers)]
        if any(given_up):
            reason = str(unavailable(error))
            log = OUTAGES if reason == self._noticed else logger
            self._noticed = reason
            log.warning("connections to Redis closed", extra={"reason": reason})

    async def give_up(self) -> bool:
        """Close all connections and subscriptions; return False if that was done a moment ago."""
        if not self._pace.may_give_up(asyncio.get_running_loop().time()):
            return False
        await self._close_all()
        return True

    async def follow(self) -> None:
        """Close all connections and subscriptions, also of peers: sentinels replace the primary.

        No reply of the former primary counts from now on.
        """
        for connection in (self, *self._peers):
            await connection._close_all(has_successor=True)  # noqa: SLF001 - the same class

    async def _close_all(self, *, has_successor: bool = False) -> None:
        await self._connections.give_up(has_successor=has_successor)
        ended, self._subscriptions = self._subscriptions, set()
        for subscription in ended:
            await redis_adapter.end_subscription(subscription)

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose(close_connection_pool=True)

    async def _exchange(self, call: ScriptCall, more: Sequence[Command]) -> list[Any]:
        replies = await self._connections.execute([call.by_hash(), *more])
        if isinstance(replies[0], NoScriptError):  # Redis was restarted; the script has not run
            replies = await self._connections.execute([call.by_source(), *more])
        return replies

    async def _call_all(self, calls: Sequence[ScriptCall]) -> list[Any]:
        replies = await self._connections.execute([call.by_hash() for call in calls])
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):  # Redis was restarted; the script has not run
                (replies[index],) = await self._connections.execute([calls[index].by_source()])
            if isinstance(replies[index], RedisError):
                raise replies[index]
        return replies


def unavailable(error: BaseException) -> JournalUnavailableError:
    """Return the error for a failure of Redis or of the network to it; one that it is already as it is."""
    if isinstance(error, JournalUnavailableError):
        return error
    if isinstance(error, TimeoutError) and not str(error):
        return JournalUnavailableError("Redis did not answer in time")
    if isinstance(error, RedisError) and "WRONGTYPE" in str(error):
        return WrongTypeError(f"a key has another type than expected: {error}")
    if (nowhere := no_primary_error(error)) is not None:
        return JournalUnavailableError(f"Redis: {nowhere}")
    given_up = error if isinstance(error, GivenUpError) else None
    known = given_up or store_error(error) or tls_fault(error) or network_fault(error)
    if known is not None:
        return JournalUnavailableError(str(known))
    return JournalUnavailableError(f"Redis: {type(error).__name__}: {error}")


def connect(
    url: Secret, *, deadline: float, max_connections: int, locator: PrimaryLocator | None = None
) -> Connection:
    """Return a connection that is opened by its first command.

    What redis-py 5 and 8 do otherwise by default is set, so that both send the same to Redis.

    Args:
        url: A redis, rediss or unix URL, or one of sentinels.
        deadline: Seconds that a command, and opening a connection, may take.
        max_connections: Connections at once. Half of them are kept for scripts.
        locator: That of the process (``locator_of``), for a URL of sentinels; None for one of its own.

    Raises:
        ConfigurationError: The URL is not a Redis URL. The message does not contain it.
    """
    options: dict[str, Any] = {
        "max_connections": max_connections,
        "timeout": deadline,
        "socket_connect_timeout": deadline,
        "socket_keepalive": True,
        # Off (8: 5 s), because it puts each write into an asyncio.wait_for, which on Python 3.11
        # costs a task for each command and can swallow a cancellation.
        "socket_timeout": None,
        # Replies are read without redis-py's conversion of RESP 3 (the default of 8) to that of 2.
        "protocol": 2,
        # No retries, because a repeated command may have run before: only the journal knows which
        # scripts are idempotent.
        "retry": Retry(NoBackoff(), 0),
    }
    locator = locator or locator_of(url)
    pool = _direct_pool(url, options) if locator is None else _located_pool(locator, options)
    return Connection(redis_adapter.client(pool), deadline=deadline, keep=max_connections // 2)


def locator_of(url: Secret) -> PrimaryLocator | None:
    """Return what finds the primary for a URL of sentinels; None for other URLs.

    Raises ConfigurationError if the URL is wrong. The message does not contain it.
    """
    if not is_sentinel_url(url.reveal()):
        return None
    if not (sentinel_adapter.is_usable() and redis_adapter.is_usable()):
        raise ConfigurationError(
            "this version of redis-py cannot be led to the primary that sentinels name;"
            " install the version of constraints/run.txt"
        )
    try:
        return PrimaryLocator(parse_sentinel_url(url.reveal()))
    except ValueError as error:
        raise ConfigurationError(f"ROUTER_REDIS_URL {error}") from None


def _located_pool(locator: PrimaryLocator, options: dict[str, Any]) -> BlockingConnectionPool:
    return redis_adapter.pool_of(
        **options, **sentinel_adapter.located_options(locator.url, locator)
    )


def _direct_pool(url: Secret, options: dict[str, Any]) -> BlockingConnectionPool:
    scheme, query = urlsplit(url.reveal()).scheme, urlsplit(url.reveal()).query
    if scheme == "rediss":
        # The name proves nothing if the certificate does not.
        options["ssl_check_hostname"] = "ssl_cert_reqs=none" not in query
    if scheme == "unix":
        del options["socket_connect_timeout"], options["socket_keepalive"]
    try:
        return redis_adapter.pool(url.reveal(), **options)
    except ValueError:
        raise ConfigurationError(
            "ROUTER_REDIS_URL is not a Redis URL: write redis://host:6379/0, rediss://… or unix:///…"
        ) from None


def pair(one: Connection, other: Connection) -> None:
    """Let two pools to the same Redis give up their connections together.

    One of them may only read for hours, which a former primary still answers.
    """
    one._peers.append(other)  # noqa: SLF001 - the same class
    other._peers.append(one)  # noqa: SLF001
