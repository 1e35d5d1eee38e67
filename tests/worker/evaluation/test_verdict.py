"""Decisions in the form of the metrics."""

from typing import Any

import msgspec
import pytest
from support.events import alert_of, event_from

from router.alerts import AlertStatus
from router.metrics import Metrics
from router.rules.state.decision import DecisionDraft
from router.worker.evaluation.verdict import count_decision


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({}, set()),
        ({"held_because": ("muted",)}, {"alerts_late"}),
        ({"held_because": ("muted",), "reminder": 1}, {"alerts_reminded"}),
        ({"held_because": ("muted",), "escalation": 1}, set()),
        ({"held_because": ("muted",), "status": AlertStatus.RESOLVED}, set()),
    ],
)
def test_what_is_told_late_or_again_is_counted(
    fields: dict[str, Any], counted: set[str], sample: bytes
) -> None:
    draft, metrics = DecisionDraft(0.0), Metrics()
    alert = msgspec.structs.replace(alert_of(event_from(sample), "r"), **fields)
    draft.notify(alert, ("noc",))

    count_decision(draft.decision(), metrics)

    names = ("alerts_late", "alerts_reminded")
    values = {
        name: metrics.registry.get_sample_value(f"router_{name}_total", {"rule": "r"})
        for name in names
    }
    assert {name for name, value in values.items() if value == 1} == counted


def test_alerts_without_room_are_counted_by_rule() -> None:
    draft, metrics = DecisionDraft(0.0), Metrics()
    draft.forget("r")

    count_decision(draft.decision(), metrics)

    name = "router_keyed_alerts_overflowed_total"
    assert metrics.registry.get_sample_value(name, {"rule": "r"}) == 1
