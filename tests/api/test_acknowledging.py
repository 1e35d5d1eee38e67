"""The deliveries that tell destinations that an alert is acknowledged."""

import msgspec
import pytest
from support.events import alert_of, event_from

from router.alerts import AlertKey, AlertStatus
from router.api.acknowledging import acknowledgement_deliveries
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.journal.shown_alerts import AlertState
from router.worker.delivery.shown_record import shown_alert

FIRING, ACKNOWLEDGED, RESOLVED = AlertStatus


@pytest.fixture
def state(sample: bytes) -> AlertState:
    named = sample.replace(b"Weekly Standup Meeting", b"{{ 7 * 7 }} <b>")
    alert = msgspec.structs.replace(
        alert_of(event_from(named)), key=AlertKey("ak_1"), summary="{{ data.friendly_name }} late"
    )
    told = {"chat": FIRING, "pager": FIRING, "done": RESOLVED, "knows": ACKNOWLEDGED}
    return AlertState(shown=shown_alert(alert), status=FIRING, since=1.0, told=told)


def test_each_destination_that_was_told_of_the_firing_is_told(state: AlertState) -> None:
    deliveries = acknowledgement_deliveries(state, "Ann", at=20.0)
    assert [each.destination for each in deliveries] == ["chat", "pager"]
    for alert in (each.alert for each in deliveries):
        assert (alert.status, alert.key, alert.raised_at) == (ACKNOWLEDGED, "ak_1", 20.0)
        assert alert.acknowledged_by == "Ann"
        assert summary(alert, TemplateTarget.TEXT).text == "{{ 7 * 7 }} <b> late"
        assert summary(alert, TemplateTarget.HTML).text == "{{ 7 * 7 }} &lt;b&gt; late"


def test_a_repeated_acknowledgement_has_the_same_deliveries(state: AlertState) -> None:
    ids = [
        [each.id for each in acknowledgement_deliveries(state, name, at=at)]
        for name, at in (("Ann", 20.0), ("", 30.0))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_an_alert_that_is_over_or_unknown_is_not_told_of(state: AlertState) -> None:
    over = msgspec.structs.replace(state, status=RESOLVED)
    assert acknowledgement_deliveries(over, "Ann", at=20.0) == []
    assert acknowledgement_deliveries(None, "Ann", at=20.0) == []
