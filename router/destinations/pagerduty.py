"""The kind ``pagerduty``: incidents by PagerDuty's Events API v2, and change events.

An alert triggers an incident under its key; the resolved alert resolves it, and an acknowledgement
acknowledges it. PagerDuty drops what resolves or acknowledges a key without an open incident.
Sources: PagerDuty's developer documentation, pages "Events API v2 Overview" (replies, limit of
512 KB), "Send an Alert Event" (fields and their lengths) and "Send a Change Event".
"""

import enum
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import AlertStatus, Delivery, Outcome, Preview
from router.datatypes import Secret
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.rendering.details import details
from router.destinations.rendering.life import reminder
from router.destinations.rendering.notes import labelled_links
from router.destinations.rendering.summary import decode, rfc3339, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.rendering.text import one_line
from router.destinations.transport import http_status
from router.destinations.transport.http_client import (
    USER_AGENT,
    HttpClient,
    HttpOptions,
    check_proxy,
)
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.service_url import check_key, check_service_url
from router.destinations.transport.stated_errors import WEB_PAGE, is_web_page, read_reply
from router.media_types import JSON

SUMMARY_LIMIT: Final = 1024
"""Characters of ``payload.summary``."""
DEDUP_KEY_LIMIT: Final = 255
"""Characters of ``dedup_key``."""
_FIELD_LIMIT: Final = 255
_REASON_LIMIT: Final = 300
_CLIENT: Final = "Event router"


class PagerDutyRegion(enum.StrEnum):
    """PagerDuty's service region, which is that of the account."""

    US = "us"
    EU = "eu"


_BASES: Final = {
    PagerDutyRegion.US: "https://events.pagerduty.com",
    PagerDutyRegion.EU: "https://events.eu.pagerduty.com",
}


class PagerDutyConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a ``pagerduty`` destination."""

    routing_key: Secret
    """The integration key of an "Events API v2" integration, 32 characters."""
    region: PagerDutyRegion = PagerDutyRegion.US
    changes: bool = False
    """Send change events, which open no incident, instead of alert events."""
    url: str = ""
    """The origin of the Events API, instead of that of the region: ``https://proxy.example.com``."""
    proxy: Secret | None = None
    """An HTTP proxy's URL or ``direct``, instead of ROUTER_PROXY."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxy(self.proxy)
        check_key(
            self.routing_key,
            "routing_key must be the integration key of an Events API v2 integration,"
            " 32 letters and digits",
        )
        if self.url:
            check_service_url("url", self.url)
            if self.url.rstrip("/").endswith("/enqueue"):
                raise ValueError("url: leave out the path (/v2/enqueue), which the router appends")

    @property
    def is_told_acknowledgements(self) -> bool:
        """Whether the incident is acknowledged with its alert; there is none of a change event."""
        return self.acknowledgements is not False and not self.changes

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The server of the API."""
        return (Receiver.of(self.endpoint, proxy=self.proxy),)

    @property
    def endpoint(self) -> str:
        """The URL to which events are posted."""
        base = (self.url or _BASES[self.region]).rstrip("/")
        return f"{base}/v2/change/enqueue" if self.changes else f"{base}/v2/enqueue"


class PagerDutyDestination:
    """One integration of a PagerDuty service."""

    def __init__(self, name: str, config: PagerDutyConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        self._client = HttpClient(
            config.endpoint,
            environment,
            HttpOptions(timeout=config.timeout, connections=config.concurrency, proxy=config.proxy),
            headers={"Content-Type": JSON},
            secrets=(config.routing_key,),
            keeps_content=True,
        )

    async def open(self) -> None:
        """Open the client."""
        await self._client.open()

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send one event."""
        sent = self._event(delivery, report=True)
        sent["routing_key"] = self.config.routing_key.reveal()
        reply = await self._client.send(msgspec.json.encode(sent), {"X-Request-Id": delivery.id})
        if not isinstance(reply, HttpReply):
            return reply
        return _outcome(reply, now=self._environment.now())

    def preview(self, delivery: Delivery) -> Preview:
        """Return the event that ``attempt`` would send, without the routing key."""
        headers = (
            ("host", urlsplit(self.config.endpoint).netloc),
            ("content-type", JSON),
            ("user-agent", USER_AGENT),
            ("x-request-id", delivery.id),
        )
        sent = {"routing_key": "***", **self._event(delivery)}
        text = msgspec.json.format(msgspec.json.encode(sent), indent=2).decode()
        return Preview(headers, text, JSON)

    def _event(self, delivery: Delivery, *, report: bool = False) -> dict[str, Any]:
        alert = delivery.alert
        event = decode(alert)
        line = summary(alert, TemplateTarget.TEXT, event)
        if line.error and report:
            self._environment.on_template_error(line.error)
        links = self._environment.links(alert)
        event = self._environment.masks.applied(event)
        beginning = "Resolved: " if alert.status is AlertStatus.RESOLVED else reminder(alert)
        payload = {
            "summary": one_line(f"{beginning}{line.text}", SUMMARY_LIMIT),
            "source": one_line(alert.event_source, _FIELD_LIMIT) or _CLIENT,
            "timestamp": rfc3339(alert.raised_at),
            "custom_details": details(delivery, event),
        }
        shown = [{"href": url, "text": label} for label, url in labelled_links(alert, links, event)]
        if self.config.changes:
            return {"payload": payload, "links": shown}
        payload |= {"severity": str(alert.severity), "class": one_line(alert.rule, _FIELD_LIMIT)}
        event_sent: dict[str, Any] = {
            "event_action": _ACTIONS[alert.status],
            "dedup_key": (alert.key or alert.id)[:DEDUP_KEY_LIMIT],
            "payload": payload,
            "client": _CLIENT,
        }
        if links.show:
            event_sent["client_url"] = links.show
        return event_sent | ({"links": shown} if shown else {})


_ACTIONS: Final = {
    AlertStatus.FIRING: "trigger",
    AlertStatus.ACKNOWLEDGED: "acknowledge",
    AlertStatus.RESOLVED: "resolve",
}


class _Said(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()


def _outcome(reply: HttpReply, *, now: float) -> Outcome:
    """Return the outcome of a reply, with PagerDuty's own words if the event is refused."""
    outcome = http_status.outcome(reply, now=now)
    if reply.status < 300:
        said = read_reply(reply.content, _Said)
        if is_web_page(reply.content):
            return http_status.failed(reply, WEB_PAGE, now=now)
        if said is not None and said.status not in {"", "success"}:
            return http_status.failed(reply, "PagerDuty says that it failed", now=now)
        return outcome
    said = read_reply(reply.text, _Said)
    if reply.status == 400 and said is not None:
        words = "; ".join((said.message or "refused", *said.errors))
        refused = http_status.refused(reply, one_line(f"PagerDuty: {words}", _REASON_LIMIT))
        # A wrong key is a fault of the destination; of other fields, of this event.
        return msgspec.structs.replace(refused, of_delivery="routing_key" not in words)
    return outcome
