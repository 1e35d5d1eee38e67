"""Sends events to a router, as Twilio does or as CloudEvents, for trials, tests and backfill.

The command line uses it; ingress and worker do not.
"""

import base64
import re
from typing import Final
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from router.client.answer_text import describe_answer, describe_failure
from router.datatypes import Secret
from router.errors import ConfigurationError
from router.media_types import CLOUDEVENT_BATCH, JSON
from router.sources.twilio_signature import SIGNATURE_HEADER, body_hash, called_urls, sign

_TIMEOUT_SECONDS: Final = 10
_TIMEOUT: Final = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
_MAX_RESPONSE_BYTES: Final = 65536
_USER: Final = re.compile(r"//[^/?#]*@")


class SendResult(msgspec.Struct, frozen=True):
    """The router's response."""

    status: int
    body: str
    """The first 64 KiB, as text."""
    retry_after: str = ""
    """The ``Retry-After`` header as received; ``""`` if there is none."""
    location: str = ""
    """The ``Location`` header; ``""`` if there is none."""

    @property
    def accepted(self) -> bool:
        """Whether the status is a 2xx: the events are durable."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The response as a line."""
        return describe_answer(self.status, self.body, self.location)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The URL that events are sent to, and the credentials of a request."""

    url: str
    token: Secret | None = None
    """Sent as a bearer token, unless ``auth_token`` is set."""
    auth_token: Secret | None = None
    """Signs each request as Twilio does."""
    credentials: Secret | None = None
    """``user:password`` of a Twilio sink, sent with a signed request."""
    public_url: str = ""
    """The router's public URL, which a signature is computed for; ``""`` for ``url``."""
    sink_url: str = ""
    """The URL of Twilio's sink, if it is not derived from ``public_url``."""

    def request(self, body: bytes, *, is_batch: bool) -> tuple[str, dict[str, str]]:
        """Return the URL and the headers of a POST of ``body``.

        Args:
            body: One event or an array, in JSON.
            is_batch: Whether ``body`` is an array. A signed request has the same headers for both.

        """
        if self.auth_token is None:
            headers = {"Content-Type": CLOUDEVENT_BATCH if is_batch else JSON}
            if self.token is not None:
                headers["Authorization"] = f"Bearer {self.token.reveal()}"
            return self.url, headers
        query = urlencode({"bodySHA256": body_hash(body)})
        target = f"{self.url}{'&' if '?' in self.url else '?'}{query}"
        signed = sign(self._signed_url(target), self.auth_token)
        headers = {"Content-Type": JSON, SIGNATURE_HEADER: signed}
        if self.credentials is not None:
            encoded = base64.b64encode(self.credentials.reveal().encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        return target, headers

    def _signed_url(self, target: str) -> str:
        """Return the URL that a signature is computed for, which is the one that Twilio would call."""
        if not (self.public_url or self.sink_url):
            return target
        parts = urlsplit(target)
        raw_path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return called_urls(self.public_url, raw_path, self.sink_url)[0]

    @property
    def shown_signed(self) -> str:
        """The URL that a signature is computed for, without what may be a secret."""
        return without_secrets(self._signed_url(self.url))

    @property
    def shown(self) -> str:
        """The URL without what may be a secret, for messages."""
        return without_secrets(self.url)


def has_credentials(url: str) -> bool:
    """Tell whether a URL has a user or a password."""
    return _USER.search(url) is not None


def without_secrets(url: str) -> str:
    """Return a URL without its query, user and password."""
    return without_user(url.partition("?")[0])


def without_user(url: str) -> str:
    """Return a URL without user and password."""
    return _USER.sub("//", url, count=1)


async def post(
    session: aiohttp.ClientSession, target: Endpoint, body: bytes, *, is_batch: bool = False
) -> SendResult:
    """POST ``body`` once.

    Raises:
        aiohttp.ClientError, TimeoutError: The router did not answer.
        ValueError: The endpoint's URL is not a URL.

    """
    url, headers = target.request(body, is_batch=is_batch)
    # Encoded, because the signature is for the URL as written, not as the client normalizes it.
    async with session.post(
        URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
    ) as response:
        text = await response.content.read(_MAX_RESPONSE_BYTES)
        retry_after = response.headers.get("Retry-After", "")
        location = response.headers.get("Location", "")
        return SendResult(response.status, text.decode(errors="replace"), retry_after, location)


async def send(target: Endpoint, body: bytes) -> SendResult:
    """POST ``body``, one event or an array.

    Raises:
        ConfigurationError: The router did not answer within 10 seconds.

    """
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            return await post(session, target, body)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = describe_failure(target.url, error, _TIMEOUT_SECONDS)
        raise ConfigurationError(f"{target.shown}: {reason}") from None


async def send_signed(
    url: str, body: bytes, auth_token: Secret, public_url: str = "", sink_url: str = ""
) -> SendResult:
    """POST ``body`` to ``url`` with Twilio's signature.

    Args:
        url: The router's Twilio endpoint.
        body: One event or an array, in JSON.
        auth_token: The token that signs the request.
        public_url: The router's public URL, which the signature is computed for; ``""`` if it has
            none.
        sink_url: The URL of Twilio's sink, if it is not derived from ``public_url``.

    Raises:
        ConfigurationError: The router did not answer within 10 seconds.

    """
    target = Endpoint(url=url, auth_token=auth_token, public_url=public_url, sink_url=sink_url)
    return await send(target, body)
