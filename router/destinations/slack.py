"""The kind ``slack``: Block Kit messages by an incoming webhook, or by an app's bot token.

With a token, alerts with the same key make one thread. The first message opens it and keeps its
text; each later message is posted in it, and the first one counts them. A repeat is shown in the
channel too. The resolved alert turns the first message green and ends the thread. The environment's
store has the thread of each key; without it a message opens a new thread.

To post a message and to update the first one are separate effects: once a message is posted, its
delivery is delivered, and an update that fails is made up for later. Sources: Slack's reference
pages on incoming webhooks, ``chat.postMessage`` and ``chat.update``.
"""

import asyncio
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import msgspec

from router.alerts import AlertStatus, Delivered, Delivery, Failed, Outcome, Preview, Refused
from router.destinations.contract import Environment
from router.destinations.rendering.chat_attachment import attachment_message
from router.destinations.rendering.notes import acknowledged
from router.destinations.rendering.slack_blocks import message, updated
from router.destinations.rendering.slack_preview import page
from router.destinations.rendering.slack_text import as_text
from router.destinations.rendering.summary import decode, rfc3339, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.slack_config import ChatServer, SlackConfig
from router.destinations.slack_errors import (
    PASSING,
    THREAD_GONE,
    PostedMessage,
    chat_outcome,
    webhook_outcome,
)
from router.destinations.slack_threads import SlackThread, SlackThreads, begun
from router.destinations.transport.http_client import USER_AGENT, HttpClient, HttpOptions
from router.destinations.transport.http_status import HttpReply
from router.media_types import JSON

_JSON: Final = "application/json; charset=utf-8"
_LEAST_WAIT: Final = 1.0
"""Seconds before an update that was rate limited is repeated."""


class SlackDestination:
    """One incoming webhook, or one channel of the Web API."""

    def __init__(self, name: str, config: SlackConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._threads = SlackThreads(name, config, environment.store)
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
            keeps_content=True,
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
        return Preview(headers, text, JSON, page(sent), as_text(sent))

    def _message(self, delivery: Delivery, *, report: bool = False) -> dict[str, Any]:
        event = decode(delivery.alert)
        is_slack = self.config.server is ChatServer.SLACK
        target = TemplateTarget.SLACK if is_slack else TemplateTarget.MARKDOWN
        line = summary(delivery.alert, target, event)
        if line.error and report:
            self._environment.on_template_error(line.error)
        links = self._environment.links(delivery.alert)
        shown = self._environment.masks.applied(event)
        return (message if is_slack else attachment_message)(delivery, line, shown, links)

    async def _by_token(self, delivery: Delivery) -> Outcome:
        outcome: Outcome = Failed("timed out")
        try:
            # One deadline for all calls of the attempt.
            async with (
                asyncio.timeout(self.config.timeout) as deadline,
                self._threads.lock(delivery.alert.key),
            ):
                known = await self._usable_thread(delivery, deadline)
                thread = await self._post_message(delivery, known)
                if not isinstance(thread, SlackThread):
                    return thread
                outcome = Delivered(200)
                # The message is delivered; a later error only costs the first one its update.
                await self._update_first_message(delivery, thread, deadline)
        except TimeoutError:
            pass
        return outcome

    async def _usable_thread(
        self, delivery: Delivery, deadline: asyncio.Timeout
    ) -> SlackThread | None:
        """Return the thread in which to post; finish one that ended and was not updated."""
        thread = await self._threads.load(delivery.alert.key)
        if thread is None or not thread.ended:
            return thread
        await self._update_first_message(delivery, thread, deadline)
        return None

    async def _post_message(
        self, delivery: Delivery, thread: SlackThread | None
    ) -> SlackThread | Failed | Refused:
        """Post the message, and store the thread that it is in or begins."""
        message = self._message(delivery, report=True)
        target: dict[str, Any] = {"channel": self.config.channel}
        status = delivery.alert.status
        is_resolved = status is AlertStatus.RESOLVED
        is_acknowledgement = status is AlertStatus.ACKNOWLEDGED
        reply: dict[str, Any] = {}
        if thread is not None:
            # The end is shown in the channel if a repeat was, because that is what people saw last.
            seen = self.config.broadcast and (
                status is AlertStatus.FIRING or (is_resolved and thread.messages > 1)
            )
            reply = {"thread_ts": thread.ts} | ({"reply_broadcast": True} if seen else {})
        posted = await self._call(self._post, target | reply | message)
        if thread is not None and _is_gone(posted):
            posted = await self._call(self._post, target | message)
        if not isinstance(posted, PostedMessage):
            return posted
        if thread is None or posted.thread_ts != thread.ts:
            # In no thread, or no longer: the message stands in the channel and begins one.
            thread = begun(delivery.alert, posted.channel, posted.ts, message)
            is_over = status is not AlertStatus.FIRING
            await self._threads.store(delivery.alert.key, thread, is_over=is_over)
            return thread
        thread = msgspec.structs.replace(
            thread,
            messages=thread.messages + 1,
            ended=is_resolved,
            acknowledged=acknowledged(delivery.alert) if is_acknowledgement else "",
        )
        await self._threads.store(delivery.alert.key, thread)
        return thread

    async def _update_first_message(
        self, delivery: Delivery, thread: SlackThread, deadline: asyncio.Timeout
    ) -> None:
        """Show the state of the thread in its first message; forget a thread that ended."""
        first = thread.message
        if thread.messages > 1 and first is not None:
            when = rfc3339(self._environment.now())
            footnote = f"{thread.messages} messages in the thread, the last at {when}."
            if thread.acknowledged:
                footnote = f"{thread.acknowledged} {footnote}"
            target = {"channel": thread.channel, "ts": thread.ts}
            shown = updated(first, is_resolved=thread.ended, footnote=footnote)
            # Unlike chat.postMessage, chat.update links names and URLs by default.
            sent = target | shown | {"parse": "none", "link_names": False}
            reply = await self._call(self._update, sent)
            while thread.ended and _is_temporary(reply):
                # No later message of the thread would update it.
                wait = max(reply.retry_after_seconds or 0.0, _LEAST_WAIT)
                if asyncio.get_running_loop().time() + wait > (deadline.when() or 0.0):
                    return
                await asyncio.sleep(wait)
                reply = await self._call(self._update, sent)
        if thread.ended:
            await self._threads.end(delivery.alert.key)

    async def _call(
        self, client: HttpClient | None, sent: dict[str, Any]
    ) -> PostedMessage | Failed | Refused:
        if client is None:
            raise RuntimeError("a destination with a webhook has no Web API")
        reply = await client.send(_encode(sent), {})
        if not isinstance(reply, HttpReply):
            return reply
        return chat_outcome(reply, now=self._environment.now())


_encode: Final = msgspec.json.Encoder().encode


def _is_temporary(reply: PostedMessage | Failed | Refused) -> TypeGuard[Failed]:
    return isinstance(reply, Failed) and (reply.status != 200 or reply.response in PASSING)


def _is_gone(posted: PostedMessage | Failed | Refused) -> bool:
    return not isinstance(posted, PostedMessage) and posted.response in THREAD_GONE
