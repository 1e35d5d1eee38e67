"""Authorization of requests: HTTP Basic, and OAuth 2 by client credentials or a refresh token.

An OAuth token is fetched when it is needed, kept until shortly before it expires, and fetched again
once if the receiver answers 401. Source: RFC 6749, sections 2.3.1, 4.4, 5.1, 5.2 and 6.
"""

import asyncio
import base64
from typing import Final, Literal
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.transport import http_status
from router.destinations.transport.egress import is_loopback
from router.destinations.transport.http_client import HttpClient, HttpOptions
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.redaction import Redactor
from router.destinations.transport.token_answer import (
    DeniedToken,
    GrantedToken,
    read_token_answer,
)
from router.media_types import FORM, JSON

# A token is replaced before it expires, so that no request arrives with an expired one.
_MARGIN_SECONDS: Final = 30.0
_MARGIN_SHARE: Final = 0.1
_OTHER_PLACE: Final = {"header": "body", "body": "header"}
_OWN_PARAMETERS: Final = frozenset(
    {"audience", "client_id", "client_secret", "grant_type", "refresh_token", "scope"}
)


class BasicConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user and password of HTTP Basic."""

    user: str
    """The name, without a colon."""
    password: Secret
    """The password of that user."""

    def __post_init__(self) -> None:
        if ":" in self.user:
            raise ValueError("user may not contain a colon in HTTP Basic")


class OAuth2Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The client credentials grant, or the refresh token grant if there is a refresh token."""

    token_url: str
    """The server that gives the tokens: ``https://``, or ``http://`` to this machine."""
    client_id: str
    """The id of the client at that server."""
    client_secret: Secret
    """The secret of the client."""
    scope: str = ""
    """Scopes with spaces between them."""
    audience: str = ""
    """Needed by some servers."""
    credentials_in: Literal["header", "body"] = "header"
    """Whether the client's id and secret are sent in HTTP Basic or in the form."""
    parameters: dict[str, str] = {}
    """Further fields of the form, such as ``resource``."""
    refresh_token: Secret | None = None
    """The token of a user who has allowed the client to act for them."""

    def __post_init__(self) -> None:
        own = sorted(_OWN_PARAMETERS.intersection(self.parameters))
        if own:
            raise ValueError(f"parameters: {own[0]} is a field that the router itself sends")
        try:
            parts = urlsplit(self.token_url)
            host = parts.hostname or ""
        except ValueError:
            raise ValueError("token_url is not a URL") from None
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        if not host or not secure or "@" in parts.netloc:
            raise ValueError(
                "token_url must begin with https:// and name a host (http:// only to this machine)"
            )


def token_server(config: OAuth2Config, proxy: Secret | None = None) -> Receiver:
    """Return the server that gives the tokens of a grant."""
    return Receiver.of(config.token_url, role="token server", proxy=proxy)


class AccessToken(msgspec.Struct, frozen=True):
    """An access token and its time of replacement."""

    text: Secret
    until: float
    """Unix time in seconds."""


class AccessTokenCache:
    """The access token of one client, shared by all requests and fetched by one at a time.

    Args:
        config: The grant.
        environment: Passed to the client that fetches tokens.
        options: How the token server is reached.
    """

    def __init__(
        self, config: OAuth2Config, environment: Environment, options: HttpOptions
    ) -> None:
        self._now = environment.now
        self._token: AccessToken | None = None
        self._fetching = asyncio.Lock()
        headers = {
            "Content-Type": FORM,
            "Accept": JSON,
        }
        self._form = _grant(config)
        self._form |= {"scope": config.scope} if config.scope else {}
        self._form |= {"audience": config.audience} if config.audience else {}
        self._form |= config.parameters
        self._credentials_in = config.credentials_in
        secret = config.client_secret.reveal()
        if config.credentials_in == "header":
            # Both are form-encoded first (RFC 6749, section 2.3.1).
            headers["Authorization"] = basic_authorization(
                quote_plus(config.client_id), Secret(quote_plus(secret))
            )
        else:
            self._form |= {"client_id": config.client_id, "client_secret": secret}
        secrets = (
            config.client_secret,
            Secret(headers.get("Authorization", "")),
            *([config.refresh_token] if config.refresh_token else []),
        )
        self._redact = Redactor(secrets)
        self._client = HttpClient(
            config.token_url,
            environment,
            options,
            headers=headers,
            secrets=secrets,
            keeps_content=True,
        )

    async def open(self) -> None:
        """Open the client that fetches tokens."""
        await self._client.open()

    async def close(self) -> None:
        """Close the client that fetches tokens."""
        await self._client.close()

    async def get(self, *, refused: AccessToken | None = None) -> AccessToken | Failed | Refused:
        """Return a valid token, or the outcome of an attempt that gets none.

        Args:
            refused: A token that the receiver rejected; another one is fetched.
        """
        async with self._fetching:
            token = self._token
            if token is not None and token is not refused and self._now() < token.until:
                return token
            fetched = await self._fetch()
            self._token = fetched if isinstance(fetched, AccessToken) else None
            return fetched

    async def _fetch(self) -> AccessToken | Failed | Refused:
        reply = await self._client.send(urlencode(self._form).encode(), {})
        if not isinstance(reply, HttpReply):
            return msgspec.structs.replace(reply, reason=f"OAuth token: {reply.reason}")
        if reply.status >= 300:
            return self._denied(reply)
        answer = read_token_answer(reply.content)
        match answer:
            case GrantedToken(text=text, kind="bearer") if text.isascii() and text.isprintable():
                margin = min(_MARGIN_SECONDS, answer.lifetime * _MARGIN_SHARE)
                return AccessToken(Secret(text), self._now() + answer.lifetime - margin)
            case GrantedToken():
                return Failed("OAuth token: not a bearer token", reply.status)
            case DeniedToken(reason=reason):
                kind = Failed if answer.is_temporary else Refused
                return kind(f"OAuth token: {self._redact(reason)}", reply.status)
            case None:
                return Failed("OAuth token: the answer has no access_token", reply.status)

    def _denied(self, reply: HttpReply) -> Failed | Refused:
        outcome = http_status.outcome(reply, now=self._now())
        if isinstance(outcome, Delivered):  # for the type checker: the caller handles a 2xx
            return Failed("OAuth token: malformed answer", reply.status)
        answer = read_token_answer(reply.text.encode("utf-8", "replace"))
        reason = answer.reason if isinstance(answer, DeniedToken) else outcome.reason
        if isinstance(answer, DeniedToken) and reason.startswith("invalid_client"):
            place = _OTHER_PLACE[self._credentials_in]
            reason = f"{reason} (some servers expect credentials_in: {place})"
        outcome = msgspec.structs.replace(outcome, reason=f"OAuth token: {reason}")
        if isinstance(outcome, Refused):  # with whatever status, because no delivery was sent
            return msgspec.structs.replace(outcome, of_delivery=False)
        return outcome


def _grant(config: OAuth2Config) -> dict[str, str]:
    if config.refresh_token is None:
        return {"grant_type": "client_credentials"}
    return {"grant_type": "refresh_token", "refresh_token": config.refresh_token.reveal()}


def basic_authorization(user: str, password: Secret) -> str:
    """Return the Authorization header of HTTP Basic (RFC 7617), in UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()
