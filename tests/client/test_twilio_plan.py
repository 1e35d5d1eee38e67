"""The changes that connect and disconnect make, given what an account has."""

from typing import Any

import pytest

from router.client.twilio_plan import (
    MARK,
    AccountState,
    plan_connect,
    plan_disconnect,
    reusable_sink,
)
from router.client.twilio_resources import SubscribedType, TwilioSink, TwilioSubscription
from router.errors import ConfigurationError

URL = "https://events.example.com/twilio"
OURS = f"Event router, {MARK}"
A, B = SubscribedType(type="a", schema_version=2), SubscribedType(type="b", schema_version=1)


def sink(sid: str, url: str = URL, **changes: Any) -> TwilioSink:
    method = changes.pop("method", "POST")
    fields = {
        "sink_type": "webhook",
        "status": "active",
        "description": "by hand",
        "sink_configuration": {"destination": url, "method": method},
        **changes,
    }
    return TwilioSink(sid=sid, **fields)


def subscription(sid: str, sink_sid: str, description: str = "by hand") -> TwilioSubscription:
    return TwilioSubscription(sid=sid, sink_sid=sink_sid, description=description)


def state(
    *sinks: TwilioSink, subscriptions: tuple[TwilioSubscription, ...] = (), **types: Any
) -> AccountState:
    return AccountState(sinks=sinks, subscriptions=subscriptions, types=types)


@pytest.mark.parametrize(
    ("account", "used"),
    [
        (state(), None),
        (state(sink("DG1", "https://other.example.com/twilio")), None),
        (state(sink("DG1", sink_type="kinesis", sink_configuration={"arn": "a"})), None),
        (state(sink("DG1")), "DG1"),
        (state(sink("DG1", status="initialized")), "DG1"),
        (state(sink("DG1", "https://user:x@events.example.com/twilio")), "DG1"),
        # Of several: with a subscription, active, the oldest.
        (state(sink("DG1"), sink("DG2"), subscriptions=(subscription("DF", "DG2"),)), "DG2"),
        (state(sink("DG1", status="initialized"), sink("DG2")), "DG2"),
        (state(sink("DG1", date_created="2026-02"), sink("DG2", date_created="2026-01")), "DG2"),
        (state(sink("DG1", method="GET"), sink("DG2")), "DG2"),
        (state(sink("DG1", sink_configuration=None)), None),
        (state(sink("DG1", sink_configuration={"destination": 7})), None),
    ],
)
def test_a_sink_of_the_same_url_is_used(account: AccountState, used: str | None) -> None:
    found = reusable_sink(URL, URL, account)

    assert (found.sid if found else None) == used


@pytest.mark.parametrize(
    ("there", "destination", "reason"),
    [
        (sink("DG1", method="GET"), URL, "its method is GET, not POST"),
        (sink("DG1", method=""), URL, "its method is not set, not POST"),
        (sink("DG1", status="failed"), URL, "its state is failed"),
        (sink("DG1"), "https://u:p@events.example.com/twilio", "its URL has no user and password"),
    ],
)
def test_a_sink_that_cannot_be_used_is_in_the_way(
    there: TwilioSink, destination: str, reason: str
) -> None:
    """Twilio cannot change a sink, and a second one beside it would be a surprise."""
    with pytest.raises(ConfigurationError, match=reason) as raised:
        plan_connect(URL, destination, state(there), [A])

    assert "twilio api:events:v1:sinks:remove --sid DG1" in str(raised.value)


def test_a_sink_of_connect_in_the_way_is_deleted_by_disconnect() -> None:
    there = sink("DG1", method="GET", description=OURS)

    with pytest.raises(ConfigurationError, match=r"delete it \(router twilio disconnect\)"):
        plan_connect(URL, URL, state(there), [A])


@pytest.mark.parametrize(
    ("account", "calls"),
    [
        (state(), ["/v1/Sinks", "/v1/Sinks/DG…/Test", "/v1/Subscriptions"]),
        (state(sink("DG1")), ["/v1/Sinks/DG1/Test", "/v1/Subscriptions"]),
        (
            state(sink("DG1"), subscriptions=(subscription("DF1", "DG1"),), DF1=(A,)),
            ["/v1/Sinks/DG1/Test", "/v1/Subscriptions/DF1/SubscribedEvents"],
        ),
        (
            state(sink("DG1"), subscriptions=(subscription("DF1", "DG1"),), DF1=(A, B)),
            ["/v1/Sinks/DG1/Test"],
        ),
        # Another sink's subscription is not that of this one.
        (
            state(sink("DG1"), subscriptions=(subscription("DF2", "DG2"),), DF2=(A, B)),
            ["/v1/Sinks/DG1/Test", "/v1/Subscriptions"],
        ),
    ],
)
def test_only_what_is_missing_is_made(account: AccountState, calls: list[str]) -> None:
    plan = plan_connect(URL, URL, account, [A, B])

    assert [call.path for call in plan.calls()] == calls
    assert plan.changes_nothing is (len(calls) == 1)


def test_an_older_schema_version_stays_and_is_told() -> None:
    older = SubscribedType(type="a", schema_version=1)
    account = state(sink("DG1"), subscriptions=(subscription("DF1", "DG1"),), DF1=(older,))

    plan = plan_connect(URL, URL, account, [A])

    assert (plan.changes_nothing, plan.older) == (True, (older,))


def test_the_limit_of_sinks_is_known_before_a_call() -> None:
    others = [sink(f"DG{number}", f"https://{number}.example.com/") for number in range(100)]

    with pytest.raises(ConfigurationError, match="Twilio allows 100"):
        plan_connect(URL, URL, state(*others), [A])
    assert plan_connect(URL, URL, state(*others[1:], sink("DG0")), [A]).create_sink is None


@pytest.mark.parametrize(
    ("account", "deleted", "kept"),
    [
        (state(), [], []),
        (
            state(
                sink("DG1", description=OURS),
                subscriptions=(subscription("DF1", "DG1", OURS),),
                DF1=(A,),
            ),
            ["/v1/Subscriptions/DF1", "/v1/Sinks/DG1"],
            [],
        ),
        (state(sink("DG1", description=OURS)), ["/v1/Sinks/DG1"], []),
        # Made by hand, or of another URL.
        (state(sink("DG1")), [], ["sink DG1"]),
        (state(sink("DG1", "https://other.example.com/", description=OURS)), [], []),
        (
            state(sink("DG1"), subscriptions=(subscription("DF1", "DG1", OURS),), DF1=(A,)),
            ["/v1/Subscriptions/DF1"],
            ["sink DG1"],
        ),
        (
            state(
                sink("DG1", description=OURS), subscriptions=(subscription("DF1", "DG1"),), DF1=(A,)
            ),
            [],
            ["subscription DF1", "sink DG1"],
        ),
    ],
)
def test_disconnect_deletes_what_connect_has_made_and_nothing_else(
    account: AccountState, deleted: list[str], kept: list[str]
) -> None:
    plan = plan_disconnect(URL, account)

    assert [call.path for call in plan.calls] == deleted
    assert all(call.method == "DELETE" for call in plan.calls)
    assert [" ".join(line.split()[:2]) for line in plan.kept] == kept


def test_disconnect_shows_no_password() -> None:
    there = sink("DG1", "https://user:secret@events.example.com/twilio", description=OURS)

    assert "secret" not in str(plan_disconnect(URL, state(there)).deleted)
