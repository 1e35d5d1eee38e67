"""Why TLS to Redis failed, and what would be right: from the error, or from a second connection.

Most errors tell by themselves. Two do not: a server without TLS waits for the end of what it takes for a
command, and a server with TLS hangs up on a command. ``other_scheme`` therefore speaks the other one of
both to the same port, once, at the first check of Redis.

Sources: OpenSSL's X509_V_ERR_* (x509_vfy.h) and the alerts of RFC 8446, section 6.2.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from typing import Any, Final

import msgspec

_SECONDS: Final = 1.0
_USUAL_PORT: Final = 6379
_AUTHORITY: Final = (
    "shows a TLS certificate of an authority that is not trusted here",
    "name the file of its authority in ROUTER_REDIS_URL: ?ssl_ca_certs=/path/ca.pem",
)
_NAME: Final = (
    "shows a TLS certificate for another host name than that in ROUTER_REDIS_URL",
    "write a name of the certificate, or have the name added to it",
)
_BY_VERIFY_CODE: Final = {
    9: ("shows a TLS certificate that is not valid yet", "compare the clocks of both machines"),
    10: ("shows a TLS certificate that has expired", "renew it at the server"),
    18: _AUTHORITY,
    19: _AUTHORITY,
    20: _AUTHORITY,
    21: _AUTHORITY,
    62: _NAME,
    64: _NAME,
}
_OTHER_CERTIFICATE: Final = (
    "shows a TLS certificate that cannot be trusted",
    "see docs/operate/redis.md",
)
_CLIENT_CERTIFICATE: Final = (
    "asks for a client certificate of an authority that it trusts",
    "write it in ROUTER_REDIS_URL: ?ssl_certfile=/path/client.pem&ssl_keyfile=/path/client.key",
)
_NO_TLS: Final = (
    "speaks no TLS at the port in ROUTER_REDIS_URL",
    "write the port of its TLS, or redis:// instead of rediss://",
)
_TLS: Final = (
    "speaks TLS at the port in ROUTER_REDIS_URL",
    "write rediss:// instead of redis://",
)
_VERSIONS: Final = (
    "has no TLS version or cipher in common with this machine",
    "allow TLS 1.2 or 1.3",
)
_BY_REASON: Final = (
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("RECORD_LAYER_FAILURE", _NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", _NO_TLS),
    ("CERTIFICATE", _CLIENT_CERTIFICATE),
    ("UNKNOWN_CA", _CLIENT_CERTIFICATE),
    ("PROTOCOL", _VERSIONS),
    ("HANDSHAKE_FAILURE", _VERSIONS),
)
"""Parts of OpenSSL's reasons, the first that fits."""


class TlsFault(msgspec.Struct, frozen=True):
    """A state of TLS that only an operator can end."""

    reason: str
    """The subject of the sentence is Redis."""
    advice: str
    """An imperative."""

    def __str__(self) -> str:
        return f"Redis {self.reason}; {self.advice}"


def tls_fault(error: BaseException) -> TlsFault | None:
    """Return what is wrong with TLS, as far as an error tells; None if nothing is."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TlsFault(*_BY_VERIFY_CODE.get(cause.verify_code, _OTHER_CERTIFICATE))
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or ""
            return next((TlsFault(*it) for part, it in _BY_REASON if part in reason), None)
    return None


async def other_scheme(options: dict[str, Any], error: BaseException) -> TlsFault | None:
    """Return the fault if a server answers on the same port with TLS, or without.

    Args:
        options: Of the connections of a pool: host, port if the URL has one, and ``ssl_`` ones with TLS.
        error: The error of the connection.
    """
    host, port = options.get("host"), options.get("port", _USUAL_PORT)
    causes = list(_causes(error))
    if not host or any(isinstance(it, ConnectionRefusedError) for it in causes):
        return None
    is_late = any(isinstance(it, TimeoutError) for it in causes)
    if not any(name.startswith("ssl_") for name in options):
        return TlsFault(*_TLS) if await _speaks_tls(host, port) else None
    if is_late:
        return TlsFault(*_NO_TLS) if await _speaks_plainly(host, port) else None
    # The server has accepted the handshake, in which TLS 1.3 does not wait for the client's certificate.
    return TlsFault(*_CLIENT_CERTIFICATE) if await _speaks_tls(host, port) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    for _ in range(8):
        if following is None:
            return
        yield following
        following = following.__cause__ or following.__context__


async def _speaks_plainly(host: str, port: int) -> bool:
    """Return whether a server answers a PING as Redis does, with or without a password."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"PING\r\n")
                return await reader.read(1) in {b"+", b"-"}
            finally:
                writer.transport.abort()  # also when the time is over
    except OSError:
        return False


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
    except OSError:
        return False
    return True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the server may have hung up
        await writer.wait_closed()
