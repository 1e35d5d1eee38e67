"""`router twilio disconnect`."""

from typing import Any

import msgspec
from click.testing import Result
from support.twilio_api import ApiFault
from support.twilio_bench import TwilioBench

URL = "https://events.example.com/twilio"
OURS = "Event router, made by router twilio connect"


def json(result: Result) -> Any:
    return msgspec.json.decode(result.stdout)


def connected(bench: TwilioBench, url: str = URL) -> tuple[str, str]:
    """Make a sink with a subscription, as connect does."""
    sink = bench.api.add_sink(url, description=OURS)
    return sink, bench.api.add_subscription(sink, {"com.twilio.error-logs.error.logged": 1}, OURS)


async def test_what_connect_has_made_is_deleted(bench: TwilioBench) -> None:
    router = await bench.router()
    await bench.connect(router.url)
    by_hand = bench.api.add_sink("https://other.example.com/")

    result = await bench.run("disconnect", "--url", router.url, "--yes")

    assert result.exit_code == 0, result.output
    assert list(bench.api.sinks) == [by_hand]
    assert bench.api.subscriptions == {}


async def test_it_asks_first(bench: TwilioBench) -> None:
    sink, subscription = connected(bench)

    refused = await bench.run("disconnect", "--url", URL, typed="n\n")
    kept = list(bench.api.sinks)
    agreed = await bench.run("disconnect", "--url", URL, typed="y\n")

    assert (refused.exit_code, kept) == (1, [sink])
    assert refused.output.splitlines()[:3] == [
        f"delete: subscription {subscription} to 1 event type",
        f"delete: sink {sink} ({URL})",
        "Delete these at Twilio? [y/N]: n",
    ]
    assert agreed.exit_code == 0
    assert bench.api.sinks == {}


async def test_what_was_made_by_hand_stays_and_is_shown(bench: TwilioBench) -> None:
    sink = bench.api.add_sink(URL)

    result = await bench.run("disconnect", "--url", URL, "--yes")

    assert result.output == (
        f'stays: sink {sink} ({URL}): not made by this command, described as "by hand"\n'
    )
    assert bench.api.changes == []


async def test_dry_run_prints_the_calls_in_their_order(bench: TwilioBench) -> None:
    sink, subscription = connected(bench)

    result = await bench.run("disconnect", "--url", URL, "--dry-run")

    assert result.output.splitlines() == [
        f"DELETE {bench.api.url}/v1/Subscriptions/{subscription}",
        f"DELETE {bench.api.url}/v1/Sinks/{sink}",
    ]
    assert bench.api.changes == []


async def test_json_has_what_was_deleted(bench: TwilioBench) -> None:
    sink, subscription = connected(bench)

    shown = json(await bench.run("disconnect", "--url", URL, "--yes", "--json"))
    again = json(await bench.run("disconnect", "--url", URL, "--yes", "--json"))

    assert [line.split()[1] for line in shown["deleted"]] == [subscription, sink]
    assert again == {"deleted": [], "kept": []}


async def test_a_url_without_a_sink_is_told(bench: TwilioBench) -> None:
    result = await bench.run("disconnect", "--url", URL, "--yes")

    assert (result.exit_code, result.output) == (0, f"there is no sink with the URL {URL}\n")


async def test_a_failure_half_way_says_what_still_exists(bench: TwilioBench) -> None:
    sink, _subscription = connected(bench)
    bench.api.faults = [ApiFault("DELETE", "/v1/Sinks/.*", 500, 20500, "Internal", times=1)]

    failed = await bench.run("disconnect", "--url", URL, "--yes")
    again = await bench.run("disconnect", "--url", URL, "--yes")

    assert failed.exit_code == 1
    assert f"Exists now: sink {sink} ({URL})" in failed.output
    assert again.exit_code == 0
    assert bench.api.sinks == {}


async def test_what_is_gone_already_is_no_failure(bench: TwilioBench) -> None:
    connected(bench)
    gone = ApiFault("DELETE", "/v1/Subscriptions/.*", 404, 20404, "gone", times=1, is_after=True)
    bench.api.faults = [gone]

    assert (await bench.run("disconnect", "--url", URL, "--yes")).exit_code == 0
    assert bench.api.sinks == {}
