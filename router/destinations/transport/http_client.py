"""One request and its answer: the part that every kind speaking HTTP has in common."""

import io
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from router import __version__
from router.alerts import RESPONSE_LIMIT, Failed, Refused
from router.datatypes import Secret, check_proxy_url
from router.deadlines import Deadlines
from router.destinations.contract import Environment
from router.destinations.transport import network_errors as network
from router.destinations.transport.egress import check_behind_proxy, connector
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.redaction import Redactor
from router.settings.model import Egress

USER_AGENT: Final = f"event-router/{__version__}"
READ_LIMIT: Final = 64 * 1024
"""Bytes of an answer that are read; a longer one costs its connection, nothing else."""
DIRECT: Final = "direct"
"""Instead of a proxy's URL: none, whatever the environment says."""

# aiohttp warns of larger bodies given as bytes, and takes a file without a word.
_LARGEST_BYTES: Final = 1 << 20


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a destination's requests get to it."""

    timeout: float
    """Seconds, from connect to the last byte of the answer."""
    connections: int
    proxy: Secret | None = None
    """As the destination names it: a URL, DIRECT, or None for what the environment says."""
    tls: ssl.SSLContext | None = None
    """None for what the environment says."""


class HttpClient:
    """Sends to one URL, over connections that it keeps. Follows no redirect, keeps no cookie.

    ``secrets`` are struck out of what is kept of an answer, for a receiver may send back what it
    was sent. ``keeps_content`` is for those who need the body of a 2xx.
    """

    def __init__(
        self,
        url: str,
        environment: Environment,
        way: HttpOptions,
        *,
        headers: Mapping[str, str],
        secrets: Iterable[Secret] = (),
        keeps_content: bool = False,
    ) -> None:
        self._url = URL(url)
        self._way = way
        self._egress = environment.egress
        self._tls = way.tls or environment.tls
        self._proxy = way.proxy or environment.proxy
        # A proxy of the environment's is the administrator's word, and usually in the network
        # that ROUTER_EGRESS keeps rules files out of. One of a rules file is checked like all else.
        self._connects_to = environment.egress if way.proxy else Egress.OPEN
        if self._proxy is None or self._proxy.reveal() == DIRECT:
            self._proxy = None
            self._connects_to = environment.egress
        # Said here, these need not be worked out by aiohttp for each request. No compression:
        # what is unpacked has no limit.
        self._headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            **headers,
        }
        self._secrets = (Secret(url), *secrets, *([self._proxy] if self._proxy else []))
        self._redact = Redactor(self._secrets)
        self._keeps_content = keeps_content
        self._deadlines = Deadlines(way.timeout)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=connector(self._connects_to, self._way.connections, tls=self._tls),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # none of its own: one deadline is over the whole
            auto_decompress=False,
            proxy=self._proxy.reveal() if self._proxy else None,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        secrets: Iterable[Secret] = (),
    ) -> HttpReply | Failed | Refused:
        """Send ``body``. An HttpReply is complete, or one whose status says enough without the rest.

        A 2xx whose body breaks off or does not end in time is Failed: a receiver that fell over
        half-way has not necessarily kept what it was sent, and a repeat bears the same id.
        ``secrets`` are those of this request alone.
        """
        if self._session is None:
            raise RuntimeError("open() the destination before it is used")
        response: aiohttp.ClientResponse | None = None
        received = bytearray()
        try:
            with self._deadlines.begin():
                if self._proxy is not None:
                    await check_behind_proxy(
                        self._url.host or "", self._url.port or 0, self._egress
                    )
                async with self._session.request(
                    method,
                    self._url,
                    data=body if len(body) <= _LARGEST_BYTES else io.BytesIO(body),
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    if self._keeps_content or not _says_enough(response):
                        await _read(response.content, received)
        except network.NETWORK_ERRORS as error:
            if response is None or response.status < 300:
                return network.outcome(error, response.status if response else None)
        return self._answer(response, received, tuple(secrets))

    def _answer(
        self, response: aiohttp.ClientResponse, received: bytearray, secrets: tuple[Secret, ...]
    ) -> HttpReply:
        if response.status < 300:
            return HttpReply(
                response.status, "", "", bytes(received) if self._keeps_content else b""
            )
        coding = response.headers.get("Content-Encoding", "identity")
        if coding == "identity":
            redact = Redactor((*self._secrets, *secrets)) if secrets else self._redact
            text = redact(received.decode("utf-8", "replace"))
        else:
            text = f"({len(received)} bytes, encoded although this was not asked for)"
        return HttpReply(
            response.status, response.headers.get("Retry-After", ""), text[:RESPONSE_LIMIT]
        )


def check_proxy(proxy: Secret | None) -> None:
    """Raise ValueError, without the URL, for what a destination cannot name as its proxy."""
    if proxy is None or proxy.reveal() == DIRECT:
        return
    try:
        check_proxy_url(proxy.reveal())
    except ValueError as error:
        raise ValueError(f"proxy {error}; or direct, for none") from None


def _says_enough(response: aiohttp.ClientResponse) -> bool:
    """Whether it is a 2xx that came to its end already, of which nobody will look at the body."""
    content = response.content
    return response.status < 300 and content.is_eof() and content.total_bytes <= READ_LIMIT


async def _read(content: aiohttp.StreamReader, into: bytearray) -> None:
    while len(into) < READ_LIMIT and not content.at_eof():
        into += await content.readany()
