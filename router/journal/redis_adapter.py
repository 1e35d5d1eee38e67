"""The parts of redis-py and hiredis that the journal uses and that their guides do not document.

No other module uses them. They were read in redis-py 5.3.1 and 8.1.0 and in hiredis 3.5.0;
pyproject.toml caps redis-py below 9. arq 0.28 alone asks for one below 6 (docs/decisions/0065).
redis-py 6 is excluded: its pipelines lose the text of an error reply.

| name | use |
|---|---|
| ``ConnectionPool.get_connection``, ``release`` | takes a connection out of the pool and returns it |
| ``ConnectionPool._available_connections`` | the idle ones, which are closed when all are given up |
| ``Connection.send_packed_command(..., check_health=)`` | writes packed commands to the socket |
| ``Connection.read_response`` | reads one reply; raises a ResponseError for an error reply |
| ``Connection.disconnect(nowait=)`` | closes the socket without waiting |
| ``Connection.is_connected``, ``Connection._reader`` | whether Redis has closed the connection |
| ``hiredis.pack_command`` | packs one command in C: 5 µs, where redis-py's own packing takes 40 |
| ``Connection.pack_commands`` | redis-py's own packing, which does not copy long arguments |
| ``Pipeline.reset``, ``connection``, ``connection_pool`` | a pipeline returns its connection |
| ``Redis.connection_pool``, ``response_callbacks`` | what ``Redis.pipeline`` makes a pipeline of |

They are needed for two reasons. redis-py waits for a condition, sets two timers, checks the
connection and takes locks again to return it, for each command: four fifths of what a round trip
costs its client. And its pipeline keeps its connection when it is cancelled while a key is watched, so
that a pool runs out of connections.

``is_usable`` checks the names at start. If one is missing, commands go through ``Redis.pipeline``,
and pipelines are redis-py's own: slower, and without the second repair. A process logs this once.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import hiredis as typed_hiredis
from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool
from redis.asyncio.client import Pipeline, PubSub
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)

READ_IN: Final = "redis-py 5.3.1 and 8.1.0, hiredis 3.5.0"

Subscription = PubSub
"""The result of ``Redis.pubsub``."""
Command = tuple[str | bytes | int | float, ...]
"""One command and its arguments."""

hiredis: Any = typed_hiredis  # its stub allows a command of one word only
_SHORT_COMMAND: Final = 64
"""Arguments."""
_SHORT_ARGUMENT: Final = 16_384
"""Bytes."""
_TESTED: Final[Command] = ("SET", b"key", 1)
_TESTED_PACKED: Final = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\n1\r\n"


def missing_names() -> list[str]:
    """Return the names of the table above that are missing or that work differently.

    Nothing is sent to Redis.
    """
    connection, pool = _made(Connection), _made(ConnectionPool)
    pipeline, redis = _made(Pipeline, pool, {}, False, None), _made(ArqRedis, pool)
    tests: dict[str, Callable[[], bool]] = {
        "ConnectionPool.get_connection": lambda: _accepts(pool.get_connection),
        "ConnectionPool.release": lambda: _accepts(pool.release, "connection"),
        "ConnectionPool._available_connections": lambda: (
            pool._available_connections == []  # noqa: SLF001 - see the table
        ),
        "Connection.send_packed_command": lambda: _accepts(
            connection.send_packed_command, "command", check_health=False
        ),
        "Connection.read_response": lambda: _accepts(connection.read_response),
        "Connection.disconnect": lambda: _accepts(connection.disconnect, nowait=True),
        "Connection.is_connected": lambda: connection.is_connected is False,
        "Connection._reader": lambda: connection._reader is None,  # noqa: SLF001 - see the table
        "Connection.pack_commands": lambda: (
            b"".join(connection.pack_commands([_TESTED])) == _TESTED_PACKED
        ),
        "hiredis.pack_command": lambda: hiredis.pack_command(_TESTED) == _TESTED_PACKED,
        "Pipeline.reset": lambda: _accepts(pipeline.reset),
        "Pipeline.connection": lambda: pipeline.connection is None,
        "Pipeline.connection_pool": lambda: pipeline.connection_pool is pool,
        "Redis.connection_pool": lambda: redis.connection_pool is pool,
        "Redis.response_callbacks": lambda: bool(redis.response_callbacks),
    }
    return [name for name, test in tests.items() if not _passes(test)]


def _made(kind: Callable[..., Any], *arguments: object) -> Any:
    """Return a new object; None, which has none of the names, if it is not made of these."""
    try:
        return kind(*arguments)
    except Exception:  # noqa: BLE001 - any error means that the names cannot be used
        return None


def _accepts(method: Callable[..., Any], *arguments: str, **options: bool) -> bool:
    inspect.signature(method).bind(*arguments, **options)
    return True


def _passes(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except Exception:  # noqa: BLE001 - any error means that the name cannot be used
        return False


def _is_short(command: Command) -> bool:
    """Return whether hiredis may pack a command.

    It copies all arguments into one string. A string of hundreds of kilobytes is slow to allocate,
    because its pages are new each time.
    """
    if len(command) > _SHORT_COMMAND:
        return False
    for each in command:  # noqa: SIM110 - a generator takes twice the time
        if type(each) is bytes and len(each) > _SHORT_ARGUMENT:
            return False
    return True


class DirectConnection:
    """A connection of redis-py's pool, used without redis-py's client."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Any, connection: Any) -> None:
        self._pool = pool
        self._connection = connection

    @classmethod
    async def acquire(cls, redis: ArqRedis) -> "DirectConnection":
        """Take a connection out of a client's pool. Raises RedisError or OSError if none opens."""
        pool: Any = redis.connection_pool
        return cls(pool, await pool.get_connection())

    @property
    def is_open(self) -> bool:
        """Whether Redis has not closed the connection, as far as the event loop knows."""
        connection = self._connection
        return connection.is_connected and not connection._reader.at_eof()  # noqa: SLF001 - see above

    async def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands at once; return the reply to each, or the ResponseError.

        Raises RedisError or OSError if the connection failed; any of the commands may have run.
        """
        packed: list[bytes] = []
        for command in commands:
            if _is_short(command):
                packed.append(hiredis.pack_command(command))
            else:
                packed += self._connection.pack_commands([command])
        await self._connection.send_packed_command(packed, check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await self._connection.read_response())
            except ResponseError as error:
                replies.append(error)
        return replies

    async def release(self) -> None:
        """Return the connection to the pool."""
        await self._pool.release(self._connection)

    async def close(self) -> None:
        """Close the connection, because its next reply is unknown; return it to the pool."""
        await self._connection.disconnect(nowait=True)
        await self._pool.release(self._connection)


class ReleasingPipeline(Pipeline):
    """A pipeline that returns its connection to the pool however its use ends.

    redis-py's own keeps it if it is cancelled while a key is watched. After as many such
    cancellations as the pool has connections, no command is ever sent again.
    """

    async def reset(self) -> None:
        """Undo what the pipeline has begun, and return its connection."""
        try:
            await super().reset()  # type: ignore[no-untyped-call]  # redis-py's
        finally:
            connection, self.connection = self.connection, None
            if connection is not None:
                await connection.disconnect(nowait=True)  # because its next reply is unknown
                await self.connection_pool.release(connection)


class ReleasingRedis(ArqRedis):
    """arq's Redis client, with pipelines that return their connection."""

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - redis-py's signature
        """Return a new pipeline."""
        return ReleasingPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )


class RenewablePool(BlockingConnectionPool):
    """redis-py's blocking pool, whose connections can be given up together."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._generation = 0
        self._acquired_in: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    async def get_connection(self, *_names: Any, **_options: Any) -> Connection:
        """Take a connection out of the pool, and remember its generation."""
        generation = self._generation  # before it connects, because that may lead to the old server
        connection: Connection = await super().get_connection()
        self._acquired_in[connection] = generation
        return connection

    async def release(self, connection: Any) -> None:
        """Return a connection; one of an earlier generation is closed first."""
        if self._acquired_in.pop(connection, self._generation) != self._generation:
            await connection.disconnect(nowait=True)
        await super().release(connection)

    async def give_up(self) -> None:
        """Close the idle connections now, and those in use when they are returned."""
        self._generation += 1
        for connection in list(self._available_connections):
            await connection.disconnect(nowait=True)


@functools.cache
def is_usable() -> bool:
    """Return whether every name of the table can be used. Logs a warning, once, if one cannot."""
    missing = missing_names()
    if missing:
        logger.warning(
            "redis-py lacks names that the journal uses; its slower public API is used",
            extra={"missing": missing, "read_in": READ_IN},
        )
    return not missing


def pool(url: str, **options: Any) -> BlockingConnectionPool:
    """Return a pool for a URL: ``RenewablePool``, or redis-py's own if a name is missing.

    Raises ValueError if it is no Redis URL.
    """
    return _pool_kind().from_url(url, **options)


def pool_of(**options: Any) -> BlockingConnectionPool:
    """Return a pool like ``pool`` from its options."""
    return _pool_kind()(**options)


def _pool_kind() -> type[BlockingConnectionPool]:
    return RenewablePool if is_usable() else BlockingConnectionPool


def connection_options(redis: ArqRedis) -> dict[str, Any]:
    """Return the options of a client's connections: host and port, and ``ssl_`` ones with TLS."""
    options: dict[str, Any] = redis.connection_pool.connection_kwargs
    return options


async def give_up(redis: ArqRedis) -> None:
    """Close a client's connections, so that its next command opens a new one."""
    pool = redis.connection_pool
    if isinstance(pool, RenewablePool):
        await pool.give_up()
    else:
        await pool.disconnect(inuse_connections=False)


async def end_subscription(subscription: Subscription) -> None:
    """Close the connection of a subscription, so that its reader gets a ConnectionError."""
    if subscription.connection is not None:
        await subscription.connection.disconnect(nowait=True)


def client(pool: ConnectionPool) -> ArqRedis:
    """Return a client for ``pool``: ``ReleasingRedis``, or arq's own if a name is missing."""
    return ReleasingRedis(pool) if is_usable() else ArqRedis(pool)


async def execute_publicly(redis: ArqRedis, commands: Sequence[Command]) -> list[Any]:
    """Do what ``DirectConnection.execute`` does, by redis-py's public API alone."""
    async with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
    return replies
