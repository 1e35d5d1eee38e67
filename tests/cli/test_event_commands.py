"""`router events` and `router deliveries`: from "no alert came" to the reason by one command."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.clock import SetClock
from support.golden import golden
from support.past import Past
from support.world import PLACES

from router.cli import main
from router.datatypes import Secret
from router.journal import keys
from router.journal.connection import connect

pytestmark = pytest.mark.server
RULES = """
rules:
  - name: call-quality
    events: [a]
    when: data.quality >= 3 && data.region in ["us1", "us2"]
    send_to: [noc, boss]
  - name: silent-call
    events: [a]
    when: data.silent && data.region == "us1"
    send_to: [boss]
  - name: typo
    events: [a]
    when: data.qualty > 1
    send_to: [noc]
  - {name: night, events: [a], when: data.region == "us1", cooldown: {for: 1h}, send_to: [boss]}
  - {name: other, events: [b], send_to: [noc]}
"""
Work = Callable[[Past], Awaitable[object]]
Run = Callable[..., Result]


@pytest.fixture
def past(redis_url: Secret) -> Callable[[Work], None]:
    """Let a worker with a history do something."""
    time = SetClock()

    def run(work: Work) -> None:
        async def with_past() -> None:
            connection = connect(redis_url, deadline=5.0, max_connections=4)
            await work(Past(connection, time, RULES))
            await connection.close()

        asyncio.run(with_past())

    return run


@pytest.fixture
def run(redis_url: Secret, tmp_path: Path) -> Run:
    (tmp_path / "places.yaml").write_text(PLACES)
    (tmp_path / "rules.yaml").write_text(RULES)

    def run(*arguments: str, **more: str) -> Result:
        environ = {"ROUTER_REDIS_URL": redis_url.reveal(), "ROUTER_RULES": str(tmp_path)}
        return CliRunner().invoke(main, arguments, env=environ | more)

    return run


async def send_both(past: Past) -> None:
    await past.send(past.event("CF1", quality=2, region="us1", silent=False))
    await past.send(past.event("CF2", quality=5, region="us1", silent=False))
    await past.deliver("noc")
    await past.give_up("HTTP 404", "boss")


def test_one_event_says_what_came_of_it_and_why_not_more(
    past: Callable[[Work], None], run: Run
) -> None:
    past(send_both)
    shown = run("events", "show", "CF2")
    assert shown.exit_code == 0, shown.output
    assert golden("event.txt", shown.stdout) == shown.stdout
    assert len(shown.stdout.splitlines()) < 25


def test_events_are_listed_by_filters_and_shown_by_reference(
    past: Callable[[Work], None], run: Run
) -> None:
    past(send_both)
    listed = run("events", "list", "--outcome", "matched").stdout.splitlines()
    assert [line.split()[-3:] for line in listed[1:]] == [
        ["CF2", "call-quality,", "night"],
        ["a", "CF1", "night"],
    ]
    page = msgspec.json.decode(run("events", "list", "--limit", "1", "--json").stdout)
    assert [each["id"] for each in page["events"]] == ["CF2"]
    rest = run("events", "list", "--after", page["after"], "--text", "cf1", "--json").stdout
    (first,) = msgspec.json.decode(rest)["events"]
    by_reference = run("events", "show", first["reference"], "--rule", "silent-call", "--body")
    assert "* data.silent" in by_reference.stdout
    assert '"quality": 2' in by_reference.stdout
    as_json = msgspec.json.decode(run("events", "show", "CF1", "--source", "s", "--json").stdout)
    assert as_json["rules"][0]["rule"] == "night"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("events", "show", "nope"),
            1,
            "no event 'nope' is in history, waits or is in quarantine.",
        ),
        (("events", "list", "--outcome", "odd"), 2, "--outcome: 'odd' is none, expected matched"),
        (("events", "list", "--newer-than", "5"), 2, "--newer-than: "),
        (("events", "list", "--after", "odd"), 2, "--after: 'odd' is not a cursor"),
        (("events", "list", "--rule", "nights"), 2, "there is no rule 'nights', did you mean"),
        (("events", "replay"), 2, "give IDs, a filter such as --type, or --all"),
        (("events", "replay", "x", "--type", "a"), 2, "give IDs or filters, not both"),
        (("events", "replay", "nope"), 1, "1 not replayed: history has no event with this id"),
        (("events", "replay", "nope", "--dry-run"), 1, "1 would not be replayed: history has no"),
        (("deliveries", "show", "msg_no"), 1, "there is no delivery msg_no"),
        (("deliveries", "list", "--state", "odd"), 2, "--state: 'odd' is none, expected open"),
        (("deliveries", "list", "--destination", "nc"), 2, "there is no destination 'nc'"),
    ],
)
def test_an_error_says_what_to_write_instead(
    run: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = run(*arguments)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


def test_without_rules_what_was_recorded_is_shown(
    past: Callable[[Work], None], run: Run, tmp_path: Path
) -> None:
    past(send_both)
    shown = run("events", "show", "CF1", ROUTER_RULES=str(tmp_path / "none"))
    assert "note: there is no rules folder" in shown.stderr
    assert "night  matched: notified boss" in shown.stdout
    (tmp_path / "rules.yaml").write_text("rules: [")
    assert "have errors" in run("events", "show", "CF1").stderr


def test_a_replay_is_counted_first_and_then_evaluated_again(
    past: Callable[[Work], None], run: Run
) -> None:
    past(send_both)
    assert run("events", "replay", "--all", "--dry-run").stdout == "2 events would be replayed\n"
    assert run("events", "replay", "CF1").stdout == "1 event replayed\n"

    async def evaluate(past: Past) -> None:
        (name,) = await past.connection.redis.zrange(keys.BATCHES, 0, 9)
        await past.evaluate.run(keys.BatchId(name.decode()))

    past(evaluate)
    listed = msgspec.json.decode(run("events", "list", "--json").stdout)["events"]
    assert [(each["id"], each["outcome"]) for each in listed] == [
        ("CF1", "suppressed"),
        ("CF2", "matched"),
        ("CF1", "matched"),
    ]
    (entry,) = msgspec.json.decode(run("audit", "list", "--json").stdout)["entries"]
    assert (entry["action"], entry["kind"], entry["details"]) == (
        "replayed",
        "events",
        {"events": 1},
    )


def test_deliveries_are_listed_and_shown(past: Callable[[Work], None], run: Run) -> None:
    past(send_both)
    listed = run("deliveries", "list", "--state", "dead-lettered").stdout.splitlines()
    assert sorted(line.split()[3:6] for line in listed[1:]) == [  # settled together
        ["boss", "call-quality", "CF2"],
        ["boss", "night", "CF1"],
    ]
    shown = run("deliveries", "show", listed[1].split()[2]).stdout
    assert "attempt 1 at 2023-11-14T22:13:20.000Z, 0.500 s: HTTP 404" in shown
    page = msgspec.json.decode(run("deliveries", "list", "--limit", "1", "--json").stdout)
    assert len(page["deliveries"]) == 1
    assert "no deliveries match" in run("deliveries", "list", "--rule", "other").stdout
