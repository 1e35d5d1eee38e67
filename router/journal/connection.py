"""The connection to Redis: every command has a deadline, every failure is one error.

redis-py's defaults wait without a limit, raise when the pool is full and show the password in a
repr. arq's RedisSettings add no deadline and no check of the host name. The pool is therefore made
here, from a URL, and arq's client uses it.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from router.datatypes import Secret
from router.deadlines import Deadlines
from router.errors import ConfigurationError, JournalUnavailableError
from router.journal import redis_adapter
from router.journal.pool import CachedConnections
from router.journal.script import ScriptCall

T = TypeVar("T")
_UNAVAILABLE: Final = (RedisError, OSError, TimeoutError)


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

    async def ask(self, reply: Awaitable[T]) -> T:
        """Await a reply. Raises JournalUnavailableError if it fails or misses the deadline."""
        try:
            with self._deadlines.begin():
                return await reply
        except _UNAVAILABLE as error:
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

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose(close_connection_pool=True)

    async def _call_all(self, calls: Sequence[ScriptCall]) -> list[Any]:
        replies = await self._connections.execute([call.by_hash() for call in calls])
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):  # Redis was restarted; the script has not run
                (replies[index],) = await self._connections.execute([calls[index].by_source()])
            if isinstance(replies[index], RedisError):
                raise replies[index]
        return replies


def unavailable(error: BaseException) -> JournalUnavailableError:
    """Return the error for a failure of Redis or of the network to it."""
    if isinstance(error, TimeoutError) and not str(error):
        return JournalUnavailableError("Redis did not answer in time")
    return JournalUnavailableError(f"Redis: {type(error).__name__}: {error}")


def connect(url: Secret, *, deadline: float, max_connections: int) -> Connection:
    """Return a connection that is opened by its first command.

    redis-py's socket_timeout stays off, because it puts each write into an ``asyncio.wait_for``,
    which on Python 3.11 costs a task for each command and can swallow a cancellation.

    Args:
        url: A redis, rediss or unix URL.
        deadline: Seconds that a command, and opening a connection, may take.
        max_connections: Connections at once. Half of them are kept for scripts.

    Raises:
        ConfigurationError: The URL is not a Redis URL. The message does not contain it.
    """
    options: dict[str, Any] = {
        "max_connections": max_connections,
        "timeout": deadline,
        "socket_connect_timeout": deadline,
        "socket_keepalive": True,
        # No retries, because a repeated command may have run before: only the journal knows which
        # scripts are idempotent.
        "retry": Retry(NoBackoff(), 0),
    }
    scheme = urlsplit(url.reveal()).scheme
    if scheme == "rediss":
        options["ssl_check_hostname"] = True
    if scheme == "unix":
        del options["socket_connect_timeout"], options["socket_keepalive"]
    try:
        pool = BlockingConnectionPool.from_url(url.reveal(), **options)
    except ValueError:
        raise ConfigurationError(
            "ROUTER_REDIS_URL is not a Redis URL: write redis://host:6379/0, rediss://… or unix:///…"
        ) from None
    return Connection(redis_adapter.client(pool), deadline=deadline, keep=max_connections // 2)
