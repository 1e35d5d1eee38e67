"""Is this request from Twilio? Pure.

Source: Twilio, "Webhook Quickstart" of Event Streams, "Validating Event Streams webhooks",
"Security", "Sign webhooks with shared keys", and Twilio's own library, which the tests compare
with: ``X-Twilio-Signature`` is the base64 of an HMAC over the URL exactly as the sink has it plus
the query, keyed with the account's auth token; the query holds ``bodySHA256``, the hex SHA-256 of
the body. There is no timestamp: de-duplication is the protection against replays.
"""

import base64
import enum
import functools
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from router.datatypes import Secret

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_HASH: Final = "bodySHA256"
_DIGESTS: Final = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


class SignatureCheck(enum.StrEnum):
    """What became of the checks, in the order in which they are made."""

    GENUINE = "genuine"
    NO_SIGNATURE = "no X-Twilio-Signature header"
    NO_TOKEN = "no auth token is configured: set ROUTER_TWILIO_AUTH_TOKENS"  # noqa: S105 - a reason
    UNKNOWN_ALGORITHM = "the signature's algorithm is neither HMAC_SHA1 nor HMAC_SHA256"
    WRONG_SIGNATURE = "the signature does not fit the URL"
    NO_BODY_HASH = "the URL has no bodySHA256"
    WRONG_BODY_HASH = "bodySHA256 does not fit the body"


def check(
    *,
    signature: str | None,
    url: str,
    body: bytes,
    auth_tokens: Sequence[Secret],
    settings: str = "",
) -> SignatureCheck:
    """Check one request. ``url`` is the one that Twilio called, query included."""
    result = check_url(signature=signature, url=url, auth_tokens=auth_tokens, settings=settings)
    return check_body(url, body) if result is SignatureCheck.GENUINE else result


def check_url(
    *,
    signature: str | None,
    url: str,
    auth_tokens: Sequence[Secret],
    settings: str = "",
    credentials: str = "",
) -> SignatureCheck:
    """Whether one of the tokens signed, as ``find_signing_token`` finds it."""
    found = find_signing_token(
        signature=signature,
        url=url,
        auth_tokens=auth_tokens,
        settings=settings,
        credentials=credentials,
    )
    return found if isinstance(found, SignatureCheck) else SignatureCheck.GENUINE


def find_signing_token(
    *,
    signature: str | None,
    url: str,
    auth_tokens: Sequence[Secret],
    settings: str = "",
    credentials: str = "",
) -> Secret | SignatureCheck:
    """The token that signed, or what is wrong. The body is not needed, so a stranger's is not read.

    ``settings`` is the header ``X-Twilio-Webhooks-Signature-Settings`` that comes with a shared
    key, ``credentials`` the ``user:password`` that the sink's URL is known to carry. Every token
    is tried (rotation, subaccounts, shared keys), each compared in constant time; the first that
    fits ends it, which tells nothing to whoever has none.
    """
    if not signature:
        return SignatureCheck.NO_SIGNATURE
    if not auth_tokens:
        return SignatureCheck.NO_TOKEN
    digest = _DIGESTS.get(_algorithm(settings))
    if digest is None:
        return SignatureCheck.UNKNOWN_ALGORITHM
    given = signature.encode("utf-8", "surrogateescape")
    for variant in _variants(url, credentials):
        text = variant.encode("utf-8", "surrogateescape")
        for token in auth_tokens:
            if hmac.compare_digest(given, _signature(text, token, digest)):
                return token
    return SignatureCheck.WRONG_SIGNATURE


def check_body(url: str, body: bytes) -> SignatureCheck:
    """Check the body against the hash in ``url``, whose signature is known to be genuine."""
    actual = body_hash(body)
    if url.endswith((f"?{_HASH}={actual}", f"&{_HASH}={actual}")) and url.count(_HASH) == 1:
        return (
            SignatureCheck.GENUINE
        )  # as Twilio writes it; taking the URL apart costs more than the hash
    stated = parse_qs(urlsplit(url).query).get(_HASH, [""])[0]
    if not stated:
        return SignatureCheck.NO_BODY_HASH
    if not hmac.compare_digest(stated.lower().encode("utf-8", "surrogateescape"), actual.encode()):
        return SignatureCheck.WRONG_BODY_HASH
    return SignatureCheck.GENUINE


def sign(url: str, auth_token: Secret) -> str:
    """The X-Twilio-Signature of a JSON request to ``url``."""
    return _signature(url.encode("utf-8", "surrogateescape"), auth_token, "sha1").decode()


def body_hash(body: bytes) -> str:
    """What ``bodySHA256`` must be."""
    return hashlib.sha256(body).hexdigest()


def called_url(public_url: str, raw_path: str) -> str:
    """The URL as Twilio called it, from the public one and the request's own path and query.

    ``public_url`` may hold a path prefix that the proxy in front strips, or be the whole URL of
    the sink.
    """
    path, question, query = raw_path.partition("?")
    return _whole(public_url, path) + question + query


@functools.lru_cache(maxsize=64)
def _whole(public_url: str, path: str) -> str:
    """The public URL of ``path``, without a query."""
    base = public_url.partition("?")[0].rstrip("/")
    return base if urlsplit(base).path.endswith(path.rstrip("/")) else base + path


@functools.lru_cache(maxsize=16)
def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _signature(text: bytes, token: Secret, digest: str) -> bytes:
    keyed = _keyed(token, digest).copy()
    keyed.update(text)
    return base64.b64encode(keyed.digest())


@functools.lru_cache(maxsize=64)
def _keyed(token: Secret, digest: str) -> hmac.HMAC:
    """What every signature with this token begins with."""
    return hmac.new(token.reveal().encode("utf-8", "surrogateescape"), digestmod=digest)


def _variants(url: str, credentials: str) -> Iterator[str]:
    """The URL with its port and without, and the same as the sink has it, with its credentials.

    Twilio signs now with, now without the port, so its libraries take both.
    """
    yield url
    parts = urlsplit(url)
    host, port = _host_and_port(parts.netloc)
    other = host if port else f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 80)}"
    yield urlunsplit(parts._replace(netloc=other))
    if credentials:
        user, _, password = credentials.partition(":")
        for written in {credentials, f"{quote(user, safe='')}:{quote(password, safe='')}"}:
            for place in (parts.netloc, other):
                yield urlunsplit(parts._replace(netloc=f"{written}@{place}"))


def _host_and_port(netloc: str) -> tuple[str, str]:
    host, colon, port = netloc.rpartition(":")
    return (host, port) if colon and port.isdecimal() else (netloc, "")
