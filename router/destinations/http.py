"""The kind ``http``: alerts to a URL, signed as Standard Webhooks says, each alone or in batches.

Sources: the Standard Webhooks specification, version 1.0.0 (headers); CloudEvents 1.0.2, "HTTP
Protocol Binding", section 3.3 (batches).
"""

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from router.alerts import Delivery, Failed, Outcome, Preview, Refused
from router.datatypes import Duration, Secret
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.rendering import json_body as bodies
from router.destinations.rendering.json_body import Body, Format
from router.destinations.transport import http_status as answers
from router.destinations.transport.batching import Batcher
from router.destinations.transport.credentials import (
    AccessToken,
    AccessTokenCache,
    BasicConfig,
    OAuth2Config,
    basic_authorization,
)
from router.destinations.transport.http_client import (
    USER_AGENT,
    HttpClient,
    HttpOptions,
    check_proxy,
)
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.signing import signature, signing_key
from router.destinations.transport.tls import TlsConfig, client_context
from router.errors import ConfigurationError

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]+")
_OURS: Final = frozenset(
    {
        *("connection", "content-encoding", "content-length", "content-type", "host"),
        *("router-replay-of", "transfer-encoding"),
        *("webhook-id", "webhook-signature", "webhook-timestamp"),
    }
)
_REPLAY_OF: Final = "router-replay-of"
_BATCHES: Final = frozenset({Format.CLOUDEVENTS, Format.EVENT})
# Said of a batch, these may be one element's fault; others are the fault of the whole.
_ONE_MAY_BE_BAD: Final = frozenset({400, 413, 422})
_LONGEST_WAIT: Final = 1.0
_LARGEST_BATCH: Final = 1000


class BatchConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many alerts leave in one request, and how long the first waits for the others."""

    max: int = 100
    wait: Duration = Duration(0.05)

    def __post_init__(self) -> None:
        if not 2 <= self.max <= _LARGEST_BATCH:
            raise ValueError(f"max must be from 2 to {_LARGEST_BATCH}")
        if self.wait > _LONGEST_WAIT:
            raise ValueError(f"wait must be at most {_LONGEST_WAIT:g}s")


class HttpConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rules folder says of an ``http`` destination."""

    url: Secret
    """Secret, because many such URLs are: who knows them may post to them."""
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    """Sent with each request; values are never shown."""
    bearer: Secret | None = None
    basic: BasicConfig | None = None
    oauth2: OAuth2Config | None = None
    signing_secret: Secret | None = None
    """``whsec_`` and the key in base64, or any other text, which is then the key itself."""
    signing_secrets: tuple[Secret, ...] = ()
    """Several while one is being replaced: each signs."""
    format: Format = Format.JSON
    body: dict[str, Any] | None = None
    """A JSON object whose texts are templates, instead of a format."""
    batch: BatchConfig | None = None
    tls: TlsConfig | None = None
    proxy: Secret | None = None
    """An HTTP proxy's URL, or ``direct``; else as ROUTER_PROXY says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_url(self.url)
        for name, value in self.headers.items():
            _check_header(name, value)
        self._check_credentials()
        if self.signing_secret is not None and self.signing_secrets:
            raise ValueError("signing_secrets holds all of them, leave out signing_secret")
        signing_keys(self)
        self._check_form()
        check_proxy(self.proxy)

    @property
    def slots(self) -> int:
        return self.concurrency * (self.batch.max if self.batch else 1)

    def _check_credentials(self) -> None:
        given = [name for name in ("bearer", "basic", "oauth2") if getattr(self, name) is not None]
        given += [f"headers: {name}" for name in self.headers if name.lower() == "authorization"]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if self.bearer is not None and not _HEADER_VALUE.fullmatch(self.bearer.reveal()):
            raise ValueError("bearer has characters that a header cannot have")

    def _check_form(self) -> None:
        if self.body is not None:
            if self.format is not Format.JSON:
                raise ValueError("body and format exclude each other")
            bodies.check_template(self.body)
        if self.batch and (self.body is not None or self.format not in _BATCHES):
            raise ValueError("batch is for format: cloudevents and format: event only")


class HttpDestination:
    """One URL."""

    def __init__(self, name: str, config: HttpConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._keys = signing_keys(config)
        way = HttpOptions(
            timeout=config.timeout,
            connections=config.concurrency,
            proxy=config.proxy,
            tls=_certificates(name, config, environment),
        )
        headers = {name: value.reveal() for name, value in config.headers.items()}
        headers |= _static_authorization(config)
        self._exchange = HttpClient(
            config.url.reveal(),
            environment,
            way,
            headers=headers,
            secrets=(*config.headers.values(), *_password(config), *map(Secret, headers.values())),
        )
        # The token's server has certificates of its own; ``tls`` is about the receiver.
        way = msgspec.structs.replace(way, tls=None, connections=1)
        self._tokens = AccessTokenCache(config.oauth2, environment, way) if config.oauth2 else None
        self._gathering = (
            Batcher(self._send_batch, limit=config.batch.max, wait=config.batch.wait)
            if config.batch
            else None
        )

    async def open(self) -> None:
        await self._exchange.open()
        if self._tokens is not None:
            await self._tokens.open()

    async def close(self) -> None:
        await self._exchange.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        if self._gathering is not None:
            return await self._gathering.attempt(delivery)
        return await self._send(self._tell(self._body(delivery)), delivery.id)

    def preview(self, delivery: Delivery) -> Preview:
        sent = self._body(delivery)
        if self.config.batch:
            sent = bodies.batch_body([sent])
        headers = [
            ("host", urlsplit(self.config.url.reveal()).netloc),
            ("content-type", sent.content_type),
            ("user-agent", USER_AGENT),
            ("webhook-id", delivery.id),
            ("webhook-timestamp", "(when it is sent)"),
            *sent.headers.items(),
        ]
        if self._keys:
            made = " ".join("v1,(made when it is sent)" for _ in self._keys)
            headers.append(("webhook-signature", made))
        headers += [(name.lower(), str(value)) for name, value in self.config.headers.items()]
        if self._tokens is not None or _static_authorization(self.config):
            headers.append(("authorization", "***"))
        return Preview(tuple(headers), sent.content.decode("utf-8", "replace"), sent.content_type)

    def _body(self, delivery: Delivery) -> Body:
        links = self._environment.links(delivery.alert)
        if self.config.body is not None:
            sent = bodies.template_body(delivery, self.config.body, links)
        else:
            sent = bodies.alert_body(delivery, self.config.format, links)
        if not delivery.replay_of:
            return sent
        headers = {**sent.headers, _REPLAY_OF: delivery.replay_of}
        return msgspec.structs.replace(sent, headers=headers)

    def _tell(self, sent: Body) -> Body:
        for error in sent.errors:
            self._environment.on_template_error(error)
        return sent

    async def _send(self, sent: Body, message_id: str) -> Outcome:
        if self._tokens is None:
            return await self._post(sent, message_id)
        try:
            async with asyncio.timeout(self.config.timeout):
                return await self._send_with_token(self._tokens, sent, message_id)
        except TimeoutError:
            return Failed("timed out")

    async def _send_with_token(
        self, tokens: AccessTokenCache, sent: Body, message_id: str
    ) -> Outcome:
        token = await tokens.get()
        if not isinstance(token, AccessToken):
            return token
        outcome = await self._post(sent, message_id, token)
        if isinstance(outcome, Refused) and outcome.status == 401:
            # It may have been revoked before its time; a second 401 is about the client.
            token = await tokens.get(refused=token)
            if not isinstance(token, AccessToken):
                return token
            outcome = await self._post(sent, message_id, token)
        return outcome

    async def _post(self, sent: Body, message_id: str, token: AccessToken | None = None) -> Outcome:
        now = int(self._environment.now())
        headers = {
            "Content-Type": sent.content_type,
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            **sent.headers,
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, message_id, now, sent.content)
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text.reveal()}"
        answer = await self._exchange.send(
            sent.content,
            headers,
            method=self.config.method,
            secrets=() if token is None else (token.text,),
        )
        if not isinstance(answer, HttpReply):
            return answer
        return answers.outcome(answer, now=self._environment.now())

    async def _send_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """The outcome of each, all within one deadline.

        A batch that is refused for what it holds is halved, until the one that is bad stands alone.
        """
        made = [self._tell(self._body(delivery)) for delivery in deliveries]
        outcomes: dict[int, Outcome] = {}
        try:
            async with asyncio.timeout(self.config.timeout):
                await self._send_halves(range(len(made)), deliveries, made, outcomes)
        except TimeoutError:
            pass
        return [outcomes.get(index, Failed("timed out")) for index in range(len(made))]

    async def _send_halves(
        self,
        part: range,
        deliveries: Sequence[Delivery],
        made: Sequence[Body],
        outcomes: dict[int, Outcome],
    ) -> None:
        sent = bodies.batch_body([made[index] for index in part])
        outcome = await self._send(sent, _batch_id([deliveries[index].id for index in part]))
        refused = isinstance(outcome, Refused) and outcome.status in _ONE_MAY_BE_BAD
        if refused and len(part) > 1:
            middle = len(part) // 2
            await self._send_halves(part[:middle], deliveries, made, outcomes)
            await self._send_halves(part[middle:], deliveries, made, outcomes)
        else:
            outcomes.update(dict.fromkeys(part, outcome))


def _certificates(name: str, config: HttpConfig, environment: Environment) -> ssl.SSLContext | None:
    """Raises ConfigurationError for files that have changed since the rules were loaded."""
    if config.tls is None:
        return None
    try:
        return client_context(config.tls, environment.tls)
    except ValueError as error:
        raise ConfigurationError(f"destination {name}: tls: {error}") from None


def signing_keys(config: HttpConfig) -> tuple[bytes, ...]:
    if config.signing_secret is not None:
        return (signing_key(config.signing_secret),)
    return tuple(signing_key(secret, "signing_secrets") for secret in config.signing_secrets)


def _batch_id(ids: Sequence[str]) -> str:
    """One delivery's own id, or one that the same deliveries have each time."""
    if len(ids) == 1:
        return ids[0]
    return f"batch_{blake2b(' '.join(ids).encode(), digest_size=12).hexdigest()}"


def _static_authorization(config: HttpConfig) -> Mapping[str, str]:
    if config.bearer is not None:
        return {"Authorization": f"Bearer {config.bearer.reveal()}"}
    if config.basic is not None:
        return {"Authorization": basic_authorization(config.basic.user, config.basic.password)}
    return {}


def _password(config: HttpConfig) -> tuple[Secret, ...]:
    return (config.basic.password,) if config.basic else ()


def _check_url(url: Secret) -> None:
    try:
        parts = urlsplit(url.reveal())
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("url is not a URL") from None
    if not usable:
        raise ValueError("url must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url holds a user or password, write basic: {user: …, password: …}")


def _check_header(name: str, value: Secret) -> None:
    if name.lower() in _OURS or name.lower().startswith("ce-"):
        raise ValueError(f"headers: {name} is set by the router itself")
    if not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value.reveal()):
        raise ValueError(f"headers: {name!r} or its value has characters that a header cannot")
