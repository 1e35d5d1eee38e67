"""Connects to Redis step by step: name, connection, TLS.

redis-py reports the failure of any step as one error, in which a wrong name, a closed port and an expired
certificate look alike. Here each step is made by itself, and the connection is closed. The login is the
first command's, whose error reply the journal knows (``router.journal.store_errors``).
"""

import asyncio
import enum
import ssl
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from router.datatypes import Secret, host_in_url
from router.destinations.transport import network_errors
from router.destinations.transport.name_resolver import NameResolver
from router.destinations.transport.reachability import certificate_end
from router.settings.sentinel_url import is_sentinel_url

_PORT: Final = 6379


class RedisStep(enum.StrEnum):
    """A step to a connection."""

    NAME = "name"
    CONNECTION = "connection"
    TLS = "TLS"


class RedisAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One server, as a URL names it; without user and password."""

    host: str = ""
    port: int = 0
    socket: str = ""
    """The path of a Unix socket, instead of host and port."""
    is_tls: bool = False
    options: dict[str, str] = {}
    """Those of the URL's query."""

    def __str__(self) -> str:
        if self.socket:
            return self.socket
        return f"{host_in_url(self.host)}:{self.port}"


class RedisReach(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the steps."""

    address: str
    """The server for a reader, without user and password."""
    failed: RedisStep | None = None
    """The step that failed; None if none did."""
    reason: str = ""
    """Why, in the words of ``network_errors``."""
    is_tls: bool = False
    is_local: bool = False
    """Whether it is a Unix socket."""
    certificate_ends: float | None = None
    """Unix seconds; None without TLS."""


def redis_address(url: Secret) -> RedisAddress | None:
    """Return the server of a URL (pure); None if it names no single server, as one with sentinels."""
    if is_sentinel_url(url.reveal()):
        return None
    parts = urlsplit(url.reveal())
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "unix":
        return RedisAddress(socket=parts.path, options=options)
    return RedisAddress(
        host=unquote(parts.hostname or "localhost"),
        port=parts.port or _PORT,
        is_tls=parts.scheme == "rediss",
        options=options,
    )


async def reach_redis(address: RedisAddress, names: NameResolver, *, seconds: float) -> RedisReach:
    """Connect to a server, and close the connection. Does not raise for a fault of the server."""
    step = RedisStep.NAME
    found = RedisReach(address=str(address), is_tls=address.is_tls, is_local=bool(address.socket))
    try:
        async with asyncio.timeout(seconds):
            places = await _places(address, names, seconds)
            step = RedisStep.CONNECTION
            writer = await _connect(address, places)
            try:
                if not address.is_tls:
                    return found
                step = RedisStep.TLS
                await writer.start_tls(tls_context(address), server_hostname=address.host)
                ends = certificate_end(writer.get_extra_info("peercert"))
                return msgspec.structs.replace(found, certificate_ends=ends)
            finally:
                writer.transport.abort()
    except OSError as error:  # ssl.SSLError, socket.gaierror and TimeoutError are such
        reason = network_errors.outcome(error, otherwise=error.strerror or "failed").reason
        return msgspec.structs.replace(found, failed=step, reason=reason)


def tls_context(address: RedisAddress) -> ssl.SSLContext:
    """Return the TLS context that the options of a URL describe, as the journal's connection has it."""
    options = address.options
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    is_checked = options.get("ssl_cert_reqs") != "none"
    context.check_hostname = is_checked and options.get("ssl_check_hostname") != "false"
    if not is_checked:
        context.verify_mode = ssl.CERT_NONE
    if "ssl_certfile" in options:
        context.load_cert_chain(
            options["ssl_certfile"], options.get("ssl_keyfile"), password=lambda: ""
        )
    return context


async def _places(
    address: RedisAddress, names: NameResolver, seconds: float
) -> list[tuple[str, int]]:
    if address.socket:
        return []
    found = await names.resolve(address.host, address.port, seconds=seconds)
    return [(str(each[4][0]), int(each[4][1])) for each in found]


async def _connect(address: RedisAddress, places: list[tuple[str, int]]) -> asyncio.StreamWriter:
    """Connect to the first place that accepts. Raises the OSError of the last one."""
    if address.socket:
        _, writer = await asyncio.open_unix_connection(address.socket)
        return writer
    failure: OSError = OSError("no address")
    for host, port in places:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            failure = error
        else:
            return writer
    raise failure
