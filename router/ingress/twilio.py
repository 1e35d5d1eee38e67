"""Is this request from Twilio? Pure.

Source: Twilio, "Validating Event Streams webhooks" and "Security: validating signatures":
``X-Twilio-Signature`` is the base64 of HMAC-SHA1 over the URL exactly as Twilio called it, keyed
with the account's auth token; the URL's query holds ``bodySHA256``, the hex SHA-256 of the body.
There is no timestamp: de-duplication is the protection against replays.
"""

import base64
import enum
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

from router.values import Secret

_DEFAULT_PORTS = {"https": 443, "http": 80}


class Check(enum.StrEnum):
    """What became of the checks, in the order in which they are made."""

    GENUINE = "genuine"
    NO_SIGNATURE = "no X-Twilio-Signature header"
    NO_TOKEN = "no auth token is configured: set ROUTER_TWILIO_AUTH_TOKENS"  # noqa: S105 - a reason
    WRONG_SIGNATURE = "the signature does not fit the URL"
    NO_BODY_HASH = "the URL has no bodySHA256"
    WRONG_BODY_HASH = "bodySHA256 does not fit the body"


def check(*, signature: str | None, url: str, body: bytes, auth_tokens: Sequence[Secret]) -> Check:
    """Check one request. ``url`` is the one that Twilio called, query included.

    Every token is tried (rotation, subaccounts), each compared in constant time. The URL counts
    with and without its default port, as in Twilio's own libraries.
    """
    if not signature:
        return Check.NO_SIGNATURE
    if not auth_tokens:
        return Check.NO_TOKEN
    given = signature.encode("utf-8", "surrogateescape")
    genuine = False
    for token in auth_tokens:
        for variant in _port_variants(url):
            genuine |= hmac.compare_digest(given, sign(variant, token).encode())
    if not genuine:
        return Check.WRONG_SIGNATURE
    stated = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
    if not stated:
        return Check.NO_BODY_HASH
    # Twilio's library compares the hex text without regard to case.
    if not hmac.compare_digest(stated.lower().encode(), body_hash(body).encode()):
        return Check.WRONG_BODY_HASH
    return Check.GENUINE


def sign(url: str, auth_token: Secret) -> str:
    """The X-Twilio-Signature of a JSON request to ``url``."""
    digest = hmac.digest(auth_token.reveal().encode(), url.encode(), "sha1")
    return base64.b64encode(digest).decode()


def body_hash(body: bytes) -> str:
    """What ``bodySHA256`` must be."""
    return hashlib.sha256(body).hexdigest()


def called_url(public_url: str, raw_path: str) -> str:
    """The URL as Twilio called it, from the public one and the request's own path and query.

    ``public_url`` may hold a path prefix that the proxy in front strips, or be the whole URL of
    the sink.
    """
    path, question, query = raw_path.partition("?")
    base = public_url.partition("?")[0].rstrip("/")
    if urlsplit(base).path.endswith(path.rstrip("/")):
        return base + question + query
    return base + path + question + query


def _port_variants(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    host = parts.netloc
    try:
        port = parts.port
    except ValueError:
        return (url,)
    if port is None and default is not None:
        return (url, urlunsplit(parts._replace(netloc=f"{host}:{default}")))
    if port == default:
        return (url, urlunsplit(parts._replace(netloc=host.rpartition(":")[0])))
    return (url,)
