"""Gets a URL once: a certificate, or the confirmation of a subscription.

It happens a few times in the life of a process, so that each get has a connection of its own.
"""

from typing import Final
from urllib.parse import urlsplit

from router.alerts import Failed, Refused
from router.destinations.contract import Environment
from router.destinations.transport.http_client import HttpClient, HttpOptions
from router.sources.contract import FetchError

_SECONDS: Final = 4.0
"""The longest time of a get, because the sender of a request waits for it."""


class UrlFetcher:
    """Gets URLs as the egress policy permits, without following redirects.

    Args:
        environment: Gives the egress policy, the proxy and the certificates to trust.
        schemes: The permitted schemes.
    """

    def __init__(
        self, environment: Environment, schemes: frozenset[str] = frozenset({"https"})
    ) -> None:
        self._environment = environment
        self._schemes = schemes

    async def fetch(self, url: str) -> bytes:
        """Return the content of a URL, at most 1 MiB.

        Raises:
            FetchError: The URL is malformed or not permitted, or the reply is not 2xx.
        """
        client = self._client(url)
        await client.open()
        try:
            reply = await client.send(b"", {}, method="GET")
        finally:
            await client.close()
        if isinstance(reply, Failed | Refused):
            raise FetchError(reply.reason)
        if reply.status >= 300:
            raise FetchError(f"the reply was {reply.status}")
        return reply.content

    def _client(self, url: str) -> HttpClient:
        try:
            if urlsplit(url).scheme not in self._schemes:
                raise FetchError("the URL does not begin with https://")
            return HttpClient(
                url,
                self._environment,
                HttpOptions(timeout=_SECONDS, connections=1),
                headers={},
                keeps_content=True,
            )
        except ValueError:
            raise FetchError("the URL is malformed") from None
