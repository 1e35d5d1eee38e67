"""The kind ``http``: alerts to a URL, signed as in Standard Webhooks, one by one or in batches.

Sources: the Standard Webhooks specification, version 1.0.0 (headers); CloudEvents 1.0.2, "HTTP
Protocol Binding", section 3.3 (batches).
"""

import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from router.alerts import Delivery, Outcome, Preview
from router.destinations.contract import Environment
from router.destinations.http_batches import BatchItem, BatchSender, batch_limit
from router.destinations.http_config import HttpConfig, signing_keys
from router.destinations.http_request import HttpRequest, RequestBuilder, masked
from router.destinations.http_sender import HttpSender, static_authorization
from router.destinations.rendering import json_body
from router.destinations.rendering.json_body import Body
from router.destinations.transport.batching import Batcher
from router.destinations.transport.http_client import USER_AGENT
from router.destinations.transport.tls import client_context
from router.errors import ConfigurationError


class HttpDestination:
    """One URL."""

    def __init__(self, name: str, config: HttpConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._builder = RequestBuilder(config)
        self._masked = RequestBuilder(masked(config))
        self._sender = HttpSender(
            config,
            environment,
            base_url=self._builder.base_url,
            headers=self._builder.constant_headers,
            tls=_certificates(name, config, environment),
        )
        self._batches = BatchSender(
            self._send_together,
            concurrency=config.concurrency,
            longest=config.longest_attempt,
            max_body=config.max_body,
            now=environment.now,
        )
        self._batcher = (
            Batcher(self._send_batch, limit=config.batch.max, wait=config.batch.wait)
            if config.batch
            else None
        )

    async def open(self) -> None:
        """Open the clients of the receiver and of the token server."""
        await self._sender.open()

    async def close(self) -> None:
        """Close the clients."""
        await self._sender.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once, alone or as part of a batch."""
        if self._batcher is not None and self.config.batch is not None:
            limit = batch_limit(delivery, self.config.batch.max)
            return await self._batcher.attempt(delivery, limit=limit)
        return await self._sender.send(self._request(delivery), delivery.id)

    def preview(self, delivery: Delivery) -> Preview:
        """Return the request that ``attempt`` would send; secrets are ``***``."""
        links = self._environment.links(delivery.alert)
        request = self._masked.build(delivery, links)
        sent = json_body.batch_body([request.body]) if self.config.batch else request.body
        url = self._masked.base_url + request.path
        headers = [
            ("method", self.config.method),
            ("url", request.problem or url),
            ("host", urlsplit(self.config.url.reveal()).netloc),
            *([("content-type", sent.content_type)] if sent.content_type else []),
            ("user-agent", USER_AGENT),
            ("webhook-id", delivery.id),
            ("webhook-timestamp", "(when it is sent)"),
        ]
        keys = signing_keys(self.config)
        if keys:
            signatures = " ".join("v1,(made when it is sent)" for _ in keys)
            headers.append(("webhook-signature", signatures))
        shown = {**self._masked.constant_headers, **request.body.headers}
        headers += [(name.lower(), text) for name, text in shown.items()]
        if self.config.oauth2 is not None or static_authorization(self.config):
            headers.append(("authorization", "***"))
        return Preview(tuple(headers), sent.content.decode("utf-8", "replace"), sent.content_type)

    def _request(self, delivery: Delivery) -> HttpRequest:
        request = self._builder.build(delivery, self._environment.links(delivery.alert))
        for error in request.errors:
            self._environment.on_template_error(error)
        return request

    async def _send_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        items = [BatchItem(delivery, self._request(delivery).body) for delivery in deliveries]
        return await self._batches.send(items)

    async def _send_together(self, body: Body, message_id: str) -> Outcome:
        return await self._sender.send(HttpRequest(body), message_id)


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
