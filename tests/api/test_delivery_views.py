"""Deliveries in words: how they ended, or what they wait for."""

import msgspec
import pytest
from support.events import deliveries_of, event_from

from router.alerts import AlertId, AlertKey, AlertStatus, Attempt, DeliveryId, after_attempt
from router.api.delivery_views import (
    DeliveryState,
    DeliveryView,
    delivery_text,
    ended_delivery,
    open_delivery,
)
from router.history.records import DeliveryRecord
from router.journal.ended_deliveries import DeliveryOutcome

REFUSED = Attempt(number=2, at=99.0, seconds=1.25, reason="HTTP 503", status=503)
ENDED = DeliveryRecord(
    position="1",
    id=DeliveryId("msg_1"),
    destination="tickets",
    rule="r",
    alert=AlertId("al_1"),
    key=AlertKey("ak_1"),
    status=AlertStatus.FIRING,
    event_id="EV1",
    event="0" * 16,
    outcome=DeliveryOutcome.DELIVERED,
    raised_at=90.0,
    ended_at=100.5,
    attempts=1,
    seconds=0.0821,
    http_status=200,
)


def _ended(outcome: DeliveryOutcome, attempts: int, *failed: Attempt) -> DeliveryView:
    return ended_delivery(
        msgspec.structs.replace(ENDED, outcome=outcome, attempts=attempts, failed_attempts=failed)
    ).delivery


def _open(state: DeliveryState, attempts: int, reason: str = "") -> DeliveryView:
    ended = ended_delivery(ENDED).delivery
    return msgspec.structs.replace(
        ended, state=state, attempts=attempts, reason=reason, due_at="1970-01-01T00:02:40.000Z"
    )


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (
            _ended(DeliveryOutcome.DELIVERED, 1),
            "delivered 1970-01-01 00:01:40.500Z (1 attempt, 82 ms)",
        ),
        (
            _ended(DeliveryOutcome.DEAD_LETTERED, 2, REFUSED),
            "dead letter since 1970-01-01 00:01:40.500Z, 2 attempts (HTTP 503)",
        ),
        (
            _ended(DeliveryOutcome.DISCARDED, 0),
            "discarded 1970-01-01 00:01:40.500Z by an operator, 0 attempts",
        ),
        (
            _open(DeliveryState.WAITING, 2, "HTTP 503"),
            "waiting, attempt 3 due 1970-01-01 00:02:40.000Z (HTTP 503)",
        ),
        (_open(DeliveryState.IN_FLIGHT, 0), "in flight, attempt 1"),
        (_open(DeliveryState.BEHIND_ANOTHER, 0), "waits behind an earlier delivery of its key"),
    ],
)
def test_a_delivery_as_a_sentence(view: DeliveryView, text: str) -> None:
    assert delivery_text(view) == text


def test_a_delivery_that_has_not_ended(sample: bytes) -> None:
    (one,) = deliveries_of(event_from(sample), 1)
    tried = msgspec.structs.replace(after_attempt(one, REFUSED), attempt=3)
    details = open_delivery(tried, DeliveryState.WAITING, due_at=160.0, event="e" * 16)
    view = details.delivery
    assert (view.due_at, view.attempts, view.reason) == ("1970-01-01T00:02:40.000Z", 2, "HTTP 503")
    assert (view.rule, view.key, view.event) == (one.alert.rule, one.alert.id, "e" * 16)
    assert details.text.startswith("waiting, attempt 3 due")
    assert [each.status for each in details.attempts] == [503]
