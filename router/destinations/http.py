"""The kind ``http``: the alert and the event as JSON to a URL, signed as Standard Webhooks says.

The event's bytes go out as they came in: the body is put together around them, never re-encoded.
Source of the headers and the signature: the Standard Webhooks specification, version 1.0.0.
"""

import base64
import binascii
import hmac
import re
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from router.alerts import Alert, Delivery, DeliveryId, Outcome, Preview
from router.destinations import DestinationConfig, Environment, answers
from router.destinations.answers import Answer
from router.destinations.exchange import USER_AGENT, Exchange
from router.destinations.render import Target, moment, summary
from router.values import Secret

_PREFIX: Final = "whsec_"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]+")
_OURS: Final = frozenset(
    {
        *("connection", "content-encoding", "content-length", "content-type", "host"),
        *("transfer-encoding", "webhook-id", "webhook-signature", "webhook-timestamp"),
    }
)


class HttpConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rules folder says of an ``http`` destination."""

    url: Secret
    """Secret, because many such URLs are: who knows them may post to them."""
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    """Sent with each request; values are never shown."""
    signing_secret: Secret | None = None
    """``whsec_`` and the key in base64, or any other text, which is then the key itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_url(self.url)
        for name, value in self.headers.items():
            _check_header(name, value)
        if self.signing_secret is not None:
            signing_key(self.signing_secret)


class HttpDestination:
    """One URL."""

    def __init__(self, name: str, config: HttpConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._key = None if config.signing_secret is None else signing_key(config.signing_secret)
        headers = {name: value.reveal() for name, value in config.headers.items()}
        self._exchange = Exchange(
            config.url.reveal(),
            environment,
            timeout=config.timeout,
            connections=config.concurrency,
            headers={"Content-Type": "application/json", **headers},
            secrets=config.headers.values(),
        )

    async def open(self) -> None:
        await self._exchange.open()

    async def close(self) -> None:
        await self._exchange.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        said = summary(delivery.alert, Target.TEXT)
        if said.error:
            self._environment.on_template_error(said.error)
        sent = body(delivery.alert, said.text)
        now = self._environment.now()
        headers = {"webhook-id": delivery.id, "webhook-timestamp": str(int(now))}
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, delivery.id, int(now), sent)
        answer = await self._exchange.send(sent, headers, method=self.config.method)
        if not isinstance(answer, Answer):
            return answer
        return answers.outcome(answer, now=self._environment.now())

    def preview(self, delivery: Delivery) -> Preview:
        headers = [
            ("host", urlsplit(self.config.url.reveal()).netloc),
            ("content-type", "application/json"),
            ("user-agent", USER_AGENT),
            ("webhook-id", delivery.id),
            ("webhook-timestamp", "(when it is sent)"),
        ]
        if self._key is not None:
            headers.append(("webhook-signature", "v1,(made when it is sent)"))
        headers += [(name.lower(), str(value)) for name, value in self.config.headers.items()]
        sent = body(delivery.alert, summary(delivery.alert, Target.TEXT).text)
        return Preview(tuple(headers), sent.decode("utf-8", "replace"), "application/json")


class _AlertBody(msgspec.Struct, frozen=True):
    id: str
    rule: str
    severity: str
    summary: str
    description: str
    raised_at: str


_encode = msgspec.json.Encoder().encode


def body(alert: Alert, summary_text: str) -> bytes:
    """``{"alert": {…}, "event": <the CloudEvent as it came in>}``, the same for each attempt."""
    described = _AlertBody(
        alert.id,
        alert.rule,
        alert.severity,
        summary_text,
        alert.description,
        moment(alert.raised_at),
    )
    return b'{"alert":%b,"event":%b}' % (_encode(described), alert.event)


def signature(key: bytes, delivery: DeliveryId, timestamp: int, sent: bytes) -> str:
    """The ``webhook-signature`` header: ``v1,`` and the HMAC-SHA256 in base64.

    ``timestamp`` is the ``webhook-timestamp`` header, Unix time in whole seconds.
    """
    signed = b"%b.%d.%b" % (delivery.encode(), timestamp, sent)
    return "v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False).decode()


def signing_key(secret: Secret) -> bytes:
    """The key that a secret stands for. Raises ValueError, without the secret, for none."""
    text = secret.reveal()
    encoded = text.removeprefix(_PREFIX)
    if encoded == text:
        key = text.encode()
    else:
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            raise ValueError("signing_secret: what follows `whsec_` is not base64") from None
    if not key:
        raise ValueError("signing_secret is empty, leave it out to send without a signature")
    return key


def _check_url(url: Secret) -> None:
    try:
        parts = urlsplit(url.reveal())
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("url is not a URL") from None
    if not usable:
        raise ValueError("url must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "url holds a user or password, write them as headers: {authorization: Basic …}"
        )


def _check_header(name: str, value: Secret) -> None:
    if name.lower() in _OURS:
        raise ValueError(f"headers: {name} is set by the router itself")
    if not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value.reveal()):
        raise ValueError(f"headers: {name!r} or its value has characters that a header cannot")
