"""`router destinations`, `dead-letters` and `quarantine`: straight on Redis."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.events import deliveries_of, event_from

from router.cli import main
from router.clock import system_clock
from router.datatypes import Secret
from router.events.model import Malformed, Received
from router.journal.batches import (
    Batches,
)
from router.journal.connection import connect
from router.journal.deliveries import Deliveries, GivenUp
from router.journal.finish import (
    FinishedWork,
)
from router.journal.keys import BatchId, SetId

Router = Callable[..., Result]


@pytest.fixture
def router(redis_url: Secret, tmp_path: object) -> Router:
    """Runs the command line; its last argument may be what is typed."""
    environ = {"ROUTER_REDIS_URL": redis_url.reveal(), "ROUTER_RULES": str(tmp_path)}

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(main, arguments, input=typed, env=environ)

    return run


@pytest.fixture
def dead(redis_url: Secret, sample: bytes) -> list[str]:
    """Ids of five dead letters of "mail", and something malformed in quarantine."""
    deliveries = deliveries_of(event_from(sample), 5)

    async def fill() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=2)
        ids = iter([BatchId("b"), "q", SetId("s")])
        clock = msgspec.structs.replace(system_clock(), new_id=ids.__next__)
        batches = Batches(connection, clock)
        await batches.accept(
            [Received([event_from(sample)], [Malformed("no id", "$[0].id", 1.0, b"{}")])]
        )
        verdict = FinishedWork(
            duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=deliveries
        )
        await batches.finish(BatchId("b"), verdict)
        given_up = [GivenUp(SetId("s"), delivery, "HTTP 404 Not Found") for delivery in deliveries]
        await Deliveries(connection, system_clock()).settle(given_up)  # type: ignore[arg-type]
        await connection.close()

    asyncio.run(fill())
    return [delivery.id for delivery in deliveries]


def json(result: Result) -> dict[str, object]:
    return msgspec.json.decode(result.stdout, type=dict[str, object])


def test_dead_letters_are_listed_for_people_and_for_programs(
    router: Router, dead: list[str]
) -> None:
    listed = router("dead-letters", "list")
    assert listed.exit_code == 0
    assert listed.stdout.count("HTTP 404 Not Found") == 5

    page = json(router("dead-letters", "list", "--json", "--limit", "3"))
    rest = json(router("dead-letters", "list", "--json", "--after", str(page["after"])))
    found = [*page["dead_letters"], *rest["dead_letters"]]  # type: ignore[misc]
    assert sorted(letter["id"] for letter in found) == sorted(dead)
    assert rest["after"] == ""


def test_one_is_shown_with_its_event_and_an_unknown_one_is_an_error(
    router: Router, dead: list[str]
) -> None:
    shown = router("dead-letters", "show", dead[0])
    assert "HTTP 404 Not Found" in shown.stdout
    assert '"specversion": "1.0"' in shown.stdout

    unknown = router("dead-letters", "show", "msg_unknown")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "router: there is no dead letter msg_unknown\n",
    )


def test_one_some_or_all_are_replayed(router: Router, dead: list[str]) -> None:
    assert router("dead-letters", "replay", dead[0]).stdout == "mail: 1 replayed\n1 replayed\n"
    again = router("dead-letters", "replay", dead[0])
    assert (again.exit_code, again.stderr) == (
        1,
        "router: 1 not replayed: there is no such dead letter\n",
    )
    assert "1 replayed" in router("dead-letters", "replay", "--rule", "rule-1").stdout
    assert json(router("dead-letters", "replay", "--all", "--json")) == {
        "replayed": 3,
        "stayed": 0,
        "destinations": {"mail": 3},
    }
    assert router("dead-letters", "list").stdout == "no dead letters\n"


@pytest.mark.usefixtures("dead")
def test_nothing_is_moved_without_saying_what(router: Router) -> None:
    refused = router("dead-letters", "replay")
    assert refused.exit_code == 2
    assert "give IDs, a filter such as --reason, or --all" in refused.stderr
    assert router("dead-letters", "replay", "--older-than", "1parsec").exit_code == 2


@pytest.mark.usefixtures("dead")
def test_discarding_asks_first(router: Router) -> None:
    assert router("dead-letters", "discard", "--all", typed="n\n").exit_code == 1
    assert (
        "5 discarded" in router("dead-letters", "discard", "--destination", "mail", "--yes").stdout
    )


@pytest.mark.usefixtures("dead")
def test_quarantine_is_listed_shown_and_discarded(router: Router) -> None:
    assert "$[0].id: no id" in router("quarantine", "list").stdout
    assert router("quarantine", "show", "q").stdout.endswith("{}\n")
    stuck = router("quarantine", "replay", "--all")
    assert (stuck.exit_code, stuck.stderr) == (
        1,
        "router: 1 not replayed: still not a CloudEvent, or not in quarantine\n",
    )
    assert router("quarantine", "discard", "q", "--yes").stdout == "1 discarded\n"
    assert router("quarantine", "list").stdout == "no quarantined events\n"


@pytest.mark.usefixtures("dead")
def test_a_destination_is_paused_and_resumed(router: Router) -> None:
    assert router("destinations", "pause", "mail", "--reason", "they move").exit_code == 0
    assert router("destinations", "pause", "mail").exit_code == 1
    (shown,) = json(router("destinations", "list", "--json"))["destinations"]  # type: ignore[misc]
    assert (shown["name"], shown["state"], shown["reason"]) == ("mail", "paused", "they move")
    assert "paused" in router("destinations", "list").stdout

    assert router("destinations", "resume", "mail").exit_code == 0
    assert router("destinations", "resume", "mail").exit_code == 1
    unknown = router("destinations", "pause", "nail")
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "router: there is no destination 'nail', there are: mail\n",
    )


def test_a_redis_that_is_away_is_one_line(tmp_path: object) -> None:
    environ = {"ROUTER_REDIS_URL": f"unix://{tmp_path}/none.sock"}
    away = CliRunner().invoke(main, ["dead-letters", "list"], env=environ)
    assert away.exit_code == 2
    assert away.stderr.startswith("router: Redis: ")
    assert away.stderr.endswith("(set ROUTER_REDIS_URL to the URL of Redis)\n")
