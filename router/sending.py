"""Sends events to a router as Twilio does: for trying one out, and for tests of an installation.

A leaf: the command line uses it, the pipeline does not.
"""

from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from router.errors import ConfigurationError
from router.ingress.twilio import body_hash, called_url, sign
from router.values import Secret

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Answer(msgspec.Struct, frozen=True):
    """What the router said. ``body`` is at most 64 KiB of text."""

    status: int
    body: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


async def send_signed(url: str, body: bytes, auth_token: Secret, public_url: str = "") -> Answer:
    """POST ``body`` to ``url`` with Twilio's signature.

    The signature is for the router's public URL where it has one. Raises ConfigurationError when
    nothing answers.
    """
    query = urlencode({"bodySHA256": body_hash(body)})
    target = f"{url}{'&' if '?' in url else '?'}{query}"
    parts = urlsplit(target)
    raw_path = f"{parts.path}?{parts.query}"
    signed = called_url(public_url, raw_path) if public_url else target
    headers = {"X-Twilio-Signature": sign(signed, auth_token)}
    return await _post(target, body, {**headers, "Content-Type": "application/json"})


async def send_plain(url: str, body: bytes, token: Secret | None) -> Answer:
    """POST ``body`` (one CloudEvent or an array) to ``url``, with a bearer token if there is one.

    Raises ConfigurationError when nothing answers.
    """
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    return await _post(url, body, headers)


async def _post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            # The URL goes out as it was signed, not as the client would normalise it.
            session.post(
                URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response,
        ):
            answer = await response.content.read(65536)
            return Answer(response.status, answer.decode(errors="replace"))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        place = url.partition("?")[0]
        raise ConfigurationError(f"{place}: {str(error) or 'no answer within 10 s'}") from None
