"""The kind ``http``: alerts to a URL, signed as in Standard Webhooks, one by one or in batches.

Sources: the Standard Webhooks specification, version 1.0.0 (headers); CloudEvents 1.0.2, "HTTP
Protocol Binding", section 3.3 (batches).
"""

import asyncio
import functools
import ssl
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import Delivered, Delivery, Failed, Outcome, Preview
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.http_config import HttpConfig, signing_keys
from router.destinations.http_replies import ReplyPolicy
from router.destinations.rendering import json_body
from router.destinations.rendering.json_body import Body
from router.destinations.transport.batching import Batcher
from router.destinations.transport.credentials import (
    AccessToken,
    AccessTokenCache,
    basic_authorization,
)
from router.destinations.transport.http_client import USER_AGENT, HttpClient, HttpOptions
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.signing import signature
from router.destinations.transport.tls import client_context
from router.errors import ConfigurationError

_REPLAY_OF: Final = "router-replay-of"
# In reply to a batch, these may be due to one of its elements; other statuses concern all of it.
_ONE_MAY_BE_BAD: Final = frozenset({400, 413, 422})


class HttpDestination:
    """One URL."""

    def __init__(self, name: str, config: HttpConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._keys = signing_keys(config)
        options = HttpOptions(
            timeout=config.timeout,
            connections=config.concurrency,
            proxy=config.proxy,
            tls=_certificates(name, config, environment),
        )
        headers = {name: value.reveal() for name, value in config.headers.items()}
        headers |= _static_authorization(config)
        self._client = HttpClient(
            config.url.reveal(),
            environment,
            options,
            headers=headers,
            secrets=(*config.headers.values(), *_password(config), *map(Secret, headers.values())),
            keeps_content=config.success is not None and config.success.reads_body,
        )
        self._policy = ReplyPolicy(config.success, config.retry_on, config.refuse_on)
        # Without ``tls``, because that is about the receiver, not about the token server.
        options = msgspec.structs.replace(options, tls=None, connections=1)
        self._tokens = (
            AccessTokenCache(config.oauth2, environment, options) if config.oauth2 else None
        )
        self._batcher = (
            Batcher(self._send_batch, limit=config.batch.max, wait=config.batch.wait)
            if config.batch
            else None
        )

    async def open(self) -> None:
        """Open the clients of the receiver and of the token server."""
        await self._client.open()
        if self._tokens is not None:
            await self._tokens.open()

    async def close(self) -> None:
        """Close the clients."""
        await self._client.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once, alone or as part of a batch."""
        if self._batcher is not None:
            return await self._batcher.attempt(delivery)
        return await self._send(self._report(self._body(delivery)), delivery.id)

    def preview(self, delivery: Delivery) -> Preview:
        """Return the request that ``attempt`` would send; secrets are ``***``."""
        sent = self._body(delivery)
        if self.config.batch:
            sent = json_body.batch_body([sent])
        headers = [
            ("host", urlsplit(self.config.url.reveal()).netloc),
            ("content-type", sent.content_type),
            ("user-agent", USER_AGENT),
            ("webhook-id", delivery.id),
            ("webhook-timestamp", "(when it is sent)"),
            *sent.headers.items(),
        ]
        if self._keys:
            signatures = " ".join("v1,(made when it is sent)" for _ in self._keys)
            headers.append(("webhook-signature", signatures))
        headers += [(name.lower(), str(value)) for name, value in self.config.headers.items()]
        if self._tokens is not None or _static_authorization(self.config):
            headers.append(("authorization", "***"))
        return Preview(tuple(headers), sent.content.decode("utf-8", "replace"), sent.content_type)

    def _body(self, delivery: Delivery) -> Body:
        links = self._environment.links(delivery.alert)
        if self.config.body is not None:
            sent = json_body.template_body(delivery, self.config.body, links)
        else:
            sent = json_body.alert_body(delivery, self.config.format, links)
        if not delivery.replay_of:
            return sent
        headers = {**sent.headers, _REPLAY_OF: delivery.replay_of}
        return msgspec.structs.replace(sent, headers=headers)

    def _report(self, sent: Body) -> Body:
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
        if not isinstance(outcome, Delivered) and outcome.status == 401:
            # The token may have been revoked. A second 401 means that the client is rejected.
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
        secrets = () if token is None else (token.text,)
        reply = await self._client.send(
            sent.content, headers, method=self.config.method, secrets=secrets
        )
        if not isinstance(reply, HttpReply):
            return reply
        show = functools.partial(self._client.show, secrets=secrets)
        return self._policy.outcome(reply, now=self._environment.now(), show=show)

    async def _send_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send a batch within one deadline and return the outcome of each delivery.

        A batch that is refused for its content is halved until the bad delivery is alone.
        """
        bodies = [self._report(self._body(delivery)) for delivery in deliveries]
        outcomes: dict[int, Outcome] = {}
        try:
            async with asyncio.timeout(self.config.timeout):
                await self._send_halves(range(len(bodies)), deliveries, bodies, outcomes)
        except TimeoutError:
            pass
        return [outcomes.get(index, Failed("timed out")) for index in range(len(bodies))]

    async def _send_halves(
        self,
        part: range,
        deliveries: Sequence[Delivery],
        bodies: Sequence[Body],
        outcomes: dict[int, Outcome],
    ) -> None:
        sent = json_body.batch_body([bodies[index] for index in part])
        outcome = await self._send(sent, _batch_id([deliveries[index].id for index in part]))
        refused = not isinstance(outcome, Delivered) and outcome.status in _ONE_MAY_BE_BAD
        if refused and len(part) > 1:
            middle = len(part) // 2
            await self._send_halves(part[:middle], deliveries, bodies, outcomes)
            await self._send_halves(part[middle:], deliveries, bodies, outcomes)
        else:
            outcomes.update(dict.fromkeys(part, outcome))


def _certificates(name: str, config: HttpConfig, environment: Environment) -> ssl.SSLContext | None:
    """Return the destination's TLS context, if it has its own.

    Raises:
        ConfigurationError: A file has changed since the rules were loaded and is not valid.
    """
    if config.tls is None:
        return None
    try:
        return client_context(config.tls, environment.tls)
    except ValueError as error:
        raise ConfigurationError(f"destination {name}: tls: {error}") from None


def _batch_id(ids: Sequence[str]) -> str:
    """Return the id of a request: its only delivery's, else one derived from all their ids."""
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
