"""`router destinations`."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from click.testing import Result

from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.pauses import Pause, PauseKind, Pauses

Router = Callable[..., Result]


def json(result: Result) -> dict[str, object]:
    return msgspec.json.decode(result.stdout, type=dict[str, object])


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
        "router: there is no destination 'nail', did you mean \"mail\"?\n",
    )


@pytest.mark.usefixtures("dead")
def test_a_destination_that_is_paused_for_its_refusals_says_so_and_can_be_paused(
    router: Router, redis_url: Secret
) -> None:
    """Case D25."""
    pause = Pause(kind=PauseKind.REFUSED, at=1.0, reason="10 refusals in a row, the last: HTTP 401")

    async def refuse() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=1)
        await Pauses(connection).pause("mail", pause)
        await connection.close()

    asyncio.run(refuse())
    (shown,) = json(router("destinations", "list", "--json"))["destinations"]  # type: ignore[misc]
    assert (shown["state"], shown["reason"]) == ("paused", pause.reason)

    assert router("destinations", "pause", "mail", "--reason", "until monday").exit_code == 0
    assert router("destinations", "pause", "mail").exit_code == 1
    assert router("destinations", "resume", "mail").exit_code == 0


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize(
    "command",
    [
        ("destinations", "pause", "nope"),
        ("destinations", "resume", "nope"),
        ("destinations", "show", "nope"),
        ("destinations", "retry", "nope"),
        ("destinations", "test", "nope"),
        ("dead-letters", "list", "--destination", "nope"),
        ("dead-letters", "replay", "--destination", "nope"),
        ("dead-letters", "discard", "--yes", "--destination", "nope"),
    ],
    ids=" ".join,
)
def test_a_destination_that_does_not_exist_is_an_error(
    router: Router, command: tuple[str, ...]
) -> None:
    """Case O15."""
    result = router(*command)

    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        "router: there is no destination 'nope', there are: mail\n",
    )


@pytest.mark.usefixtures("dead")
def test_a_destination_is_shown_and_retried(router: Router) -> None:
    facts = dict(
        line.split(None, 1) for line in router("destinations", "show", "mail").stdout.splitlines()
    )
    assert (facts["health"], facts["circuit"], facts["pending"]) == (
        "ok",
        "closed",
        "0, the oldest for 0 s",
    )
    assert json(router("destinations", "show", "mail", "--json"))["dead"] == 5
    retried = router("destinations", "retry", "mail")
    assert retried.stdout == "0 sets of deliveries that waited for mail are attempted now\n"

    router("destinations", "pause", "mail")
    retried = router("destinations", "retry", "mail")
    assert (retried.exit_code, retried.stderr) == (
        1,
        'router: mail is paused; run "router destinations resume mail"\n',
    )


@pytest.mark.usefixtures("dead")
def test_a_test_message_without_a_worker_waits(router: Router) -> None:
    tested = router("destinations", "test", "mail")
    assert (tested.exit_code, tested.stdout) == (
        1,
        "test message waiting: no worker has this destination: start one with the rules that have it\n",
    )
    again = router("destinations", "test", "mail", "--json")
    assert again.exit_code == 2
    assert again.stderr.startswith("router: a test message was sent a moment ago: try again in ")
