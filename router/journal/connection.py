"""The way to Redis: every command has a deadline, every failure is one error.

redis-py's defaults would wait for ever, raise when the pool is full and show the password in a
repr; arq's RedisSettings add no deadline and no hostname check. So the pool is made here, from a
URL, and arq works on top of it.
"""

import hashlib
from collections.abc import Awaitable, Sequence
from importlib.resources import files
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

T = TypeVar("T")
_UNAVAILABLE: Final = (RedisError, OSError, TimeoutError)


class Script:
    """A transaction, called by its hash: one Lua file of ``scripts/``, or the ``source`` given."""

    def __init__(self, name: str, source: str | None = None) -> None:
        self.name = name
        if source is None:
            source = (files("router.journal") / "scripts" / f"{name}.lua").read_text("utf-8")
        self.source = source
        # Redis names scripts by their SHA-1; it protects nothing.
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


BEGIN: Final = Script("begin")
"""The first transaction of a timer or a set."""


class ScriptCall:
    """One run of a script: its keys and arguments."""

    __slots__ = ("arguments", "keys", "script")

    def __init__(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        self.script = script
        self.keys = keys
        self.arguments = arguments

    def by_hash(self) -> tuple[Any, ...]:
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.arguments)

    def by_source(self) -> tuple[Any, ...]:
        return ("EVAL", self.script.source, len(self.keys), *self.keys, *self.arguments)


class Connection:
    """A pool of Redis connections with one deadline (seconds) for whatever is asked of it."""

    def __init__(self, redis: ArqRedis, *, deadline: float, keep: int = 1) -> None:
        # redis-py's own annotations mix its sync and async answers.
        self.redis: Any = redis
        self._deadlines = Deadlines(deadline)
        self._connections = CachedConnections(redis, keep=keep)

    async def ask(self, reply: Awaitable[T]) -> T:
        """Raise JournalUnavailableError unless Redis replies well within the deadline."""
        try:
            with self._deadlines.begin():
                return await reply
        except _UNAVAILABLE as error:
            raise unavailable(error) from error

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run one transaction. Raises JournalUnavailableError."""
        (reply,) = await self.run_all([ScriptCall(script, keys, arguments)])
        return reply

    async def run_all(self, calls: Sequence[ScriptCall]) -> list[Any]:
        """Run several transactions in one round trip, each atomic by itself.

        Raises JournalUnavailableError if any of them failed; the others may have happened.
        """
        return await self.ask(self._call_all(calls))

    async def close(self) -> None:
        await self.redis.aclose(close_connection_pool=True)

    async def _call_all(self, calls: Sequence[ScriptCall]) -> list[Any]:
        replies = await self._connections.execute([call.by_hash() for call in calls])
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):  # Redis was restarted; it has not run yet
                (replies[index],) = await self._connections.execute([calls[index].by_source()])
            if isinstance(replies[index], RedisError):
                raise replies[index]
        return replies


def unavailable(error: BaseException) -> JournalUnavailableError:
    """The one error for whatever Redis or the way to it did."""
    if isinstance(error, TimeoutError) and not str(error):
        return JournalUnavailableError("Redis did not answer in time")
    return JournalUnavailableError(f"Redis: {type(error).__name__}: {error}")


def connect(url: Secret, *, deadline: float, max_connections: int) -> Connection:
    """A lazy connection: nothing is sent before the first command.

    redis-py's socket_timeout stays off: it puts each write into an ``asyncio.wait_for``, which on
    Python 3.11 costs a task per command and can swallow a cancellation. The deadline is ours.

    Raises ConfigurationError, without the password, when the URL is no Redis URL.
    """
    options: dict[str, Any] = {
        "max_connections": max_connections,
        "timeout": deadline,
        "socket_connect_timeout": deadline,
        "socket_keepalive": True,
        # A repeated command may have run before: only our scripts know which are idempotent.
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
            "ROUTER_REDIS_URL is no Redis URL, write redis://host:6379/0, rediss://… or unix:///…"
        ) from None
    # The other half is for what goes redis-py's own way.
    return Connection(redis_adapter.client(pool), deadline=deadline, keep=max_connections // 2)
