"""Twilio's request signatures: checking them, and making them for ``router send --sign``. Pure.

``X-Twilio-Signature`` is the base64 of an HMAC over the URL exactly as Twilio has it, query included,
keyed with the account's auth token. There is no timestamp: de-duplication is the protection against
replays. The body is covered in one of two ways:

- JSON: the query contains ``bodySHA256``, the hex SHA-256 of the body.
- A form: names and values of the fields follow the URL in the signed text, sorted by name.

Source: Twilio, "Webhook Quickstart" of Event Streams, "Validating Event Streams webhooks",
"Security", "Sign webhooks with shared keys", and Twilio's own library, with which the tests compare.
"""

import base64
import enum
import functools
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit, urlunsplit

from router.datatypes import Secret

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
SIGNATURE_HEADER: Final = "X-Twilio-Signature"
SETTINGS_HEADER: Final = "X-Twilio-Webhooks-Signature-Settings"
"""It names the algorithm of a shared key."""
_HASH: Final = "bodySHA256"
_MAX_FIELDS: Final = 1000
_DIGESTS: Final = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


class SignatureCheck(enum.StrEnum):
    """The results of the checks, in the order of the checks. The name is the error's code."""

    GENUINE = "genuine"
    NO_SIGNATURE = "the header X-Twilio-Signature is missing"
    NO_TOKEN = "no auth token is configured: set ROUTER_TWILIO_AUTH_TOKENS"  # noqa: S105 - a reason
    UNKNOWN_ALGORITHM = "the signature's algorithm is neither HMAC_SHA1 nor HMAC_SHA256"
    WRONG_SIGNATURE = "the signature does not match the URL"
    NO_BODY_HASH = "bodySHA256 is missing in the URL"
    WRONG_BODY_HASH = "bodySHA256 does not match the body"


def find_signing_token(
    *,
    signature: str | None,
    urls: Sequence[str],
    auth_tokens: Sequence[Secret],
    settings: str = "",
    credentials: str = "",
    fields: str = "",
) -> Secret | SignatureCheck:
    """Return the auth token that signed the URL, or the check that failed.

    The body is not needed, so that the body of an unsigned request is never read. All tokens are
    tried (rotation, subaccounts, shared keys), each compared in constant time. The search ends at
    the first match, which reveals nothing to a sender without a token.

    Args:
        signature: The header ``X-Twilio-Signature``.
        urls: The URLs that Twilio may have called, query included, the most likely one first.
        auth_tokens: The configured tokens.
        settings: The header ``X-Twilio-Webhooks-Signature-Settings``, sent with a shared key.
        credentials: The ``user:password`` in the sink's URL, already verified.
        fields: The fields of a form, as ``signed_fields`` returns them.
    """
    if not signature:
        return SignatureCheck.NO_SIGNATURE
    if not auth_tokens:
        return SignatureCheck.NO_TOKEN
    digest = _DIGESTS.get(_algorithm(settings))
    if digest is None:
        return SignatureCheck.UNKNOWN_ALGORITHM
    given = signature.encode("utf-8", "surrogateescape")
    for url in urls:
        for variant in _variants(url, credentials):
            text = (variant + fields).encode("utf-8", "surrogateescape")
            for token in auth_tokens:
                if hmac.compare_digest(given, _signature(text, token, digest)):
                    return token
    return SignatureCheck.WRONG_SIGNATURE


def check_body(url: str, body: bytes) -> SignatureCheck:
    """Check ``body`` against the hash in ``url``, whose signature is already verified."""
    actual = body_hash(body)
    # Twilio writes the hash last; a comparison there saves parsing the URL, which costs more than
    # the hash itself.
    if url.endswith((f"?{_HASH}={actual}", f"&{_HASH}={actual}")) and url.count(_HASH) == 1:
        return SignatureCheck.GENUINE
    stated = parse_qs(urlsplit(url).query).get(_HASH, [""])[0]
    if not stated:
        return SignatureCheck.NO_BODY_HASH
    if not hmac.compare_digest(stated.lower().encode("utf-8", "surrogateescape"), actual.encode()):
        return SignatureCheck.WRONG_BODY_HASH
    return SignatureCheck.GENUINE


def signed_fields(body: bytes) -> str:
    """Return the fields of a form as they follow the URL in the signed text.

    A field that is repeated has each of its values once, in order. Raises ValueError for too many.
    """
    fields = parse_qsl(
        body.decode("utf-8", "surrogateescape"),
        keep_blank_values=True,
        errors="surrogateescape",
        max_num_fields=_MAX_FIELDS,
    )
    return "".join(name + value for name, value in sorted(set(fields)))


def has_body_hash(query: str) -> bool:
    """Return whether a query contains ``bodySHA256``."""
    return _HASH in query and _HASH in parse_qs(query, keep_blank_values=True)


def sign(url: str, auth_token: Secret, fields: str = "") -> str:
    """Return the ``X-Twilio-Signature`` of a request to ``url``."""
    text = (url + fields).encode("utf-8", "surrogateescape")
    return _signature(text, auth_token, "sha1").decode()


def body_hash(body: bytes) -> str:
    """Return the ``bodySHA256`` of ``body``."""
    return hashlib.sha256(body).hexdigest()


def called_urls(public_url: str, raw_path: str, sink_url: str = "") -> list[str]:
    """Return the URLs that Twilio may have called, the most likely one first.

    Args:
        public_url: The router's public URL. It may end in a path prefix that the proxy strips, or
            be the whole URL of the sink, whatever path the proxy makes of it.
        raw_path: Path and query of the request.
        sink_url: The URL of the sink, if it is configured; then no other counts.
    """
    path, question, query = raw_path.partition("?")
    if sink_url:
        return [sink_url + question + query]
    return [url + question + query for url in _public_urls_of(public_url, path)]


@functools.lru_cache(maxsize=64)
def _public_urls_of(public_url: str, path: str) -> tuple[str, ...]:
    """Return the public URLs of ``path``, without a query."""
    whole = public_url.partition("?")[0]
    base = whole.rstrip("/")
    is_whole = urlsplit(base).path.endswith(path.rstrip("/"))
    first = base if is_whole else base + path
    return tuple(dict.fromkeys((first, base + path, whole, base, f"{base}/")))


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
    """Return an HMAC with the key set, which each signature with this token starts from."""
    return hmac.new(token.reveal().encode("utf-8", "surrogateescape"), digestmod=digest)


def _variants(url: str, credentials: str) -> Iterator[str]:
    """Yield the URL with its port and without, each also with the credentials of the sink's URL.

    Twilio signs with the port in some requests and without it in others, so its libraries accept
    both.
    """
    yield url
    parts = urlsplit(url)
    host, port = _host_and_port(parts.netloc)
    other = host if port else f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 80)}"
    yield urlunsplit(parts._replace(netloc=other))
    if credentials:
        user, _, password = credentials.partition(":")
        for written in {credentials, f"{quote(user, safe='')}:{quote(password, safe='')}"}:
            for netloc in (parts.netloc, other):
                yield urlunsplit(parts._replace(netloc=f"{written}@{netloc}"))


def _host_and_port(netloc: str) -> tuple[str, str]:
    host, colon, port = netloc.rpartition(":")
    return (host, port) if colon and port.isdecimal() else (netloc, "")
