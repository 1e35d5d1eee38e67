"""Presets and requests that have no more than they must, and alerts that come again."""

from typing import Any, Final

import msgspec
import pytest
from support.preset_mapping import mapping_of
from support.requests_of_senders import head_of
from support.sender_samples import RECEIVED_AT

from router.cel.foreign import fingerprint
from router.events.model import Event


def mapped(preset: str, body: Any, at: float = RECEIVED_AT, **headers: str) -> dict[str, Any]:
    """Return the one event of a body, or a part of it."""
    mapping = mapping_of(preset)
    head = head_of({name.replace("_", "-"): text for name, text in headers.items()}, received_at=at)
    request = mapping.open(head, msgspec.json.encode(body), "application/json")
    event = mapping.event(request, 0, at)
    assert isinstance(event, Event), event
    found: dict[str, Any] = msgspec.json.decode(event.body)
    return found


def alert(**keys: Any) -> dict[str, Any]:
    labels = {"alertname": "Trouble", "instance": "db-1"}
    return {"labels": labels, "annotations": {}, "startsAt": "2026-12-01T02:00:00Z", **keys}


def notification(**keys: Any) -> dict[str, Any]:
    """A notification of Alertmanager about one alert."""
    whole = alert(
        status="firing",
        endsAt="0001-01-01T00:00:00Z",
        generatorURL="",
        fingerprint=fingerprint(alert()["labels"]),
        **keys,
    )
    shared = {"receiver": "router", "externalURL": "http://a", "groupKey": "{}", "groupLabels": {}}
    return {"alerts": [whole], **shared}


@pytest.mark.parametrize("name", ["Watchdog", "DeadMansSwitch"])
def test_an_alert_that_always_fires_is_a_heartbeat_of_each_minute(name: str) -> None:
    labels = {"labels": {"alertname": name}, "endsAt": "2026-12-01T02:20:00Z"}
    firsts = mapped("prometheus", [alert(**labels)])
    again = mapped("prometheus", [alert(**labels)], at=RECEIVED_AT + 10)
    later = mapped("prometheus", [alert(**labels)], at=RECEIVED_AT + 60)

    assert firsts["type"] == "io.prometheus.heartbeat"
    assert firsts["time"] == "2026-12-01T02:11:10Z"
    assert firsts["id"] == again["id"] != later["id"]


def test_alertmanager_s_heartbeat_is_that_of_prometheus() -> None:
    content = notification()
    content["alerts"][0]["labels"]["alertname"] = "Watchdog"

    event = mapped("alertmanager", content)

    assert event["type"] == "io.prometheus.heartbeat"
    assert event["time"] == "2026-12-01T02:11:10Z"


def test_both_presets_name_an_alert_alike() -> None:
    ours, theirs = mapped("prometheus", [alert()]), mapped("alertmanager", notification())

    assert {name: ours[name] for name in ("type", "id", "subject", "time")} == {
        name: theirs[name] for name in ("type", "id", "subject", "time")
    }


def test_an_alert_that_fires_again_is_no_repetition_of_the_first() -> None:
    first = mapped("prometheus", [alert()])
    second = mapped("prometheus", [alert(startsAt="2026-12-01T02:05:00Z")])

    assert first["subject"] == second["subject"]
    assert first["id"] != second["id"]


MINIMAL: Final = [
    (
        "prometheus",
        [{"labels": {"a": "b"}}],
        {},
        "io.prometheus.alert.firing",
        fingerprint({"a": "b"}),
    ),
    (
        "github",
        {"ref": "r"},
        {"X_GitHub_Event": "push", "X_GitHub_Delivery": "d"},
        "com.github.push",
        None,
    ),
    (
        "github",
        {"action": None, "organization": {"login": "acme", "url": "https://o"}},
        {"X_GitHub_Event": "meta", "X_GitHub_Delivery": "d"},
        "com.github.meta",
        "acme",
    ),
    (
        "stripe",
        {
            "id": "evt_1",
            "object": "v2.core.event",
            "type": "v1.billing.meter.no_meter_found",
            "created": "2026-12-01T02:00:00Z",
            "livemode": False,
            "related_object": {"id": "mtr_1", "type": "meter", "url": "/v1"},
        },
        {},
        "com.stripe.v1.billing.meter.no_meter_found",
        "mtr_1",
    ),
    (
        "stripe",
        {"id": "evt_1", "type": "balance.available", "created": 1, "data": {"object": {}}},
        {},
        "com.stripe.balance.available",
        None,
    ),
    (
        "slack",
        {"event": {"type": "team_join", "user": {"id": "U1"}}, "event_id": "Ev1", "team_id": "T1"},
        {},
        "com.slack.event.team_join",
        None,
    ),
    (
        "sendgrid",
        [{"event": "account_status_change", "sg_event_id": "e", "timestamp": 1}],
        {},
        "com.sendgrid.account_status_change",
        None,
    ),
    (
        "pagerduty",
        {
            "event": {
                "id": "e",
                "event_type": "pagey.ping",
                "occurred_at": "2026-12-01T02:00:00Z",
                "data": {"type": "ping"},
            }
        },
        {},
        "com.pagerduty.pagey.ping",
        None,
    ),
    (
        "sentry",
        {"action": "triggered", "data": {"event": {"issue_id": "7"}}},
        {"Sentry_Hook_Resource": "event_alert", "Request_ID": "r"},
        "com.sentry.event_alert.triggered",
        "7",
    ),
    (
        "cloudwatch-sns",
        {
            "Type": "Notification",
            "MessageId": "m",
            "TopicArn": "arn",
            "Message": '{"AlarmName": "a", "NewStateValue": "OK"}',
            "Timestamp": "2026-12-01T02:00:00Z",
        },
        {},
        "com.amazonaws.cloudwatch.state.ok",
        "a",
    ),
    (
        "eventbridge",
        {
            "id": "e",
            "source": "com.acme.shop",
            "detail-type": "Order Placed",
            "time": "2026-12-01T02:00:00Z",
            "resources": [],
        },
        {},
        "com.acme.shop.order-placed",
        None,
    ),
    ("azure-event-grid", {"type": "T", "id": "e", "source": "/s"}, {}, "T", None),
    ("standard-webhooks", {"kind": "k"}, {"svix_id": "msg_1"}, "in.standard-webhooks", None),
]
"""Bodies with no more than must be there: preset, body, headers, type, subject."""


@pytest.mark.parametrize(
    ("preset", "body", "headers", "type_", "subject"),
    MINIMAL,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_request_need_not_have_may_be_missing(
    preset: str, body: Any, headers: dict[str, str], type_: str, subject: str | None
) -> None:
    event = mapped(preset, body, **headers)

    assert (event["type"], event.get("subject")) == (type_, subject)
