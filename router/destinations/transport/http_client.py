"""An HTTP client for one URL, used by every kind of destination that speaks HTTP."""

import io
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
import msgspec

from router import __version__
from router.alerts import RESPONSE_LIMIT, Failed, Refused
from router.datatypes import Secret, check_proxy_url
from router.deadlines import Deadlines
from router.destinations.contract import Environment
from router.destinations.transport import network_errors
from router.destinations.transport.aiohttp_client_adapter import (
    MalformedBodyError,
    accept_odd_replies,
)
from router.destinations.transport.egress import check_behind_proxy, connector
from router.destinations.transport.exact_url import exact_url
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.name_resolver import AiohttpResolver
from router.destinations.transport.proxy_route import DIRECT, proxy_route
from router.destinations.transport.redaction import Redactor
from router.destinations.transport.reply_head import HEADER_LIMIT, HEADERS_LIMIT
from router.tracing.contexts import TRACEPARENT
from router.tracing.outgoing import with_trace_headers

USER_AGENT: Final = f"event-router/{__version__}"
READ_LIMIT: Final = 64 * 1024
"""Bytes of a reply's body that are read. A longer body costs its connection, nothing else."""
KEPT_LIMIT: Final = 1 << 20
"""The same for a client that keeps the body."""
_EXAMINED: Final = 16 * 1024
"""Bytes of a reply in which secrets are searched, of which ``RESPONSE_LIMIT`` characters are kept."""
_LINE_LIMIT: Final = HEADER_LIMIT + 1024
"""Bytes of a header with its name."""

# Less than all of the time, so that the attempt's reason says what took so long.
_LOOKUP_SHARE: Final = 0.8

# aiohttp warns about larger bodies given as bytes, and accepts them as a file.
_LARGEST_BYTES: Final = 1 << 20


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How requests reach a destination."""

    timeout: float
    """Seconds, from connect to the last byte of the reply."""
    connections: int
    """The most connections at once."""
    proxy: Secret | None = None
    """The destination's own proxy: a URL, DIRECT, or None for the environment's."""
    tls: ssl.SSLContext | None = None
    """None for the environment's."""
    passes_tracestate: bool = False
    """Whether requests carry ``tracestate``, in which vendors of traces may describe the sender's users: for
    services of the operator's, not for those of a vendor."""


class HttpClient:
    """Sends to one URL over kept connections. Follows no redirect, keeps no cookie.

    Args:
        url: The URL.
        environment: Gives the egress policy, the proxy and the certificates to trust.
        options: How requests reach the destination.
        headers: Headers of every request.
        secrets: Removed from the stored replies, because a receiver may send back what it was sent.
        keeps_content: Whether the body of a reply is needed.
    """

    def __init__(
        self,
        url: str,
        environment: Environment,
        options: HttpOptions,
        *,
        headers: Mapping[str, str],
        secrets: Iterable[Secret] = (),
        keeps_content: bool = False,
    ) -> None:
        self._text = url
        self._url = exact_url(url)
        self._options = options
        self._egress = environment.egress
        self._names = environment.names
        self._tls = options.tls or environment.tls
        route = proxy_route(
            self._url.raw_host or "", self._url.port or 0, options.proxy, environment
        )
        self._proxy, self._connects_to = route.proxy, route.egress
        # Given for the session, so that aiohttp does not compute them for each request. No
        # compression, because a decompressed body has no limit.
        self._headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            **headers,
        }
        self._secrets = (Secret(url), *secrets, *([self._proxy] if self._proxy else []))
        self._redact = Redactor(self._secrets)
        self._own_trace = any(name.lower() == TRACEPARENT for name in headers)
        self._keeps_content = keeps_content
        self._limit = KEPT_LIMIT if keeps_content else READ_LIMIT
        self._deadlines = Deadlines(options.timeout)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open the session. It connects when there is a request."""
        connections = connector(
            self._connects_to,
            self._options.connections,
            resolver=AiohttpResolver(self._names, self._options.timeout * _LOOKUP_SHARE),
            tls=self._tls,
        )
        accept_odd_replies(connections)
        self._session = aiohttp.ClientSession(
            connector=connections,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # none, because ``_deadlines`` covers all of it
            auto_decompress=False,
            max_line_size=_LINE_LIMIT,
            max_field_size=_LINE_LIMIT,
            max_headers=HEADERS_LIMIT,
            proxy=self._proxy.reveal() if self._proxy else None,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        path: str = "",
        secrets: Iterable[Secret] = (),
    ) -> HttpReply | Failed | Refused:
        """Send one request.

        Args:
            body: The request's body.
            headers: Headers of this request, besides those of every request.
            method: The HTTP method.
            path: Appended to the client's URL, already encoded.
            secrets: Secrets of this request alone.

        Returns:
            The reply, once its status decides or its body is read. Failed or Refused if the request
            did not get one. A 2xx whose body breaks off or does not end in time is Failed: a
            receiver that crashed half-way may not have stored the request, and a repeat has the
            same id.
        """
        if self._session is None:
            raise RuntimeError("open() the destination before it is used")
        response: aiohttp.ClientResponse | None = None
        received = bytearray()
        try:
            with self._deadlines.begin():
                if self._proxy is not None:
                    await check_behind_proxy(
                        self._url.host or "",
                        self._url.port or 0,
                        self._egress,
                        names=self._names,
                    )
                async with self._session.request(
                    method,
                    exact_url(f"{self._text}{path}") if path else self._url,
                    data=_payload(body),
                    headers=self._traced(headers),
                    allow_redirects=False,
                ) as response:
                    if self._keeps_content or not _is_complete_success(response):
                        await _read(response.content, received, self._limit)
        except MalformedBodyError:
            # The receiver has answered completely, and would answer a repeat in the same way.
            pass
        except network_errors.NETWORK_ERRORS as error:
            if response is None or response.status < 300:
                return network_errors.outcome(error, response.status if response else None)
        if response is None:
            raise RuntimeError("a body without a head")
        return self._reply(response, received, tuple(secrets))

    def _traced(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of a request, with those of its trace unless the operator has set some."""
        if self._own_trace:
            return headers
        return with_trace_headers(headers, with_state=self._options.passes_tracestate)

    def _reply(
        self, response: aiohttp.ClientResponse, received: bytearray, secrets: tuple[Secret, ...]
    ) -> HttpReply:
        content = bytes(received) if self._keeps_content else b""
        retry_after = response.headers.get("Retry-After", "")
        if response.status < 300:
            return HttpReply(response.status, retry_after, "", content)
        coding = response.headers.get("Content-Encoding", "identity")
        if coding == "identity":
            is_cut = not response.content.at_eof()
            text = self.show(bytes(received), secrets=secrets, is_cut=is_cut)
        else:
            text = f"({len(received)} bytes, encoded although this was not asked for)"
        return HttpReply(response.status, retry_after, text, content)

    def show(
        self, content: bytes, *, secrets: tuple[Secret, ...] = (), is_cut: bool = False
    ) -> str:
        """Return the first RESPONSE_LIMIT characters of a reply's body, without secrets.

        Args:
            content: The body.
            secrets: Secrets of this request alone.
            is_cut: Whether the rest of the body is missing.
        """
        redact = Redactor((*self._secrets, *secrets)) if secrets else self._redact
        is_cut = is_cut or len(content) > _EXAMINED
        text = content[:_EXAMINED].decode("utf-8", "replace")
        return redact(text, is_cut=is_cut)[:RESPONSE_LIMIT]


def check_proxy(proxy: Secret | None) -> None:
    """Check a destination's own proxy.

    Raises:
        ValueError: It is neither an HTTP proxy's URL nor DIRECT. The message is without the URL.
    """
    if proxy is None or proxy.reveal() == DIRECT:
        return
    try:
        check_proxy_url(proxy.reveal())
    except ValueError as error:
        raise ValueError(f"proxy {error}; or direct, for none") from None


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    if not body:
        return None  # so that a request without a body has no content type
    return body if len(body) <= _LARGEST_BYTES else io.BytesIO(body)


def _is_complete_success(response: aiohttp.ClientResponse) -> bool:
    """Return whether it is a 2xx that has arrived completely, so that its body need not be read."""
    return response.status < 300 and response.content.is_eof()


async def _read(content: aiohttp.StreamReader, into: bytearray, limit: int) -> None:
    while len(into) < limit and not content.at_eof():
        into += await content.readany()
