"""Sends one request of the kind ``http``: signs it, authorizes it and judges the reply."""

import asyncio
import functools
import ssl
from collections.abc import Mapping
from typing import Final

from router.alerts import Delivered, Failed, Outcome, Refused
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.http_config import HttpConfig, signing_keys
from router.destinations.http_replies import ReplyPolicy
from router.destinations.http_request import HttpRequest
from router.destinations.transport.credentials import (
    AccessToken,
    AccessTokenCache,
    basic_authorization,
)
from router.destinations.transport.http_client import HttpClient, HttpOptions
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.signing import signature

_UNAUTHORIZED: Final = 401


class HttpSender:
    """Sends requests to one receiver.

    Args:
        config: The configuration.
        environment: Shared by all destinations of the process.
        base_url: The URL to which the path of a request is appended.
        headers: Headers of every request.
        tls: The TLS context, if the destination has its own.
    """

    def __init__(
        self,
        config: HttpConfig,
        environment: Environment,
        *,
        base_url: str,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._config = config
        self._now = environment.now
        self._keys = signing_keys(config)
        self._policy = ReplyPolicy(config.success, config.retry_on, config.refuse_on)
        headers = {**headers, **static_authorization(config)}
        secrets = [config.url, *(Secret(text) for text in headers.values())]
        if config.basic:
            secrets.append(config.basic.password)
        if config.form:
            secrets += config.form.values()
        self._client = HttpClient(
            base_url,
            environment,
            HttpOptions(
                timeout=config.timeout,
                connections=config.concurrency,
                proxy=config.proxy,
                tls=tls,
                passes_tracestate=True,
            ),
            headers=headers,
            secrets=secrets,
            keeps_content=config.success is not None and config.success.reads_body,
        )
        # Without ``tls``, because that is about the receiver, not about the token server.
        options = HttpOptions(timeout=config.timeout, connections=1, proxy=config.proxy)
        self._tokens = (
            AccessTokenCache(config.oauth2, environment, options) if config.oauth2 else None
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

    async def send(self, request: HttpRequest, message_id: str) -> Outcome:
        """Send a request within ``timeout`` and return its outcome."""
        if request.problem:
            return Refused(request.problem, of_delivery=True)
        if self._tokens is None:
            return await self._post(request, message_id)
        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._send_with_token(self._tokens, request, message_id)
        except TimeoutError:
            return Failed("timed out")

    async def _send_with_token(
        self, tokens: AccessTokenCache, request: HttpRequest, message_id: str
    ) -> Outcome:
        token = await tokens.get()
        if not isinstance(token, AccessToken):
            return token
        outcome = await self._post(request, message_id, token)
        if not isinstance(outcome, Delivered) and outcome.status == _UNAUTHORIZED:
            # The token may have been revoked. A second 401 means that the client is rejected.
            token = await tokens.get(refused=token)
            if not isinstance(token, AccessToken):
                return token
            outcome = await self._post(request, message_id, token)
        return outcome

    async def _post(
        self, request: HttpRequest, message_id: str, token: AccessToken | None = None
    ) -> Outcome:
        now, sent = int(self._now()), request.body
        headers = {
            **({"Content-Type": sent.content_type} if sent.content_type else {}),
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            **sent.headers,
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, message_id, now, sent.content)
        secrets = request.secrets
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text.reveal()}"
            secrets = (*secrets, token.text)
        reply = await self._client.send(
            sent.content, headers, method=self._config.method, path=request.path, secrets=secrets
        )
        if not isinstance(reply, HttpReply):
            return reply
        show = functools.partial(self._client.show, secrets=secrets)
        return self._policy.outcome(reply, now=self._now(), show=show)


def static_authorization(config: HttpConfig) -> Mapping[str, str]:
    """Return the Authorization header of ``bearer`` or ``basic``, if there is one."""
    if config.bearer is not None:
        return {"Authorization": f"Bearer {config.bearer.reveal()}"}
    if config.basic is not None:
        return {"Authorization": basic_authorization(config.basic.user, config.basic.password)}
    return {}
