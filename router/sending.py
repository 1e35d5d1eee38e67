"""Sends events to a router as Twilio does: for trying one out, and for tests of an installation.

A leaf: the command line uses it, the pipeline does not.
"""

from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from router.errors import ConfigurationError
from router.ingress.twilio import body_hash, sign
from router.values import Secret

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Answer(msgspec.Struct, frozen=True):
    """What the router said. ``body`` is at most 64 KiB of text."""

    status: int
    body: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


async def send_signed(url: str, body: bytes, auth_token: Secret) -> Answer:
    """POST ``body`` to ``url`` with Twilio's signature.

    Raises ConfigurationError when nothing answers there.
    """
    separator = "&" if "?" in url else "?"
    signed_url = f"{url}{separator}{urlencode({'bodySHA256': body_hash(body)})}"
    headers = {"X-Twilio-Signature": sign(signed_url, auth_token)}
    return await _post(signed_url, body, {**headers, "Content-Type": "application/json"})


async def send_plain(url: str, body: bytes, token: Secret | None) -> Answer:
    """POST ``body`` (one CloudEvent or an array) to ``url``, with a bearer token if there is one.

    Raises ConfigurationError when nothing answers there.
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
        raise ConfigurationError(f"{place}: {error or 'no answer within 10 s'}") from None
