"""Redis servers whose default user is off: ``REDIS_LEAST_RIGHTS=1 pytest``, or ``make test-acl``.

The router logs in as a user with the rights of ``router/journal/access_rights.py`` and no others, in the
processes that tests start and in the tests' own. What the tests themselves ask of Redis, to inspect,
configure or empty it, they ask as its operator. Without the variable nothing here has an effect.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from redis import Redis

from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import redis_adapter
from router.journal.access_rights import acl_rule
from router.journal.connection import Connection

# Not ROUTER_…, because such a name that is no setting is an error of each command.
IS_ON: Final = bool(os.environ.get("REDIS_LEAST_RIGHTS"))
ROUTER: Final = "router"
"""The name and the password of the router's user."""
OPERATOR: Final = "operator"
USER: Final = ROUTER if IS_ON else "default"
"""The user as whom the router logs in: the one whose rights a test takes away."""


def restrict(redis: "Redis[Any]") -> None:
    """Make the two users, and turn the default user off."""
    version: Any = redis.info("server")["redis_version"]
    major, minor = map(int, str(version).split(".")[:2])
    # Not in the list, because it reads passwords, too; the tests change what it checks, appendfsync.
    rule = [*acl_rule((major, minor)).split(), "+config|get"]
    redis.config_set("masteruser", OPERATOR)
    redis.config_set("masterauth", OPERATOR)
    redis.execute_command("ACL", "SETUSER", OPERATOR, "on", f">{OPERATOR}", "~*", "&*", "+@all")
    redis.execute_command("ACL", "SETUSER", ROUTER, "reset", "on", f">{ROUTER}", *rule)
    redis.execute_command("ACL", "SETUSER", "default", "off")


def as_router(url: Secret) -> Secret:
    """Return a URL of a server with the router's user."""
    return _as_user(url, ROUTER)


def as_operator(url: Secret) -> Secret:
    """Return a URL of a server with the operator."""
    return _as_user(url, OPERATOR)


def socket_of(url: Secret) -> Path:
    """Return the path of the socket in a URL, which may have a user."""
    return Path(urlsplit(url.reveal()).path)


def operator() -> dict[str, Any]:
    """Return the options of a client that logs in as the operator."""
    return {"username": OPERATOR, "password": OPERATOR} if IS_ON else {}


def login() -> tuple[bytes, ...]:
    """Return the commands that begin a connection of the operator."""
    return (f"AUTH {OPERATOR} {OPERATOR}\r\n".encode(),) if IS_ON else ()


def sentinel_lines(service: str) -> tuple[str, ...]:
    """Return the lines of a sentinel's configuration by which it logs in to servers as the operator."""
    if not IS_ON:
        return ()
    return f"sentinel auth-user {service} {OPERATOR}", f"sentinel auth-pass {service} {OPERATOR}"


def _as_user(url: Secret, user: str) -> Secret:
    if not IS_ON:
        return url
    parts = urlsplit(url.reveal())
    address = parts.netloc.rpartition("@")[2]
    return Secret(urlunsplit(parts._replace(netloc=f"{user}:{user}@{address}")))


def install() -> None:
    """Give each server the two users, and each connection of the tests' own process two clients."""
    start = EmbeddedRedis.start

    def start_restricted(server: EmbeddedRedis) -> None:
        start(server)
        with Redis(unix_socket_path=str(server.socket)) as redis:
            restrict(redis)

    EmbeddedRedis.start = start_restricted  # type: ignore[method-assign]
    url: Any = EmbeddedRedis.url
    EmbeddedRedis.url = property(lambda server: as_router(url.fget(server)))  # type: ignore[assignment, method-assign]
    Connection.redis = property(_client_for_caller, _set_client)  # type: ignore[assignment]
    close = Connection.close

    async def close_both(connection: Connection) -> None:
        await close(connection)
        if (operators := vars(connection).pop("operators", None)) is not None:
            await operators.aclose(close_connection_pool=True)

    Connection.close = close_both  # type: ignore[method-assign]


def _set_client(connection: Connection, redis: Any) -> None:
    vars(connection)["routers"] = redis


def _client_for_caller(connection: Connection) -> Any:
    """Return the router's client to the router, and the operator's to the tests.

    A test module whose object is the connection itself sets ``ASKS_AS_ROUTER``.
    """
    clients = vars(connection)
    caller = sys._getframe(1).f_globals
    if caller["__name__"].startswith("router.") or "ASKS_AS_ROUTER" in caller:
        return clients["routers"]
    if "operators" not in clients:
        pool = clients["routers"].connection_pool
        options = pool.connection_kwargs | operator()
        clients["operators"] = redis_adapter.client(
            type(pool)(connection_class=pool.connection_class, **options)
        )
    return clients["operators"]
