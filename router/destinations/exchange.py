"""One POST and its answer: the part that every kind speaking HTTP has in common."""

import asyncio
import io
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
from yarl import URL

from router import __version__
from router.alerts import RESPONSE_LIMIT, Failed, Refused
from router.destinations import Environment, network
from router.destinations.answers import Answer
from router.destinations.egress import connector
from router.destinations.redaction import Redactor
from router.values import Secret

USER_AGENT: Final = f"event-router/{__version__}"
READ_LIMIT: Final = 64 * 1024
"""Bytes of an answer that are read; a longer one costs its connection, nothing else."""

# aiohttp warns of larger bodies given as bytes, and takes a file without a word.
_LARGEST_BYTES: Final = 1 << 20


class Exchange:
    """Sends to one URL, over connections that it keeps. Follows no redirect, keeps no cookie.

    ``timeout`` is in seconds and counts from connect to the last byte of the answer; ``secrets``
    are struck out of what is kept of an answer, for a receiver may send back what it was sent.
    """

    def __init__(
        self,
        url: str,
        environment: Environment,
        *,
        timeout: float,
        connections: int,
        headers: Mapping[str, str],
        secrets: Iterable[Secret] = (),
    ) -> None:
        self._url = URL(url)
        self._environment = environment
        self._timeout = timeout
        self._connections = connections
        # Said here, these need not be worked out by aiohttp for each request. No compression:
        # what is unpacked has no limit.
        self._headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            **headers,
        }
        self._redact = Redactor((Secret(url), *secrets))
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=connector(
                self._environment.egress, self._connections, tls=self._environment.tls
            ),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # none of its own: one deadline is over the whole
            auto_decompress=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
    ) -> Answer | Failed | Refused:
        """Send ``body``. An Answer is complete, or one whose status says enough without the rest.

        A 2xx whose body breaks off or does not end in time is Failed: a receiver that fell over
        half-way has not necessarily kept what it was sent, and a repeat bears the same id.
        """
        if self._session is None:
            raise RuntimeError("open() the destination before it is used")
        response: aiohttp.ClientResponse | None = None
        received = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.request(
                    method,
                    self._url,
                    data=body if len(body) <= _LARGEST_BYTES else io.BytesIO(body),
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                await _read(response.content, received)
        except network.NETWORK_ERRORS as error:
            if response is None or response.status < 300:
                return network.outcome(error, response.status if response else None)
        return self._answer(response, received)

    def _answer(self, response: aiohttp.ClientResponse, received: bytearray) -> Answer:
        if response.status < 300:
            return Answer(response.status, "", "")
        coding = response.headers.get("Content-Encoding", "identity")
        if coding == "identity":
            text = self._redact(received.decode("utf-8", "replace"))
        else:
            text = f"({len(received)} bytes, encoded although this was not asked for)"
        return Answer(
            response.status, response.headers.get("Retry-After", ""), text[:RESPONSE_LIMIT]
        )


async def _read(content: aiohttp.StreamReader, into: bytearray) -> None:
    while len(into) < READ_LIMIT and not content.at_eof():
        into += await content.readany()
