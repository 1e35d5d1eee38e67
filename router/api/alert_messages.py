"""``/api/v1/alerts/<key>/messages``: what the destinations of a keyed alert were told last, as they read it.

The messages themselves are not stored. Each is rendered again by the current rules from the latest alert
of the key, so that it has the figures of the latest event. Masked fields of the event are masked.
"""

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.alerts import Alert, AlertStatus, Delivery, alert_id, delivery_id
from router.api.access import Access
from router.api.alert_actions import unknown_key
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.views import Time
from router.destinations.rendering.summary import rfc3339
from router.events.masks import Masks
from router.http.openapi import ResponseSpec
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.offline.preview_destinations import FindDestination
from router.rules.state.keyed_alert import RESOLVED, ToldStatus


class AlertMessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message about an alert to one destination."""

    destination: str
    status: Annotated[str, Meta(description="What it tells: firing or resolved.")]
    at: Time
    headers: Annotated[tuple[tuple[str, str], ...], Meta(description="Without secrets.")] = ()
    content_type: str = ""
    body: str = ""
    html: Annotated[
        str, Meta(description="The message as its reader sees it; empty for kinds without such.")
    ] = ""
    problem: Annotated[str, Meta(description="Why it cannot be rendered, else empty.")] = ""


class AlertMessageList(msgspec.Struct, frozen=True):
    """The last message to each destination that was told of an alert."""

    messages: Annotated[tuple[AlertMessageView, ...], Meta(description="The latest first.")]


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    "/api/v1/alerts/{key}/messages",
    "Show the messages about an alert as their readers see them",
    {
        200: ResponseSpec("The last message to each destination.", AlertMessageList),
        404: ResponseSpec("No alert has this key."),
        409: ResponseSpec("The record of the alert cannot be read."),
    },
    description=(
        "Messages are not stored: each is rendered again from the latest event by the current rules,"
        " without links to act. Destinations that were never told have none."
    ),
    path_parameters={"key": "Key of the alert."},
)
OPERATIONS: Final = (_LIST,)
"""Descriptions of the routes."""


class AlertMessages:
    """Renders the messages about keyed alerts.

    Args:
        find: Finds a destination to render for; None in a process without rules.
        masks: The fields of events that are not shown.
    """

    def __init__(self, find: FindDestination | None, masks: Masks) -> None:
        self._find = find
        self._masks = masks

    def of(self, found: KeyedAlert) -> tuple[AlertMessageView, ...]:
        """Return the last message to each destination that was told of an alert, the latest first."""
        told = sorted(found.record.told.items(), key=lambda pair: (-pair[1].at, pair[0]))
        return tuple(self._message(found, name, status) for name, status in told)

    def to(self, found: KeyedAlert, name: str) -> AlertMessageView | None:
        """Return the last message to one destination; None if it was not told of the alert."""
        told = found.record.told.get(name)
        return None if told is None else self._message(found, name, told)

    def _message(self, found: KeyedAlert, name: str, told: ToldStatus) -> AlertMessageView:
        view = AlertMessageView(destination=name, status=told.status, at=rfc3339(told.at / 1000))
        destination = None if self._find is None else self._find(name)
        if destination is None:
            problem = (
                "this process has no rules to render it by: ask a worker"
                if self._find is None
                else f"the rules have no destination {name} any more"
            )
            return msgspec.structs.replace(view, problem=problem)
        body, _ = self._masks.applied_to(found.alert.event)
        masked = msgspec.structs.replace(found.alert, event=body)
        shown = destination.preview(_delivery(found, masked, name, told))
        return msgspec.structs.replace(
            view,
            headers=shown.headers,
            content_type=shown.content_type,
            body=shown.body,
            html=shown.html,
        )


class AlertMessagesApi:
    """Handler of the messages about an alert.

    Args:
        connection: To Redis.
        messages: Renders them.
        access: Who may call.
    """

    def __init__(self, connection: Connection, messages: AlertMessages, access: Access) -> None:
        self._alerts = KeyedAlerts(connection)
        self._messages = messages
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for viewers."""
        return [viewer_route(_LIST, self.list, self._access)]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return the messages of one alert."""
        key = request.match_info["key"]
        found = await self._alerts.get(key)
        if found is None:
            return error_response(404, "no_such_alert", await unknown_key(self._alerts, key))
        if not isinstance(found, KeyedAlert):
            return error_response(409, "not_open", found.reason)
        return json_response(AlertMessageList(self._messages.of(found)))


def _delivery(found: KeyedAlert, sent: Alert, name: str, told: ToldStatus) -> Delivery:
    record = found.record
    alert = msgspec.structs.replace(sent, raised_at=told.at / 1000, count=told.count)
    if told.status == RESOLVED:
        acknowledged = found.acknowledgement if found.is_acknowledged else None
        alert = msgspec.structs.replace(
            alert,
            id=alert_id(sent.id, "resolved"),
            status=AlertStatus.RESOLVED,
            since=record.since / 1000,
            acknowledged_by="" if acknowledged is None else acknowledged.by,
        )
    return Delivery(id=delivery_id(alert.id, name), destination=name, alert=alert)
