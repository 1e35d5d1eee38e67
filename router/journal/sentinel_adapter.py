"""Connections to sentinels, and connections to the primary that they name.

redis-py has both, ``redis.asyncio.sentinel``, and this module is used instead, for five reasons:

- Its search for the primary has no deadline; a sentinel that does not answer costs its whole timeout.
- It checks neither the epoch of an answer nor the role of the server that it reaches.
- Its errors have the repr of its clients, which shows their passwords.
- Its pool raises an error when all connections are in use, and cannot be given up as a whole.
- It does not listen to what sentinels publish.

One private name of redis-py is used, of 5.3.1 and 8.1: ``Connection._connect`` opens the socket to
``host`` and ``port``, whether ``connect`` or a command needs it. ``is_usable`` checks that it is there.
"""

import inspect
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from redis.asyncio import Connection, SSLConnection

from router.journal.redis_adapter import Command
from router.journal.sentinel import NoPrimaryError, role_problem
from router.settings.sentinel_url import Credentials, NodeAddress, SentinelUrl

_RESP2: Final = 2


class Locator(Protocol):
    """Knows the address of the primary."""

    async def locate(self) -> NodeAddress:
        """Return the address. Raises NoPrimaryError."""
        ...

    def doubt(self, address: NodeAddress) -> None:
        """Record that a server could not be reached, or is not the primary."""
        ...


class LocatedConnection(Connection):
    """A connection that asks for the address when it opens, and for the role of the server there."""

    def __init__(self, *, locator: Locator, **options: Any) -> None:
        super().__init__(redis_connect_func=verify_role, **options)
        self.locator = locator
        self.address: NodeAddress | None = None

    async def _connect(self) -> None:
        self.address = address = await self.locator.locate()
        self.host, self.port = address.host, address.port
        try:
            await super()._connect()  # type: ignore[no-untyped-call]  # redis-py's
        except BaseException:  # a deadline too, which is a cancellation here
            self.locator.doubt(address)
            raise


class LocatedTlsConnection(LocatedConnection, SSLConnection):
    """The same over TLS."""


async def verify_role(connection: LocatedConnection) -> None:
    """Log in to a server that was just reached. Raises NoPrimaryError if it is not the primary."""
    await connection.on_connect()
    await connection.send_command("INFO", "replication")
    problem = role_problem(await connection.read_response())
    if problem:
        address = connection.address
        if address is not None:
            connection.locator.doubt(address)
        raise NoPrimaryError(
            f"{address} {problem}, and a sentinel still names it as the primary; wait for the others"
        )


def is_usable() -> bool:
    """Return whether redis-py has the private name."""
    method = getattr(Connection, "_connect", None)
    return inspect.iscoroutinefunction(method)


def located_options(url: SentinelUrl, locator: Locator) -> dict[str, Any]:
    """Return the options of a pool of located connections."""
    return {
        "connection_class": LocatedTlsConnection if url.is_tls else LocatedConnection,
        "locator": locator,
        # A name that cannot be resolved (RFC 6761), so that nothing is reached before it is located.
        "host": "primary.invalid",
        "db": url.database,
        **({"client_name": url.client_name} if url.client_name else {}),
        **_user_options(url.server_user),
        **url.tls_options,
    }


class SentinelConnection:
    """A connection to one sentinel. Its errors are RedisError and OSError; it has no deadlines."""

    def __init__(self, url: SentinelUrl, address: NodeAddress) -> None:
        kind: Any = SSLConnection if url.is_tls else Connection
        self._connection: Any = kind(
            host=address.host,
            port=address.port,
            protocol=_RESP2,
            socket_timeout=None,
            **_user_options(url.sentinel_user),
            **url.tls_options,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._connection.connect()
        except BaseException:
            await self._connection.disconnect(nowait=True)
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._connection.disconnect(nowait=True)

    async def send(self, *words: str) -> None:
        """Send a command without waiting for its reply."""
        await self._connection.send_command(*words)

    async def read(self, *, seconds: float | None = None) -> Any:
        """Return the next reply; None if there was none for so many seconds."""
        return await self._connection.read_response(timeout=seconds)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands at once and return their replies. Raises for the first error reply."""
        for command in commands:
            await self._connection.send_command(*command)
        return [await self._connection.read_response() for _ in commands]


def _user_options(user: Credentials) -> dict[str, str]:
    password = user.password
    if password is None:
        return {}
    options = {"password": password.reveal()}
    return options | {"username": user.username} if user.username else options
