"""``router alerts`` on a real Redis."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from click.testing import Result
from support.keyed import put

from router.clock import system_clock
from router.datatypes import Secret
from router.journal import keys
from router.journal.connection import Connection, connect
from router.journal.keys import TimerId
from router.rules.state.keyed_alert import Change, LogEntry, ToldStatus

Router = Callable[..., Result]
NOW = int(system_clock().now()) * 1000


def on_redis(url: Secret, work: Any) -> Any:
    async def run() -> Any:
        connection = connect(url, deadline=5.0, max_connections=2)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def some_alerts(redis_url: Secret, sample: bytes) -> None:
    """Store an open alert, a suppressed one, one that is over, and one that cannot be read."""

    async def store(connection: Connection) -> None:
        await put(
            connection,
            sample,
            "ak_open",
            {"summary": "down \x1b[31m $(rm)", "labels": {"team": "voice"}},
            since=NOW - 60_000,
            changed=NOW,
            told={"chat": ToldStatus("firing", NOW)},
            log=[LogEntry(NOW, Change("notified"), "chat")],
        )
        muted = {"status": "pending", "why": "muted", "ends": 4_102_466_400_000}
        await put(connection, sample, "ak_muted", {"summary": "late"}, changed=NOW - 1, **muted)
        await put(connection, sample, "ak_over", changed=NOW - 2, until=NOW - 60_000)
        await connection.redis.hset(keys.keyed_alert("ak_torn"), "record", b"\xc1")
        await connection.redis.zadd(keys.KEYED_ALERTS, {"ak_torn": NOW - 3})

    on_redis(redis_url, store)


@pytest.mark.usefixtures("some_alerts")
def test_the_list_has_what_is_not_over(router: Router) -> None:
    listed = router("alerts", "list").stdout

    heading, *rows = listed.splitlines()
    assert heading.split() == ["SINCE", "KEY", "SEVERITY", "RULE", "STATE", "SUMMARY"]
    assert [row.split()[2] for row in rows] == ["ak_open", "ak_muted", "ak_torn"]
    assert "down [31m $(rm)" in rows[0]
    assert "pending, suppressed: muted until 2100-01-01 06:00Z" in rows[1]
    assert "unreadable" in rows[2]


@pytest.mark.usefixtures("some_alerts")
def test_filters_pages_and_json(router: Router) -> None:
    def found(*options: str) -> list[str]:
        listed = router("alerts", "list", "--json", *options)
        return [each["key"] for each in msgspec.json.decode(listed.stdout)["alerts"]]

    assert found("--all") == ["ak_open", "ak_muted", "ak_over", "ak_torn"]
    assert found("--state", "suppressed,resolved") == ["ak_muted", "ak_over"]
    assert found("--label", "team:voice") == ["ak_open"]
    assert found("--text", "LATE", "--severity", "warning") == ["ak_muted"]
    first = router("alerts", "list", "--limit", "1").stdout.splitlines()[-1]
    assert found("--after", first.removeprefix("more: --after "))[0] == "ak_muted"


@pytest.mark.usefixtures("some_alerts")
def test_one_is_acknowledged_shown_and_given_back(router: Router) -> None:
    acknowledged = router("alerts", "acknowledge", "ak_open", "--by", "ann")
    shown = router("alerts", "show", "ak_open").stdout
    withdrawn = router("alerts", "unacknowledge", "ak_open", "--by", "bob", "--json")
    again = router("alerts", "unacknowledge", "ak_open", "--by", "bob")

    assert acknowledged.exit_code == 0
    assert acknowledged.stdout.startswith("ak_open  firing, acknowledged by ann")
    assert "acknowledged  ann, " in shown
    assert "chat: firing " in shown
    assert "; received: nothing yet" in shown
    assert "acknowledged   by ann" in shown
    (view,) = msgspec.json.decode(withdrawn.stdout)["alerts"]
    assert view["acknowledged"] is None
    assert (again.exit_code, again.stderr) == (1, "router: ak_open: it is not acknowledged\n")


@pytest.mark.usefixtures("some_alerts")
def test_without_a_worker_one_is_not_resolved_yet(router: Router, redis_url: Secret) -> None:
    result = router("alerts", "resolve", "ak_open", "--by", "ann", "--wait", "0.01")

    assert result.exit_code == 1
    assert result.stderr == "router: ak_open: not resolved yet: a worker does it when it runs\n"
    timer = keys.timer(TimerId("resolution-ak_open"))
    assert on_redis(redis_url, lambda connection: connection.redis.exists(timer)) == 1


@pytest.mark.usefixtures("some_alerts")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "ak_opn"), 1, 'no alert has the key ak_opn (did you mean "ak_open"?)'),
        (("show", "zzz\x1b"), 1, r"no alert has the key zzz\x1b (resolved ones are listed for a"),
        (("acknowledge", "ak_opn"), 1, 'no alert has the key ak_opn (did you mean "ak_open"?)'),
        (("acknowledge", "ak_over"), 1, "ak_over: the alert is resolved"),
        (("acknowledge", "ak_torn"), 1, "ak_torn: not a keyed alert: "),
        (("list", "--state", "firing,opn"), 2, "state: no state 'opn' (there are: acknowledged,"),
        (("list", "--after", "x"), 2, "'x' is not a cursor"),
    ],
)
def test_what_is_wrong_is_one_line(
    router: Router, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = router("alerts", *arguments)

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"router: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("some_alerts")
def test_one_that_cannot_be_read_is_shown_with_the_reason(router: Router) -> None:
    assert "problem       not a keyed alert: " in router("alerts", "show", "ak_torn").stdout


def test_without_alerts_the_list_says_so(router: Router) -> None:
    result = router("alerts", "list")
    assert result.stdout == "no alerts\n"
    # Before: a stranger who had just got a message in Slack saw "no alerts" and nothing else.
    assert '"router deliveries list" shows each of their messages' in result.stderr
    assert router("alerts", "list", "--rule", "x").stdout == "no alerts match\n"


@pytest.mark.usefixtures("some_alerts")
def test_one_of_which_no_destination_was_told_says_so(router: Router) -> None:
    assert "told\n  no destination yet\n" in router("alerts", "show", "ak_muted").stdout
    assert "told\n  no destination\n" in router("alerts", "show", "ak_over").stdout
