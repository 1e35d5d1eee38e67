"""Why a server closes the connection or answers nothing: from a second connection to it, without redis-py.

A server with TLS hangs up on a command, and one without waits for the end of what it takes for a command. A
Redis that has no client left to give, or is in protected mode, says so and hangs up before the command is
sent, which its client sees as a broken connection. Another server may say something else.
"""

import asyncio
import contextlib
import ssl
from typing import Any, Final

from redis.exceptions import ResponseError

from router.journal.connection_faults import (
    OTHER_SERVER,
    ConnectionFault,
    causes_of,
    network_fault,
)
from router.journal.store_errors import StoreError, store_error
from router.journal.tls_faults import CLIENT_CERTIFICATE, NO_TLS, TLS, tls_fault

_SECONDS: Final = 1.0
_GREETING_SECONDS: Final = 0.25
_ANSWER_BYTES: Final = 4096
_USUAL_PORT: Final = 6379


async def diagnose(
    options: dict[str, Any], error: BaseException
) -> ConnectionFault | StoreError | None:
    """Return why Redis is unavailable: from the error, or from a second connection.

    Args:
        options: Of the connections of a pool.
        error: The error of a command, or what was raised from it.
    """
    cause = error.__cause__ or error
    told = store_error(cause) or tls_fault(cause)
    return told or await second_opinion(options, cause) or network_fault(cause)


async def second_opinion(
    options: dict[str, Any], error: BaseException
) -> ConnectionFault | StoreError | None:
    """Return what a second connection finds wrong; None if it finds nothing.

    Args:
        options: Of the connections of a pool: host, port if the URL has one, and ``ssl_`` ones with TLS.
        error: The error of the connection.
    """
    host, port = options.get("host"), options.get("port", _USUAL_PORT)
    causes = list(causes_of(error))
    if not host or any(isinstance(it, ConnectionRefusedError) for it in causes):
        return None
    is_late = any(isinstance(it, TimeoutError) for it in causes)
    if not any(name.startswith("ssl_") for name in options):
        return await _greeting(host, port) or (TLS if await _speaks_tls(host, port) else None)
    if is_late:
        return NO_TLS if await _speaks_plainly(host, port) else None
    # The server has accepted the handshake, in which TLS 1.3 does not wait for the client's certificate.
    return CLIENT_CERTIFICATE if await _speaks_tls(host, port) else None


async def _greeting(host: str, port: int) -> ConnectionFault | StoreError | None:
    """Return what a server says before it is asked. Redis says nothing then but errors."""
    said = await _answer(host, port, b"", _GREETING_SECONDS)
    if said.startswith(b"-"):
        return store_error(ResponseError(said[1:].decode(errors="replace")))
    return OTHER_SERVER if said else None


async def _speaks_plainly(host: str, port: int) -> bool:
    """Return whether a server answers a PING as Redis does, with or without a password."""
    return (await _answer(host, port, b"PING\r\n", _SECONDS)).startswith((b"+", b"-"))


async def _answer(host: str, port: int, question: bytes, seconds: float) -> bytes:
    """Return the first bytes of an answer; empty if there is none in time."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(question)
                return await reader.read(_ANSWER_BYTES)
            finally:
                writer.transport.abort()  # also when the time is over
    except (OSError, UnicodeError):
        return b""


async def _speaks_tls(host: str, port: int) -> bool:
    """Return whether a server answers a handshake; its certificate does not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            await _close(writer)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except (OSError, UnicodeError):
        return False
    return True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the server may have hung up
        await writer.wait_closed()
