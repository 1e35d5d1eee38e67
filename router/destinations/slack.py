"""The kind ``slack``: Block Kit messages by an incoming webhook, or by an app's bot token.

With a token, alerts with the same key make one thread. The first message opens it. Each later
message is posted in it and updates the first; that of the resolved alert ends it. The environment's
store has the thread of each key; without it a message opens a new thread. Sources: Slack's
reference pages on incoming webhooks, ``chat.postMessage`` and ``chat.update``.
"""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import AlertStatus, Delivered, Delivery, Failed, Outcome, Preview, Refused
from router.datatypes import Duration, Rate, Secret
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.rendering.slack_blocks import message
from router.destinations.rendering.slack_preview import page
from router.destinations.rendering.summary import decode, rfc3339, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.slack_errors import (
    THREAD_GONE,
    PostedMessage,
    chat_outcome,
    webhook_outcome,
)
from router.destinations.transport.egress import is_loopback
from router.destinations.transport.http_client import (
    USER_AGENT,
    HttpClient,
    HttpOptions,
    check_proxy,
)
from router.destinations.transport.http_status import HttpReply

_JSON: Final = "application/json; charset=utf-8"


class SlackConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a ``slack`` destination.

    It has no name and no icon, because they are the Slack app's. A webhook belongs to one channel.
    """

    webhook_url: Secret | None = None
    """From the Slack app's page "Incoming Webhooks". It is a credential: it allows to post."""
    token: Secret | None = None
    """The app's bot token, ``xoxb-…``."""
    channel: str = ""
    """With a token: the channel's id (``C0123456789``); the app must be in it."""
    threads: Duration = Duration(7 * 86400)
    """With a token: how long after its last message a thread is continued; 0s for no threads."""
    api_url: str = "https://slack.com/api/"
    rate: Rate | None = Rate(limit=1, per=Duration(1))
    """Slack's own limit is about one message a second for each channel."""
    proxy: Secret | None = None
    """An HTTP proxy's URL or ``direct``, instead of ROUTER_PROXY."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxy(self.proxy)
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("slack needs webhook_url, or token and channel")
        if self.webhook_url is not None:
            _check_url("webhook_url", self.webhook_url.reveal(), "as Slack shows it")
            if self.channel:
                raise ValueError("channel is for a token only: a webhook belongs to one channel")
            return
        _check_url("api_url", self.api_url, "and end with /")
        if not self.api_url.endswith("/"):
            raise ValueError("api_url must begin with https://, and end with /")
        if not self.channel or not self.channel.isprintable() or " " in self.channel:
            raise ValueError("channel must be the id of a channel, for example C0123456789")
        token = "" if self.token is None else self.token.reveal()
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("token must be the app's bot token, which begins with xoxb-")


class _Thread(msgspec.Struct, frozen=True):
    """The thread of an alert key."""

    channel: str
    ts: str
    """Slack's id of the first message."""
    # The name in Redis is that of the first release.
    messages: int = msgspec.field(default=1, name="told")


class SlackDestination:
    """One incoming webhook, or one channel of the Web API."""

    def __init__(self, name: str, config: SlackConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._options = HttpOptions(
            timeout=config.timeout, connections=config.concurrency, proxy=config.proxy
        )
        self._webhook: HttpClient | None = None
        self._post: HttpClient | None = None
        self._update: HttpClient | None = None
        if config.webhook_url is not None:
            self._webhook = self._client(config.webhook_url.reveal())
        else:
            self._post = self._client(f"{config.api_url}chat.postMessage")
            self._update = self._client(f"{config.api_url}chat.update")

    def _client(self, url: str) -> HttpClient:
        token = self.config.token
        headers = {"Content-Type": _JSON}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        return HttpClient(
            url,
            self._environment,
            self._options,
            headers=headers,
            secrets=(token,) if token else (),
            keeps_content=token is not None,
        )

    async def open(self) -> None:
        """Open the client of each URL."""
        for client in (self._webhook, self._post, self._update):
            if client is not None:
                await client.open()

    async def close(self) -> None:
        """Close the clients."""
        for client in (self._webhook, self._post, self._update):
            if client is not None:
                await client.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Post the message once."""
        if self._webhook is not None:
            reply = await self._webhook.send(_encode(self._message(delivery, report=True)), {})
            if not isinstance(reply, HttpReply):
                return reply
            return webhook_outcome(reply, now=self._environment.now())
        return await self._by_token(delivery)

    def preview(self, delivery: Delivery) -> Preview:
        """Return the message that ``attempt`` would post, as JSON and as a page."""
        if self.config.webhook_url is not None:
            host = urlsplit(self.config.webhook_url.reveal()).netloc
            sent = self._message(delivery)
            more: tuple[tuple[str, str], ...] = ()
        else:
            host = urlsplit(self.config.api_url).netloc
            sent = {"channel": self.config.channel, **self._message(delivery)}
            more = (("authorization", "***"),)
        headers = (("host", host), ("content-type", _JSON), ("user-agent", USER_AGENT), *more)
        text = msgspec.json.format(_encode(sent), indent=2).decode()
        return Preview(headers, text, "application/json", page(sent))

    def _message(
        self, delivery: Delivery, *, footnote: str = "", report: bool = False
    ) -> dict[str, Any]:
        event = decode(delivery.alert)
        line = summary(delivery.alert, TemplateTarget.SLACK, event)
        if line.error and report:
            self._environment.on_template_error(line.error)
        links = self._environment.links(delivery.alert)
        return message(delivery, line, event, links, footnote=footnote)

    async def _by_token(self, delivery: Delivery) -> Outcome:
        outcome: Outcome = Failed("timed out")
        try:
            # One deadline for all calls of the attempt.
            async with asyncio.timeout(self.config.timeout):
                thread = await self._load_thread(delivery)
                posted = await self._post_message(delivery, thread)
                if thread is not None and _is_gone(posted):
                    thread, posted = None, await self._post_message(delivery, None)
                if not isinstance(posted, PostedMessage):
                    return posted
                outcome = Delivered(200)
                # The message is delivered; a later error only costs the thread its continuation.
                await self._update_thread(delivery, thread, posted)
        except TimeoutError:
            pass
        return outcome

    async def _post_message(
        self, delivery: Delivery, thread: _Thread | None
    ) -> PostedMessage | Failed | Refused:
        target = {"channel": self.config.channel}
        if thread is not None:
            target = {"channel": thread.channel, "thread_ts": thread.ts}
        return await self._call(self._post, target | self._message(delivery, report=True))

    async def _update_thread(
        self, delivery: Delivery, thread: _Thread | None, posted: PostedMessage
    ) -> None:
        """Update the thread's first message, and store or end the thread."""
        if thread is None:
            await self._store_thread(delivery, _Thread(posted.channel, posted.ts))
            return
        thread = msgspec.structs.replace(thread, messages=thread.messages + 1)
        await self._store_thread(delivery, thread)
        footnote = (
            f"{thread.messages} messages in the thread, the last at {_now(self._environment)}."
        )
        first = self._message(delivery, footnote=footnote)
        target = {"channel": thread.channel, "ts": thread.ts}
        # Unlike chat.postMessage, chat.update links names and URLs by default.
        await self._call(self._update, target | first | {"parse": "none", "link_names": False})

    async def _call(
        self, client: HttpClient | None, sent: dict[str, Any]
    ) -> PostedMessage | Failed | Refused:
        if client is None:
            raise RuntimeError("a destination with a webhook has no Web API")
        reply = await client.send(_encode(sent), {})
        if not isinstance(reply, HttpReply):
            return reply
        return chat_outcome(reply, now=self._environment.now())

    async def _load_thread(self, delivery: Delivery) -> _Thread | None:
        store, key = self._environment.store, self._thread_key(delivery)
        found = await store.get(key) if store is not None and key else None
        try:
            return None if found is None else msgspec.json.decode(found, type=_Thread)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    async def _store_thread(self, delivery: Delivery, thread: _Thread) -> None:
        store, key = self._environment.store, self._thread_key(delivery)
        if store is None or not key:
            return
        if delivery.alert.status is AlertStatus.RESOLVED:
            await store.delete(key)  # the next alert of this key is about something new
        else:
            await store.put(key, _encode(thread), seconds=self.config.threads)

    def _thread_key(self, delivery: Delivery) -> str:
        """Return the key of a thread in the store; ``""`` for a message without a thread."""
        key = delivery.alert.key
        return f"slack-thread:{self.name}:{key}" if key and self.config.threads else ""


_encode: Final = msgspec.json.Encoder().encode


def _is_gone(posted: PostedMessage | Failed | Refused) -> bool:
    return not isinstance(posted, PostedMessage) and posted.response in THREAD_GONE


def _now(environment: Environment) -> str:
    return rfc3339(environment.now())


def _check_url(key: str, url: str, hint: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError(f"{key} is not a URL") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or not secure:
        raise ValueError(f"{key} must begin with https://, {hint} (http:// only to this machine)")
