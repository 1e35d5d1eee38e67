"""The kind ``opsgenie``: alerts of Opsgenie, and of its successor in Jira Service Management.

Both have the same API: an alert is created under an alias, which is the alert's key; the resolved
alert closes it, and an acknowledgement acknowledges it. Requests are queued (202), and one for an
alias without an open alert is dropped. A field that is longer than its limit is an error, so all are
cut. Sources: Opsgenie's documentation, page "Alert API" (fields and limits), "Alerts and Alert
Fields" (HTML in messages) and "API Rate Limiting"; Atlassian's developer documentation, Jira Service
Management ops, "Integration Events API".
"""

import enum
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from router.alerts import AlertStatus, Delivery, Outcome, Preview, Refused, Severity
from router.datatypes import Secret
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.rendering.details import details, labels
from router.destinations.rendering.escapes import inert_html
from router.destinations.rendering.notes import labelled_links, notes, status_line
from router.destinations.rendering.summary import decode, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.rendering.text import cut, one_line
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

MESSAGE_LIMIT: Final = 130
"""Characters of ``message``."""
ALIAS_LIMIT: Final = 512
"""Characters of ``alias``."""
DESCRIPTION_LIMIT: Final = 15_000
"""Characters of ``description``."""
DETAILS_LIMIT: Final = 8_000
"""Characters of all names and values of ``details``."""
TAGS_LIMIT: Final = 20
"""The most tags."""
TAG_LIMIT: Final = 50
"""Characters of a tag."""
_ENTITY_LIMIT: Final = 512
_SOURCE_LIMIT: Final = 100
_USER_LIMIT: Final = 100
_ACTIONS: Final = {AlertStatus.ACKNOWLEDGED: "acknowledge", AlertStatus.RESOLVED: "close"}
_NOTE_LIMIT: Final = 2_000
_RESPONDERS_LIMIT: Final = 50
_REASON_LIMIT: Final = 300


class OpsgenieApi(enum.StrEnum):
    """The service that has the alerts."""

    OPSGENIE = "opsgenie"
    OPSGENIE_EU = "opsgenie-eu"
    JSM = "jsm"


_BASES: Final = {
    OpsgenieApi.OPSGENIE: "https://api.opsgenie.com",
    OpsgenieApi.OPSGENIE_EU: "https://api.eu.opsgenie.com",
    OpsgenieApi.JSM: "https://api.atlassian.com/jsm/ops/integration",
}


class ResponderKind(enum.StrEnum):
    """The kinds of responders."""

    TEAM = "team"
    USER = "user"
    ESCALATION = "escalation"
    SCHEDULE = "schedule"


class Responder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone whom the service notifies. Jira Service Management takes ids alone."""

    type: ResponderKind
    id: str = ""
    """Its id; a responder has exactly one of ``id``, ``name`` and ``username``."""
    name: str = ""
    """The name of a team, an escalation or a schedule."""
    username: str = ""
    """The name by which a user logs in, an e-mail address."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.id, self.name, self.username))) != 1:
            raise ValueError("a responder has one of id, name and username")


class Priority(enum.StrEnum):
    """The priority of an alert; P1 is the highest."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"


_PRIORITIES: Final = {
    Severity.CRITICAL: Priority.P1,
    Severity.WARNING: Priority.P3,
    Severity.INFO: Priority.P5,
}


class OpsgenieConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of an ``opsgenie`` destination."""

    tells_acknowledgements: ClassVar[bool] = True

    api_key: Secret
    """The key of an integration of type API."""
    api: OpsgenieApi = OpsgenieApi.OPSGENIE
    responders: tuple[Responder, ...] = ()
    """Instead of those of the integration."""
    priorities: dict[Severity, Priority] = msgspec.field(default_factory=dict)
    """By severity, where they differ from P1, P3 and P5 for critical, warning and info."""
    url: str = ""
    """The API's URL without ``/v2/alerts``, instead of that of ``api``."""
    proxy: Secret | None = None
    """An HTTP proxy's URL or ``direct``, instead of ROUTER_PROXY."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxy(self.proxy)
        check_key(self.api_key, "api_key must be the key of an integration of type API")
        if len(self.responders) > _RESPONDERS_LIMIT:
            raise ValueError(f"responders: at most {_RESPONDERS_LIMIT}")
        if self.url:
            check_service_url("url", self.url)
            if self.url.rstrip("/").endswith("/v2/alerts"):
                raise ValueError("url: leave out /v2/alerts, which the router appends")

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The server of the API."""
        return (Receiver.of(self.endpoint, proxy=self.proxy),)

    @property
    def endpoint(self) -> str:
        """The URL to which alerts are posted."""
        return f"{(self.url or _BASES[self.api]).rstrip('/')}/v2/alerts"


class OpsgenieDestination:
    """One integration."""

    def __init__(self, name: str, config: OpsgenieConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        authorization = f"GenieKey {config.api_key.reveal()}"
        self._client = HttpClient(
            config.endpoint,
            environment,
            HttpOptions(timeout=config.timeout, connections=config.concurrency, proxy=config.proxy),
            headers={"Content-Type": JSON, "Authorization": authorization},
            secrets=(config.api_key, Secret(authorization)),
            keeps_content=True,
        )

    async def open(self) -> None:
        """Open the client."""
        await self._client.open()

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send one request: create, acknowledge or close the alert."""
        path, sent = self._request(delivery, report=True)
        reply = await self._client.send(msgspec.json.encode(sent), {}, path=path)
        if not isinstance(reply, HttpReply):
            return reply
        return _outcome(reply, now=self._environment.now())

    def preview(self, delivery: Delivery) -> Preview:
        """Return the request that ``attempt`` would send, without the key."""
        path, sent = self._request(delivery)
        url = urlsplit(f"{self.config.endpoint}{path}")
        headers = (
            ("host", url.netloc),
            ("path", f"{url.path}?{url.query}" if url.query else url.path),
            ("content-type", JSON),
            ("user-agent", USER_AGENT),
            ("authorization", "***"),
        )
        text = msgspec.json.format(msgspec.json.encode(sent), indent=2).decode()
        return Preview(headers, text, JSON)

    def _request(self, delivery: Delivery, *, report: bool = False) -> tuple[str, dict[str, Any]]:
        """Return the path below the endpoint, and the body."""
        alert = delivery.alert
        event = decode(alert)
        line = summary(alert, TemplateTarget.TEXT, event)
        if line.error and report:
            self._environment.on_template_error(line.error)
        alias = (alert.key or alert.id)[:ALIAS_LIMIT]
        action = _ACTIONS.get(alert.status)
        if action is not None:
            said = " ".join([*notes(alert)[:1], line.text, f"({delivery.id})"])
            body: dict[str, Any] = {
                "source": "event-router",
                "note": cut(inert_html(said), _NOTE_LIMIT),
            }
            if alert.acknowledged_by:
                body["user"] = cut(inert_html(one_line(alert.acknowledged_by, 80)), _USER_LIMIT)
            return f"/{alias}/{action}?identifierType=alias", body
        links = self._environment.links(alert)
        event = self._environment.masks.applied(event)
        found = details(delivery, event)
        lines = [
            inert_html(line.text),
            "",
            *(inert_html(f"{name}: {text}") for name, text in found.items()),
            *(f"{name}: {url}" for name, url in labelled_links(alert, links, event)),
        ]
        sent: dict[str, Any] = {
            "message": cut(
                inert_html(f"[{status_line(alert).word.upper()}] {line.text}"), MESSAGE_LIMIT
            ),
            "alias": alias,
            "description": cut("\n".join(lines), DESCRIPTION_LIMIT),
            "priority": (_PRIORITIES | self.config.priorities)[alert.severity],
            "tags": [cut(inert_html(tag), TAG_LIMIT) for tag in _tags(delivery)],
            "details": _within(found, DETAILS_LIMIT),
            "entity": cut(inert_html(one_line(alert.rule, _ENTITY_LIMIT)), _ENTITY_LIMIT),
            "source": one_line("event-router", _SOURCE_LIMIT),
        }
        if self.config.responders:
            sent["responders"] = [
                {name: text for name, text in msgspec.to_builtins(each).items() if text}
                for each in self.config.responders
            ]
        return "", sent


def _tags(delivery: Delivery) -> list[str]:
    alert = delivery.alert
    return [str(alert.severity), alert.rule, *labels(delivery)][:TAGS_LIMIT]


def _within(found: dict[str, str], limit: int) -> dict[str, str]:
    """Return the first texts that take at most ``limit`` characters, names included."""
    kept = {}
    for name, text in found.items():
        inert = inert_html(text)
        limit -= len(name) + len(inert)
        if limit >= 0:
            kept[name] = inert
    return kept


class _Said(msgspec.Struct, frozen=True):
    result: str = ""
    message: str = ""
    success: bool = True
    errors: Any = None


def _outcome(reply: HttpReply, *, now: float) -> Outcome:
    """Return the outcome of a reply, with the service's own words if it refuses the request."""
    outcome = http_status.outcome(reply, now=now)
    if reply.status < 300:
        if is_web_page(reply.content):
            return http_status.failed(reply, WEB_PAGE, now=now)
        said = read_reply(reply.content, _Said)
        if said is not None and not said.success:
            return http_status.failed(reply, "Opsgenie says that it failed", now=now)
        return outcome
    said = read_reply(reply.text, _Said)
    if isinstance(outcome, Refused) and said is not None and said.message:
        errors = said.errors if isinstance(said.errors, dict) else {}
        words = "; ".join((said.message, *(f"{name}: {text}" for name, text in errors.items())))
        reason = one_line(f"HTTP {reply.status}, Opsgenie: {words}", _REASON_LIMIT)
        # 422 is also the answer to a key of another form, and to responders that do not exist.
        is_configured = said.message.startswith("Key format") or "responders" in errors
        of_delivery = outcome.of_delivery and not is_configured
        return msgspec.structs.replace(outcome, reason=reason, of_delivery=of_delivery)
    return outcome
