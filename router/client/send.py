"""Sends events to a router, as Twilio does or as CloudEvents: for trials, tests and backfill.

A leaf: the command line uses it, the pipeline does not.
"""

import base64
from typing import Final
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from router.datatypes import Secret
from router.errors import ConfigurationError
from router.ingress.twilio_signature import body_hash, called_url, sign

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_ANSWER_LIMIT: Final = 65536
_BATCH: Final = "application/cloudevents-batch+json"
_JSON: Final = "application/json"


class SendResult(msgspec.Struct, frozen=True):
    """What the router said. ``body`` is at most 64 KiB of text."""

    status: int
    body: str
    retry_after: str = ""
    """The header as it came, ``""`` where there was none."""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where events go, and how a request proves who sends it."""

    url: str
    token: Secret | None = None
    """Goes along as a bearer token."""
    auth_token: Secret | None = None
    """Signs each request as Twilio does."""
    credentials: Secret | None = None
    """``user:password`` of a sink."""
    public_url: str = ""
    """What a signature is for, where the router has a public URL."""

    def request(self, body: bytes, *, is_batch: bool) -> tuple[str, dict[str, str]]:
        """The URL and the headers of a POST of ``body``, one event or an array."""
        if self.auth_token is None:
            headers = {"Content-Type": _BATCH if is_batch else _JSON}
            if self.token is not None:
                headers["Authorization"] = f"Bearer {self.token.reveal()}"
            return self.url, headers
        query = urlencode({"bodySHA256": body_hash(body)})
        target = f"{self.url}{'&' if '?' in self.url else '?'}{query}"
        parts = urlsplit(target)
        raw_path = f"{parts.path}?{parts.query}"
        signed = called_url(self.public_url, raw_path) if self.public_url else target
        headers = {"Content-Type": _JSON, "X-Twilio-Signature": sign(signed, self.auth_token)}
        if self.credentials is not None:
            encoded = base64.b64encode(self.credentials.reveal().encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        return target, headers

    @property
    def place(self) -> str:
        """The URL without its query, for messages."""
        return self.url.partition("?")[0]


async def post(
    session: aiohttp.ClientSession, target: Endpoint, body: bytes, *, is_batch: bool = False
) -> SendResult:
    """One request. Raises what aiohttp raises, and ValueError for what is no URL."""
    url, headers = target.request(body, is_batch=is_batch)
    # The URL goes out as it was signed, not as the client would normalise it.
    async with session.post(
        URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
    ) as response:
        text = await response.content.read(_ANSWER_LIMIT)
        retry_after = response.headers.get("Retry-After", "")
        return SendResult(response.status, text.decode(errors="replace"), retry_after)


async def send(target: Endpoint, body: bytes) -> SendResult:
    """POST ``body``, one event or an array. Raises ConfigurationError when nothing answers."""
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            return await post(session, target, body)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = str(error) or "no answer within 10 s"
        raise ConfigurationError(f"{target.place}: {reason}") from None


async def send_signed(
    url: str, body: bytes, auth_token: Secret, public_url: str = ""
) -> SendResult:
    """POST ``body`` to ``url`` with Twilio's signature.

    The signature is for the router's public URL where it has one. Raises ConfigurationError when
    nothing answers.
    """
    return await send(Endpoint(url=url, auth_token=auth_token, public_url=public_url), body)
