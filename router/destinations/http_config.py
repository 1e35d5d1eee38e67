"""The configuration of the kind ``http``, and its checks."""

import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from router.datatypes import Duration, Secret
from router.destinations.contract import ConfigWarning, DestinationConfig
from router.destinations.http_replies import StatusCodes, SuccessConfig, status_set
from router.destinations.rendering.json_body import Format, check_template
from router.destinations.transport.credentials import BasicConfig, OAuth2Config
from router.destinations.transport.http_client import check_proxy
from router.destinations.transport.signing import is_ambiguous, signing_key
from router.destinations.transport.tls import TlsConfig

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]+")
_OWN_HEADERS: Final = frozenset(
    {
        *("connection", "content-encoding", "content-length", "content-type", "host"),
        *("router-replay-of", "transfer-encoding"),
        *("webhook-id", "webhook-signature", "webhook-timestamp"),
    }
)
_AMBIGUOUS: Final = (
    "looks like base64, and without its prefix the text itself is the key: receivers that decode it,"
    " as the libraries of Standard Webhooks do, will reject each signature"
)
_AMBIGUOUS_HINT: Final = (
    "write whsec_ before it if receivers decode it, or text: if the text is the key"
)
_BATCHED_FORMATS: Final = frozenset({Format.CLOUDEVENTS, Format.EVENT})
_MAX_BATCH_WAIT: Final = 1.0
_MAX_BATCH: Final = 1000


class BatchConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batches in which alerts are sent."""

    max: int = 100
    """The most alerts of one request."""
    wait: Duration = Duration(0.05)
    """How long the first alert waits for others."""

    def __post_init__(self) -> None:
        if not 2 <= self.max <= _MAX_BATCH:
            raise ValueError(f"max must be from 2 to {_MAX_BATCH}")
        if self.wait > _MAX_BATCH_WAIT:
            raise ValueError(f"wait must be at most {_MAX_BATCH_WAIT:g}s")


class HttpConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of an ``http`` destination."""

    url: Secret
    """Secret, because many such URLs are credentials: they allow their holder to post."""
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    """Headers of each request; their values are never shown."""
    bearer: Secret | None = None
    basic: BasicConfig | None = None
    oauth2: OAuth2Config | None = None
    signing_secret: Secret | None = None
    """``whsec_`` and the key in base64; or a text that is the key itself, also after ``text:``."""
    signing_secrets: tuple[Secret, ...] = ()
    """Several secrets, while one is being replaced: each signs."""
    format: Format = Format.JSON
    body: dict[str, Any] | None = None
    """A JSON object whose texts are templates, instead of a format."""
    batch: BatchConfig | None = None
    tls: TlsConfig | None = None
    proxy: Secret | None = None
    """An HTTP proxy's URL or ``direct``, instead of ROUTER_PROXY."""
    success: SuccessConfig | None = None
    """The replies that are a success, instead of each 2xx."""
    retry_on: StatusCodes = ()
    """Statuses to retry besides 408, 421, 423, 425, 429, 499 and 5xx; classes such as ``4xx``."""
    refuse_on: StatusCodes = ()
    """Statuses that are final, although they would be retried."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_url(self.url)
        for name, value in self.headers.items():
            _check_header(name, value)
        self._check_credentials()
        if self.signing_secret is not None and self.signing_secrets:
            raise ValueError("signing_secrets has all of them, leave out signing_secret")
        signing_keys(self)
        self._check_form()
        check_proxy(self.proxy)
        both = status_set("retry_on", self.retry_on) & status_set("refuse_on", self.refuse_on)
        if both:
            raise ValueError(f"refuse_on and retry_on both have {min(both)}")

    def warnings(self) -> tuple[ConfigWarning, ...]:
        """Return a warning of each key whose secret may be meant as base64."""
        given = {
            "signing_secret": [self.signing_secret] if self.signing_secret else [],
            "signing_secrets": self.signing_secrets,
        }
        return tuple(
            ConfigWarning(key, f"{key} {_AMBIGUOUS}", _AMBIGUOUS_HINT)
            for key, secrets in given.items()
            if any(is_ambiguous(secret) for secret in secrets)
        )

    @property
    def slots(self) -> int:
        """The most concurrent attempts: each request may carry a whole batch."""
        return self.concurrency * (self.batch.max if self.batch else 1)

    def _check_credentials(self) -> None:
        given = [name for name in ("bearer", "basic", "oauth2") if getattr(self, name) is not None]
        given += [f"headers: {name}" for name in self.headers if name.lower() == "authorization"]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if self.bearer is not None and not _HEADER_VALUE.fullmatch(self.bearer.reveal()):
            raise ValueError("bearer has characters that are not allowed in a header")

    def _check_form(self) -> None:
        if self.body is not None:
            if self.format is not Format.JSON:
                raise ValueError("body and format exclude each other")
            check_template(self.body)
        if self.batch and (self.body is not None or self.format not in _BATCHED_FORMATS):
            raise ValueError("batch is for format: cloudevents and format: event only")


def signing_keys(config: HttpConfig) -> tuple[bytes, ...]:
    """Return the keys with which each request is signed, often none."""
    if config.signing_secret is not None:
        return (signing_key(config.signing_secret),)
    return tuple(signing_key(secret, "signing_secrets") for secret in config.signing_secrets)


def _check_url(url: Secret) -> None:
    try:
        parts = urlsplit(url.reveal())
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("url is not a URL") from None
    if not usable:
        raise ValueError("url must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url contains a user or password, write basic: {user: …, password: …}")


def _check_header(name: str, value: Secret) -> None:
    if name.lower() in _OWN_HEADERS or name.lower().startswith("ce-"):
        raise ValueError(f"headers: {name} is set by the router itself")
    if not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value.reveal()):
        raise ValueError(
            f"headers: {name!r} or its value has characters that are not allowed in a header"
        )
