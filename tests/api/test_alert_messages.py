"""The messages about an alert as its destinations were told, rendered again."""

import pytest
from support.keyed import START, put

from router.api.alert_messages import alert_messages
from router.datatypes import Secret
from router.destinations.capture import CaptureConfig
from router.destinations.contract import Destination, Environment
from router.destinations.slack_config import SlackConfig
from router.destinations.spec import DestinationSpec, make_destination
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.rules.state.keyed_alert import ToldStatus
from router.settings.model import Egress


def destinations() -> dict[str, Destination]:
    environment = Environment(
        egress=Egress.OPEN, now=lambda: START / 1000, on_template_error=pytest.fail
    )
    configs = {
        "chat": SlackConfig(webhook_url=Secret("https://hooks.slack.com/services/T/B/secret")),
        "noc": CaptureConfig(),
    }
    return {
        name: make_destination(DestinationSpec(name=name, kind=kind, config=config), environment)
        for (name, config), kind in zip(configs.items(), ("slack", "capture"), strict=True)
    }


async def test_each_destination_that_was_told_has_its_last_message(
    connection: Connection, sample: bytes
) -> None:
    told = {
        "chat": ToldStatus("resolved", START + 2000, 3),
        "noc": ToldStatus("firing", START + 1000, 2),
        "gone": ToldStatus("firing", START, 1),
    }
    summary = {"summary": "{{ alert.count }} of {{ data.friendly_name }} <b>"}
    key = await put(connection, sample, "ak_1", summary, status="resolved", told=told)
    found = await KeyedAlerts(connection).get(key)
    assert isinstance(found, KeyedAlert)

    chat, noc, gone = alert_messages(found, destinations())

    assert (chat.destination, chat.status, chat.at) == (
        "chat",
        "resolved",
        "2023-11-14T22:13:22.000Z",
    )
    assert "Resolved" in chat.html
    assert "3 of Weekly Standup Meeting &lt;b&gt;" in chat.html
    assert "secret" not in f"{chat.headers}{chat.body}{chat.html}"
    assert '"2 of Weekly Standup Meeting <b>"' in noc.body
    assert (gone.problem, gone.body) == ("the rules have no destination gone any more", "")
