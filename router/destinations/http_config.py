"""The configuration of the kind ``http``, and its checks."""

from typing import Any, Final, Literal

import msgspec

from router.datatypes import ByteSize, Duration, Secret
from router.destinations.contract import ConfigWarning, DestinationConfig
from router.destinations.http_checks import (
    HEADER_VALUE,
    check_content_type,
    check_header,
    check_url,
)
from router.destinations.http_replies import StatusCodes, SuccessConfig, status_set
from router.destinations.rendering.json_body import Format
from router.destinations.rendering.own_body import check_templates
from router.destinations.rendering.templates import is_template
from router.destinations.transport.credentials import BasicConfig, OAuth2Config, token_server
from router.destinations.transport.http_client import check_proxy
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.signing import is_ambiguous, signing_key
from router.destinations.transport.tls import TlsConfig

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
_MIN_BODY: Final = 4096
WITHOUT_BODY: Final = frozenset({"DELETE", "GET"})
"""The methods whose requests have no body."""


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
    """Secret, because many such URLs are credentials: they allow their holder to post. Its path and
    query may be templates."""
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "POST"
    """DELETE and GET have no body."""
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    """Headers of each request, also as templates; their values are never shown."""
    bearer: Secret | None = None
    """A token that each request has as ``Authorization: Bearer``; excludes ``basic`` and ``oauth2``."""
    basic: BasicConfig | None = None
    oauth2: OAuth2Config | None = None
    signing_secret: Secret | None = None
    """``whsec_`` and the key in base64; or a text that is the key itself, also after ``text:``."""
    signing_secrets: tuple[Secret, ...] = ()
    """Several secrets, while one is being replaced: each signs."""
    format: Format = Format.JSON
    content_type: str = ""
    """The content type, instead of that of the format, ``application/json`` or ``text/plain``."""
    body: dict[str, Any] | list[Any] | str | None = None
    """A JSON object or list whose texts are templates, or a text that is one; instead of a format."""
    form: dict[str, Secret] | None = None
    """The fields of a form, whose values are templates; instead of a format."""
    max_body: ByteSize | None = None
    """The largest body that the receiver takes. Of a larger one the event's data is left out first,
    then the other alerts of a group and so on."""
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
        check_url(self.url)
        for name, value in self.headers.items():
            check_header(name, value)
        check_content_type(self.content_type)
        self._check_credentials()
        if self.signing_secret is not None and self.signing_secrets:
            raise ValueError("signing_secrets has all of them, leave out signing_secret")
        signing_keys(self)
        self._check_form()
        check_proxy(self.proxy)
        self._check_statuses()

    def _check_statuses(self) -> None:
        both = status_set("retry_on", self.retry_on) & status_set("refuse_on", self.refuse_on)
        if both:
            raise ValueError(f"refuse_on and retry_on both have {min(both)}")
        wanted = self.success.status if self.success else ()
        successes = status_set("success", wanted or ("2xx",))
        wrong = successes & status_set("retry_on", self.retry_on)
        if wrong:
            raise ValueError(
                f"retry_on: {min(wrong)} is a success; success says which replies are none"
            )

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

    @property
    def longest_attempt(self) -> float:
        """The seconds after which an attempt has ended: a batch may be halved until each is alone."""
        halvings = self.batch.max.bit_length() if self.batch else 0
        return self.timeout * (1 + halvings)

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The receiver, and the token server."""
        receiver = Receiver.of(self.url.reveal(), proxy=self.proxy, tls=self.tls)
        if self.oauth2 is None:
            return (receiver,)
        return (receiver, token_server(self.oauth2, self.proxy))

    def _check_credentials(self) -> None:
        given = [name for name in ("bearer", "basic", "oauth2") if getattr(self, name) is not None]
        given += [f"headers: {name}" for name in self.headers if name.lower() == "authorization"]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if self.bearer is not None and not HEADER_VALUE.fullmatch(self.bearer.reveal()):
            raise ValueError("bearer has characters that are not allowed in a header")

    def _check_form(self) -> None:
        given = [name for name in ("body", "form") if getattr(self, name) is not None]
        given += ["format"] if self.format is not Format.JSON else []
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if given and self.method in WITHOUT_BODY:
            raise ValueError(f"{given[0]} and method {self.method} exclude each other")
        if self.body is not None:
            check_templates(self.body)
        if self.form is not None:
            self._check_fields(self.form)
        if self.max_body is not None and self.max_body < _MIN_BODY:
            raise ValueError(f"max_body must be at least {_MIN_BODY} bytes")
        if self.batch:
            self._check_batch()

    def _check_fields(self, form: dict[str, Secret]) -> None:
        if not form:
            raise ValueError("form has no fields")
        if self.content_type:
            raise ValueError("form has its own content type, leave out content_type")
        check_templates({name: value.reveal() for name, value in form.items()}, "form")

    def _check_batch(self) -> None:
        if self.body is not None or self.form or self.format not in _BATCHED_FORMATS:
            raise ValueError("batch is for format: cloudevents and format: event only")
        if self.method in WITHOUT_BODY:
            raise ValueError(f"batch and method {self.method} exclude each other")
        if is_template(self.url.reveal()) or any(
            is_template(value.reveal()) for value in self.headers.values()
        ):
            raise ValueError("batch sends many alerts in one request: url and headers without {{")


def signing_keys(config: HttpConfig) -> tuple[bytes, ...]:
    """Return the keys with which each request is signed, often none."""
    if config.signing_secret is not None:
        return (signing_key(config.signing_secret),)
    return tuple(signing_key(secret, "signing_secrets") for secret in config.signing_secrets)
