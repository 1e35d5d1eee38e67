"""The messages about a keyed alert as its destinations were told last, rendered by the rules of now (pure).

The messages themselves are not stored. Each is rendered again from the latest alert of the key, so
that it has the figures of the latest event.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from router.alerts import AlertStatus, Delivery, alert_id, delivery_id
from router.api.views import Time
from router.destinations.contract import Destination
from router.destinations.rendering.summary import rfc3339
from router.journal.keyed_alerts import KeyedAlert
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


def alert_messages(
    found: KeyedAlert, destinations: Mapping[str, Destination]
) -> tuple[AlertMessageView, ...]:
    """Return the last message to each destination that was told of an alert, the latest first.

    Args:
        found: The alert.
        destinations: Those of the rules of now, by name.
    """
    told = sorted(found.record.told.items(), key=lambda pair: (-pair[1].at, pair[0]))
    return tuple(_message(found, name, status, destinations.get(name)) for name, status in told)


def _message(
    found: KeyedAlert, name: str, told: ToldStatus, destination: Destination | None
) -> AlertMessageView:
    view = AlertMessageView(destination=name, status=told.status, at=rfc3339(told.at / 1000))
    if destination is None:
        problem = f"the rules have no destination {name} any more"
        return msgspec.structs.replace(view, problem=problem)
    shown = destination.preview(_delivery(found, name, told))
    return msgspec.structs.replace(
        view,
        headers=shown.headers,
        content_type=shown.content_type,
        body=shown.body,
        html=shown.html,
    )


def _delivery(found: KeyedAlert, name: str, told: ToldStatus) -> Delivery:
    sent, record = found.alert, found.record
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
