"""Why no connection opens or one ends: each fault of the network is one sentence with the next step."""

import errno
import socket
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from support.redis_servers import free_port

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import connect
from router.journal.connection_faults import network_fault


async def said_of(url: str) -> str:
    """Return what a command says of a Redis that is not there."""
    connection = connect(Secret(url), deadline=2.0, max_connections=1)
    with pytest.raises(JournalUnavailableError) as caught:
        await connection.ask(connection.redis.ping())
    await connection.close()
    return str(caught.value)


async def test_a_closed_port_is_named() -> None:
    port = free_port()
    for host in ("127.0.0.1", "localhost"):  # a name may have several addresses
        assert await said_of(f"redis://{host}:{port}") == (
            f"Redis refuses the connection at {host}:{port}; start it, or correct its address in"
            " ROUTER_REDIS_URL"
        )


async def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    assert await said_of(f"unix://{tmp_path}/none.sock") == (
        f"Redis has no socket at {tmp_path}/none.sock; start it, or correct the path in ROUTER_REDIS_URL"
    )


async def test_a_host_without_an_address_is_named() -> None:
    """RFC 6761: no name below .invalid exists. A machine without a name server says so."""
    text = await said_of("redis://:secret@nosuch.invalid:7777")

    assert text.startswith("Redis cannot be found at nosuch.invalid:7777: ")
    assert "; " in text
    assert "secret" not in text


def wrapped(cause: BaseException, text: str = "Error connecting to h:6379.") -> Exception:
    error = RedisConnectionError(text)
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (wrapped(OSError(errno.ECONNREFUSED, "refused")), "refuses the connection at h:6379"),
        (
            wrapped(OSError("Multiple exceptions: [Errno 111] Connect, [Errno 111] Connect")),
            "refuses the connection at h:6379",
        ),
        (
            wrapped(OSError(errno.EHOSTUNREACH, "")),
            "cannot be reached at h:6379: no route to the host",
        ),
        (
            wrapped(OSError(errno.ETIMEDOUT, "")),
            "did not accept the connection at h:6379 in time",
        ),
        (wrapped(OSError(errno.EACCES, "")), "lets this user not open its socket at h:6379"),
        (
            wrapped(OSError(errno.EMFILE, "")),
            "cannot be connected to: this process has too many open files",
        ),
        (
            wrapped(socket.gaierror(socket.EAI_AGAIN, "")),
            "cannot be found at h:6379: the name server does not answer",
        ),
        (
            wrapped(UnicodeError("label too long")),
            "cannot be found at h:6379: no host has such a name",
        ),
        (
            wrapped(ConnectionResetError("Connection lost"), "Error UNKNOWN"),
            "closed the connection",
        ),
        (RedisConnectionError("Connection closed by server."), "closed the connection"),
        (
            RedisTimeoutError("Timeout connecting to server"),
            "did not accept the connection in time",
        ),
        (
            InvalidResponse('Protocol error, got "H" as reply type byte'),
            "is not what answers at the port in ROUTER_REDIS_URL",
        ),
    ],
)
def test_each_fault_has_a_reason(error: Exception, reason: str) -> None:
    fault = network_fault(error)

    assert fault is not None
    assert fault.reason == reason
    assert fault.advice


@pytest.mark.parametrize(
    "error", [ResponseError("ERR wrong number of arguments"), wrapped(ValueError("x"), "other")]
)
def test_other_errors_are_none_of_the_network(error: Exception) -> None:
    assert network_fault(error) is None
