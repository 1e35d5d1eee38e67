"""The life of an alert as one list: changes and how notifications ended."""

import msgspec
import pytest

from router.api.alert_views import AlertDetails, AlertView, ChangeView
from router.api.delivery_views import DeliveryState, DeliveryView
from router.console.alert_timeline import TimelineEntry, TimelineSign, timeline


def details(*changes: ChangeView) -> AlertDetails:
    return AlertDetails(
        alert=AlertView(key="ak_1", status="firing", changed_at="2026-01-01T00:00:00Z"),
        description="",
        facts=(),
        told=(),
        log=changes,
        silences=(),
        held_because=(),
        reminders=0,
        pending_until="",
        resolving_at="",
        remind_at="",
        ends_at="",
    )


DELIVERY = DeliveryView(
    id="msg_1",
    destination="chat",
    state=DeliveryState.DELIVERED,
    rule="r",
    alert="al_1",
    key="ak_1",
    status="firing",
    event_id="e",
    event="0123456789abcdef",
    raised_at="2026-01-01T00:00:00Z",
    ended_at="2026-01-01T00:00:02Z",
    attempts=1,
)


@pytest.mark.parametrize(
    ("change", "detail", "text", "sign"),
    [
        ("opened", "", "began to fire", TimelineSign.BEGIN),
        ("pending", "", "pending: destinations are told if it goes on", TimelineSign.BEGIN),
        ("notified", "chat mail", "notified chat, mail", TimelineSign.TOLD),
        ("reminded", "chat", "reminded chat", TimelineSign.TOLD),
        ("escalated", "pager +3", "escalated to pager, +3", TimelineSign.TOLD),
        ("suppressed", "muted", "suppressed: a mute time of the rule", TimelineSign.QUIET),
        ("suppressed", "novel", "suppressed: novel", TimelineSign.QUIET),
        ("acknowledged", "ann", "acknowledged by ann", TimelineSign.OPERATOR),
        ("unacknowledged", "ann", "acknowledgement withdrawn by ann", TimelineSign.OPERATOR),
        ("resolved", "ann", "resolved by ann", TimelineSign.OPERATOR),
        ("resolved", "", "resolved by an event", TimelineSign.GOOD),
        ("expired", "", "over: no further event came", TimelineSign.GOOD),
        ("invented", "later", "invented later", TimelineSign.QUIET),
    ],
)
def test_a_change_is_a_sentence(change: str, detail: str, text: str, sign: TimelineSign) -> None:
    (entry,) = timeline(details(ChangeView("2026-01-01T00:00:00Z", change, detail)), ())

    assert entry == TimelineEntry(at=1_767_225_600.0, sign=sign, text=text)


@pytest.mark.parametrize(
    ("changes", "text", "sign"),
    [
        ({}, "chat received that it is firing", TimelineSign.GOOD),
        ({"attempts": 3}, "chat received that it is firing at attempt 3", TimelineSign.GOOD),
        (
            {"state": DeliveryState.DEAD_LETTERED, "status": "resolved"},
            "chat was not told that it is resolved: dead letter",
            TimelineSign.BAD,
        ),
        (
            {"state": DeliveryState.DISCARDED},
            "chat was not told that it is firing: discarded by an operator",
            TimelineSign.BAD,
        ),
        (
            {"state": DeliveryState.WAITING, "attempts": 2, "ended_at": ""},
            "chat waits to be told that it is firing: attempt 3",
            TimelineSign.WAITING,
        ),
        (
            {"state": DeliveryState.BEHIND_ANOTHER, "ended_at": ""},
            "chat waits to be told that it is firing, behind an earlier message",
            TimelineSign.WAITING,
        ),
    ],
)
def test_a_delivery_says_what_its_receiver_knows(
    changes: dict[str, object], text: str, sign: TimelineSign
) -> None:
    (entry,) = timeline(details(), [msgspec.structs.replace(DELIVERY, **changes)])

    assert (entry.text, entry.sign, entry.event) == (text, sign, "0123456789abcdef")


def test_the_latest_stands_first_and_a_delivery_above_the_change_that_caused_it() -> None:
    changes = (
        ChangeView("2026-01-01T00:00:00Z", "opened", ""),
        ChangeView("2026-01-01T00:00:02Z", "notified", "chat"),
        ChangeView("2026-01-01T00:00:03Z", "acknowledged", "ann"),
    )

    assert [entry.text for entry in timeline(details(*changes), [DELIVERY])] == [
        "acknowledged by ann",
        "chat received that it is firing",
        "notified chat",
        "began to fire",
    ]
