"""The kind ``teams``: Adaptive Cards by a webhook of Microsoft Teams' app Workflows.

A workflow posts what it gets and answers 202 before that. It cannot change a message, so a resolved
alert is a message of its own. The retired Office 365 connectors answered 200 with a sentence about
the failure; proxies and workflows of one's own still do. Sources: Microsoft Learn, "Create and send
messages" (connectors, limits) and "Create incoming webhooks with Workflows"; Microsoft Support,
"Browse and add workflows in Microsoft Teams".
"""

import re
from typing import ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import Delivery, Outcome, Preview, Refused
from router.datatypes import Duration, Rate, Secret
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.rendering.adaptive_card import card_message
from router.destinations.rendering.summary import decode, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.transport import http_status
from router.destinations.transport.http_client import (
    USER_AGENT,
    HttpClient,
    HttpOptions,
    check_proxy,
)
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.service_url import check_service_url
from router.destinations.transport.stated_errors import (
    UNNAMED,
    WEB_PAGE,
    beginning,
    is_web_page,
    json_error,
    read_reply,
)
from router.media_types import JSON

_FAILED: Final = re.compile(r"webhook message delivery failed", re.IGNORECASE)
_INNER_STATUS: Final = re.compile(r"HTTP error (\d{3})\b", re.IGNORECASE)
_OF_THE_CARD: Final = frozenset({400, 413, 422})
_CODE: Final = re.compile(r"[A-Za-z]{1,80}")


class TeamsConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a ``teams`` destination."""

    tells_acknowledgements: ClassVar[bool] = True

    url: Secret
    """As the app Workflows shows it. It is a credential: it allows to post."""
    rate: Rate | None = Rate(limit=1, per=Duration(1))
    """Teams' own limit is about one message a second for each conversation."""
    proxy: Secret | None = None
    """An HTTP proxy's URL or ``direct``, instead of ROUTER_PROXY."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxy(self.proxy)
        check_service_url("url", self.url.reveal(), "as Workflows shows it")

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The server of the workflow."""
        return (Receiver.of(self.url.reveal(), proxy=self.proxy),)


class TeamsDestination:
    """One channel or chat, by its workflow."""

    def __init__(self, name: str, config: TeamsConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._client = HttpClient(
            config.url.reveal(),
            environment,
            HttpOptions(timeout=config.timeout, connections=config.concurrency, proxy=config.proxy),
            headers={"Content-Type": JSON},
            keeps_content=True,
        )

    async def open(self) -> None:
        """Open the client."""
        await self._client.open()

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Post the card once."""
        reply = await self._client.send(self._message(delivery, report=True), {})
        if not isinstance(reply, HttpReply):
            return reply
        return _outcome(reply, now=self._environment.now())

    def preview(self, delivery: Delivery) -> Preview:
        """Return the card that ``attempt`` would post."""
        host = urlsplit(self.config.url.reveal()).netloc
        headers = (("host", host), ("content-type", JSON), ("user-agent", USER_AGENT))
        text = msgspec.json.format(self._message(delivery), indent=2).decode()
        return Preview(headers, text, JSON)

    def _message(self, delivery: Delivery, *, report: bool = False) -> bytes:
        event = decode(delivery.alert)
        line = summary(delivery.alert, TemplateTarget.TEXT, event)
        if line.error and report:
            self._environment.on_template_error(line.error)
        links = self._environment.links(delivery.alert)
        shown = self._environment.masks.applied(event)
        return msgspec.json.encode(card_message(delivery, line.text, shown, links))


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Said(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def _outcome(reply: HttpReply, *, now: float) -> Outcome:
    """Return the outcome of a reply."""
    if reply.status < 300:
        return _outcome_of_success(reply, now=now)
    outcome = http_status.outcome(reply, now=now)
    code = _error_code(reply.text)
    if not code or not isinstance(outcome, Refused):
        return outcome
    remedy = _REMEDIES.get(code, "")
    of_delivery = outcome.of_delivery and not remedy
    return msgspec.structs.replace(
        outcome, reason=f"Teams: {code}{remedy}", of_delivery=of_delivery
    )


_GONE: Final = ": the workflow was deleted or turned off, or its URL changed"
_REMEDIES: Final = {
    "WorkflowNotFound": _GONE,
    "WorkflowTriggerIsNotEnabled": _GONE,
    "DirectApiAuthorizationRequired": ": the URL is not complete, copy all of it",
}


def _outcome_of_success(reply: HttpReply, *, now: float) -> Outcome:
    text = beginning(reply.content)
    if _FAILED.search(text):
        found = _INNER_STATUS.search(text)
        inner = int(found[1]) if found else 0
        reason = f"Teams: the message was not delivered{f' (HTTP {inner})' if inner else ''}"
        if 400 <= inner < 500 and inner not in {408, 429}:
            refused = http_status.refused(reply, reason)
            return msgspec.structs.replace(refused, of_delivery=inner in _OF_THE_CARD)
        failed = http_status.failed(reply, reason, now=now)
        return msgspec.structs.replace(failed, throttled=inner == 429)
    if is_web_page(reply.content):
        return http_status.failed(reply, WEB_PAGE, now=now)
    if json_error(reply.content) is not None:
        return http_status.failed(reply, f"Teams: {_error_code(text) or UNNAMED}", now=now)
    return http_status.outcome(reply, now=now)


def _error_code(text: str) -> str:
    said = read_reply(text, _Said)
    return said.error.code if said is not None and _CODE.fullmatch(said.error.code) else ""
