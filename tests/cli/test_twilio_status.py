"""`router twilio status` and `types`."""

from typing import Any

import msgspec
import pytest
from click.testing import Result
from support.twilio_api import ApiFault
from support.twilio_bench import TwilioBench

from router.client.twilio_advice import of_alert

URL = "https://events.example.com/twilio"
SUMMARY = "com.twilio.voice.insights.call-summary.complete"


def json(result: Result) -> Any:
    return msgspec.json.decode(result.stdout)


async def test_sinks_are_shown_with_their_types_and_their_errors(bench: TwilioBench) -> None:
    other = bench.api.add_sink("", sink_type="kinesis", sink_configuration={"arn": "a"})
    mine = bench.api.add_sink(
        "https://voice:sesame@events.example.com/twilio",
        description="Event router, made by router twilio connect",
    )
    subscription = bench.api.add_subscription(mine, {SUMMARY: 6})
    bench.api.add_alert("91305", mine, date_generated="2099-01-01T00:00:00Z")
    bench.api.add_alert("91305", mine, date_generated="2099-01-02T00:00:00Z")
    bench.api.add_alert("11200", "CA" + "0" * 32)

    result = await bench.run("status", ROUTER_PUBLIC_URL="https://events.example.com")

    rejects = of_alert("91305")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"{mine}  active  {URL}  (this router, made by connect)",
        f"    subscription {subscription}",
        f"    {SUMMARY}  version 6",
        f"    error 91305, 2 times, last at 2099-01-02T00:00:00Z: {rejects.problem}",
        f"        {rejects.remedy}",
        f'{other}  active  kinesis  (described as "by hand")',
        "    no subscription: it gets no events",
    ]


async def test_the_same_is_printed_as_json(bench: TwilioBench) -> None:
    sid = bench.api.add_sink(URL)
    bench.api.add_subscription(sid, {SUMMARY: 7})
    bench.api.add_alert("99999", sid)

    (sink,) = json(await bench.run("status", "--url", URL, "--json"))["sinks"]

    assert (sink["sid"], sink["is_this_router"], sink["is_made_by_connect"]) == (sid, True, False)
    assert sink["types"] == [{"type": SUMMARY, "schema_version": 7}]
    assert [(each["code"], each["count"]) for each in sink["failures"]] == [("99999", 1)]
    assert "https://www.twilio.com/docs/api/errors/99999" in sink["failures"][0]["remedy"]


async def test_a_call_that_fails_beside_others_has_its_sentence(bench: TwilioBench) -> None:
    for number in range(3):
        sid = bench.api.add_sink(f"https://other{number}.example.com/hook")
        bench.api.add_subscription(sid, {SUMMARY: 7})
    path = "/v1/Subscriptions/.*/SubscribedEvents"
    bench.api.faults = [ApiFault("GET", path, 403, 70051, "Authorization Failed", times=1)]

    result = await bench.run("status")

    assert result.exit_code == 1
    assert "Twilio does not allow GET /v1/Subscriptions/" in result.output


async def test_without_the_debugger_the_sinks_are_shown(bench: TwilioBench) -> None:
    bench.api.add_sink(URL)
    bench.api.faults = [ApiFault("GET", "/v1/Alerts", 403, 70051, "Authorization Failed")]

    result = await bench.run("status")

    assert result.exit_code == 0
    assert URL in result.stdout
    assert "errors of the Debugger are not shown: Twilio does not allow" in result.stderr


async def test_an_account_without_sinks_is_told_what_to_do(bench: TwilioBench) -> None:
    assert (await bench.run("status")).output == (
        "the account has no sinks; router twilio connect makes one\n"
    )


@pytest.mark.parametrize(("since", "code"), [("30d", 0), ("31d", 2), ("yesterday", 2)])
async def test_the_debugger_knows_thirty_days(bench: TwilioBench, since: str, code: int) -> None:
    assert (await bench.run("status", "--since", since)).exit_code == code


async def test_types_are_listed_and_filtered(bench: TwilioBench) -> None:
    all_of_them = json(await bench.run("types", "--json"))["types"]
    table = (await bench.run("types", "*.messaging.*")).output.splitlines()

    assert len(all_of_them) == 9
    assert [line.split()[:3] for line in table] == [
        ["TYPE", "STATUS", "SCHEMA"],
        ["com.twilio.messaging.message.delivered", "available", "Messaging.MessageStatus"],
        ["com.twilio.messaging.message.failed", "available", "Messaging.MessageStatus"],
    ]
