"""Connects to a receiver as an attempt would, with TLS and by its proxy, and sends no alert.

The words of a failure are those of an attempt (``network_errors``), so that a reader who knows them from
a dead letter finds them here. Sources: RFC 9110, section 9.3.6 (CONNECT); RFC 3207 (STARTTLS).
"""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.transport import egress
from router.destinations.transport.proxy_route import ProxyRoute, proxy_route
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.smtp import CONNECTION_ERRORS, connection_outcome
from router.destinations.transport.smtp_connection import Client, Phases, SmtpConnection
from router.destinations.transport.smtp_server import SmtpServer
from router.destinations.transport.tls import client_context

_HEAD_LIMIT: Final = 16 * 1024
"""Bytes of a proxy's reply to CONNECT."""
_PROXY_PORTS: Final = {"http": 80, "https": 443}


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a connection."""

    failure: str = ""
    """Why there is none, in the words of an attempt; ``""`` if it was made."""
    certificate_ends: float | None = None
    """When the server's certificate expires, in Unix seconds; None without TLS."""
    by_proxy: bool = False
    """Whether a proxy makes the connection, or failed to."""


class _ProxyError(Exception):
    """Raised when a proxy does not connect; the text is its status."""


async def reach(receiver: Receiver, environment: Environment, *, seconds: float) -> Reach:
    """Connect to a server, and close the connection. Does not raise for a fault of the server.

    Args:
        receiver: The server.
        environment: Gives the egress policy, the proxy and the certificates to trust.
        seconds: The longest time for all of it.
    """
    by_proxy = False
    try:
        tls = _context(receiver, environment)
    except ValueError as error:  # a certificate's file has changed since the rules were loaded
        return Reach(failure=f"tls: {error}")
    try:
        async with asyncio.timeout(seconds):
            if receiver.scheme.startswith("smtp"):
                return await _reach_mail_server(receiver, environment, tls, seconds)
            route = proxy_route(receiver.host, receiver.port, receiver.proxy, environment)
            by_proxy = route.proxy is not None
            if route.proxy is None:
                return await _reach_directly(receiver, environment, tls, seconds)
            return await _reach_by_proxy(receiver, environment, tls, route, seconds)
    except _ProxyError as error:
        return Reach(failure=f"the proxy refused to connect ({error})", by_proxy=True)
    except CONNECTION_ERRORS as error:
        return Reach(failure=connection_outcome(error).reason, by_proxy=by_proxy)


def certificate_end(certificate: Mapping[str, Any] | None) -> float | None:
    """Return when a certificate, as ``ssl`` returns it, expires in Unix seconds; None without one."""
    ends = (certificate or {}).get("notAfter")
    return None if ends is None else float(ssl.cert_time_to_seconds(ends))


def _context(receiver: Receiver, environment: Environment) -> ssl.SSLContext:
    if receiver.tls is None:
        return environment.tls
    return client_context(receiver.tls, environment.tls)


async def _reach_directly(
    receiver: Receiver, environment: Environment, tls: ssl.SSLContext, seconds: float
) -> Reach:
    connected = await egress.connect(
        receiver.host,
        receiver.port,
        environment.egress,
        names=environment.names,
        seconds=seconds,
    )
    is_tls = receiver.scheme == "https"
    _, writer = await asyncio.open_connection(
        sock=connected,
        ssl=tls if is_tls else None,
        server_hostname=receiver.host if is_tls else None,
    )
    async with _closing(writer):
        return Reach(certificate_ends=certificate_end(writer.get_extra_info("peercert")))


async def _reach_by_proxy(
    receiver: Receiver,
    environment: Environment,
    tls: ssl.SSLContext,
    route: ProxyRoute,
    seconds: float,
) -> Reach:
    """Connect to a proxy, and by it to a receiver with TLS.

    A receiver without TLS is not tried, because a proxy connects to it for a request only.
    """
    await egress.check_behind_proxy(
        receiver.host, receiver.port, environment.egress, names=environment.names
    )
    parts = urlsplit(route.proxy.reveal() if route.proxy else "")
    host, port = parts.hostname or "", parts.port or _PROXY_PORTS[parts.scheme]
    connected = await egress.connect(
        host, port, route.egress, names=environment.names, seconds=seconds
    )
    is_tls = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        sock=connected,
        ssl=environment.tls if is_tls else None,
        server_hostname=host if is_tls else None,
        limit=_HEAD_LIMIT,
    )
    async with _closing(writer):
        if receiver.scheme != "https":
            return Reach(by_proxy=True)
        writer.write(_connect_request(receiver.place, parts.username, parts.password))
        await _read_connected(reader)
        await writer.start_tls(tls, server_hostname=receiver.host)
        return Reach(
            certificate_ends=certificate_end(writer.get_extra_info("peercert")), by_proxy=True
        )


def _connect_request(place: str, user: str | None, password: str | None) -> bytes:
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if user:
        pair = f"{unquote(user)}:{unquote(password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_connected(reader: asyncio.StreamReader) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise _ProxyError("no HTTP answer") from None
    status = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ", 2)[1:2]
    if status != ["200"]:
        raise _ProxyError(f"HTTP {status[0]}" if status else "no HTTP answer")


async def _reach_mail_server(
    receiver: Receiver, environment: Environment, tls: ssl.SSLContext, seconds: float
) -> Reach:
    """Connect up to the greeting after STARTTLS, without a login."""
    server = SmtpServer(
        host=receiver.host,
        port=receiver.port,
        tls=receiver.scheme == "smtps",
        starttls=receiver.scheme == "smtp+starttls",
        user="",
        password=Secret(""),
    )
    phases = Phases(seconds, seconds, seconds, seconds)
    connection = SmtpConnection(
        Client(server, environment.egress, environment.names, tls, "", phases)
    )
    try:
        await connection.open(None)
        ends = certificate_end(connection.certificate)
        await connection.quit()
    finally:
        connection.close()
    return Reach(certificate_ends=ends)


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        # Not awaited, because a server may take its time to close TLS.
        writer.transport.abort()
