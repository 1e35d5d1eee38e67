"""The kind ``slack``: a Block Kit message to an incoming webhook.

Event values are escaped, and every text is ``verbatim``, so that Slack makes no link or mention
of what merely looks like one. Sources: Slack's reference pages on incoming webhooks, on
formatting text (escaping), on blocks and on text objects (lengths, ``verbatim``), and its
changelog of 2016-05-17 for the errors of incoming webhooks.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import Alert, Delivery, Outcome, Preview, Severity
from router.destinations import DestinationConfig, Environment, answers
from router.destinations.answers import Answer
from router.destinations.egress import is_loopback
from router.destinations.exchange import USER_AGENT, Exchange, Way, check_proxy
from router.destinations.render import COLOURS, Summary, Target, decode, facts, summary
from router.destinations.templates import ESCAPES
from router.destinations.text import cut, one_line
from router.values import Duration, Rate, Secret

HEADER_LIMIT: Final = 150
SECTION_LIMIT: Final = 3000
FIELD_LIMIT: Final = 2000
FIELDS_LIMIT: Final = 10

_SIGNS: Final[Mapping[Severity, str]] = {
    Severity.INFO: "🔵",
    Severity.WARNING: "🟠",
    Severity.CRITICAL: "🔴",
}
_RENEW: Final = "the webhook is gone, make a new one and put its URL into the destination"
# Said by Slack in the body, whatever the status; the same again would be answered the same.
_FINAL: Final = {
    "action_prohibited": "the workspace's restrictions forbid the webhook to post here",
    "channel_is_archived": "unarchive the channel, or make a webhook for another",
    "channel_not_found": "the channel is gone, make a webhook for another",
    "invalid_attachments": "Slack did not understand the message",
    "invalid_blocks": "Slack did not understand the message",
    "invalid_payload": "Slack did not understand the message",
    "invalid_token": _RENEW,
    "no_active_hooks": _RENEW,
    "no_service": _RENEW,
    "no_service_id": _RENEW,
    "no_team": _RENEW,
    "no_text": "Slack did not understand the message",
    "posting_to_general_channel_denied": "only some members may post in the general channel",
    "team_disabled": "the workspace is disabled",
    "too_many_attachments": "Slack did not understand the message",
    "user_not_found": "the webhook's user is gone, make a new webhook",
}
_PASSING: Final = frozenset({"rollup_error", "rate_limited", "ratelimited", "internal_error"})


class SlackConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rules folder says of a ``slack`` destination.

    No channel, no name, no icon: a Slack app's webhook belongs to one channel and ignores them.
    """

    webhook_url: Secret
    """From the Slack app's page "Incoming Webhooks". Whoever has it can post."""
    rate: Rate | None = Rate(limit=1, per=Duration(1))
    """Slack's own limit is about one message a second for each channel."""

    proxy: Secret | None = None
    """An HTTP proxy's URL, or ``direct``; else as ROUTER_PROXY says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxy(self.proxy)
        try:
            parts = urlsplit(self.webhook_url.reveal())
            host = parts.hostname or ""
        except ValueError:
            raise ValueError("webhook_url is not a URL") from None
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        if not host or not secure:
            raise ValueError(
                "webhook_url must begin with https://, as Slack shows it"
                " (http:// only to this machine)"
            )


class SlackDestination:
    """One incoming webhook."""

    def __init__(self, name: str, config: SlackConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._exchange = Exchange(
            config.webhook_url.reveal(),
            environment,
            Way(timeout=config.timeout, connections=config.concurrency, proxy=config.proxy),
            headers={"Content-Type": "application/json; charset=utf-8"},
        )

    async def open(self) -> None:
        await self._exchange.open()

    async def close(self) -> None:
        await self._exchange.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        event = decode(delivery.alert)
        said = summary(delivery.alert, Target.SLACK, event)
        if said.error:
            self._environment.on_template_error(said.error)
        sent = msgspec.json.encode(payload(delivery, said, event))
        answer = await self._exchange.send(sent, {})
        if not isinstance(answer, Answer):
            return answer
        return outcome(answer, now=self._environment.now())

    def preview(self, delivery: Delivery) -> Preview:
        event = decode(delivery.alert)
        message = payload(delivery, summary(delivery.alert, Target.SLACK, event), event)
        headers = (
            ("host", urlsplit(self.config.webhook_url.reveal()).netloc),
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", USER_AGENT),
        )
        text = msgspec.json.format(msgspec.json.encode(message), indent=2).decode()
        return Preview(headers, text, "application/json")


def payload(delivery: Delivery, said: Summary, event: Mapping[str, Any]) -> dict[str, Any]:
    """The message, within Slack's limits. ``said`` is the summary for Target.SLACK.

    ``text`` is what the notification shows. The details stand in an attachment, the one part of a
    message that has a colour.
    """
    alert = delivery.alert
    details = [_fields(alert, event)]
    if alert.description:
        details.append(_section(_escape(one_line(alert.description, SECTION_LIMIT))))
    details.append({"type": "context", "elements": [_plain_text(f"Delivery {delivery.id}")]})
    heading = f"{_SIGNS[alert.severity]} {alert.rule}"
    notification = f"{_SIGNS[alert.severity]} {_escape(alert.rule)}: {said.text}"
    return {
        "text": cut(notification, SECTION_LIMIT),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {"type": "header", "text": _plain_text(one_line(heading, HEADER_LIMIT))},
            _section(said.text),
        ],
        "attachments": [
            {
                "color": COLOURS[alert.severity],
                "fallback": cut(notification, SECTION_LIMIT),
                "blocks": details,
            }
        ],
    }


def outcome(answer: Answer, *, now: float) -> Outcome:
    """What Slack's answer means: its own word where it says one, else the status."""
    word = answer.text.strip()
    if answer.status >= 400 and word in _FINAL:
        return answers.refused(answer, f"Slack: {word} ({_FINAL[word]})")
    if answer.status >= 400 and word in _PASSING:
        return answers.failed(answer, f"Slack: {word}", now=now)
    return answers.outcome(answer, now=now)


def _fields(alert: Alert, event: Mapping[str, Any]) -> dict[str, Any]:
    fields = [
        _mrkdwn(cut(f"*{fact.label}*\n{_escape(fact.value)}", FIELD_LIMIT))
        for fact in facts(alert, event)[:FIELDS_LIMIT]
    ]
    return {"type": "section", "fields": fields}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(cut(text, SECTION_LIMIT))}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


_escape: Final = ESCAPES[Target.SLACK]
