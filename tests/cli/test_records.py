"""`router dead-letters` and `router quarantine`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from support.lanes import OTHER, Outbox, message, resolved

from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import connect

Router = Callable[..., Result]


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


def test_a_dead_letter_is_shown_and_an_unknown_id_is_an_error(
    router: Router, dead: list[str]
) -> None:
    shown = router("dead-letters", "show", dead[0])
    assert "HTTP 404 Not Found" in shown.stdout
    assert '"specversion": "1.0"' in shown.stdout

    masked = router("dead-letters", "show", dead[0], ROUTER_MASKED_FIELDS="data.account_sid")
    assert '"account_sid": "***"' in masked.stdout

    unknown = router("dead-letters", "show", "msg_unknown")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "router: there is no dead letter msg_unknown\n",
    )


@pytest.mark.parametrize(
    "command", [("list",), ("list", "--json"), ("replay",), ("discard", "--yes")]
)
def test_a_rule_that_does_not_exist_is_an_error_with_a_hint(
    router: Router, dead: list[str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    rule = "rules: [{name: rule-7, events: [a], send_to: [mail]}]"
    (tmp_path / "rules.yaml").write_text(f"destinations: {{mail: {{capture: {{}}}}}}\n{rule}\n")

    wrong = router("dead-letters", *command, "--rule", "rule-77")
    known = router("dead-letters", *command, "--rule", "rule-7")
    former = router("dead-letters", *command, "--rule", "rule-1")  # renamed since

    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "router: there is no rule 'rule-77', did you mean \"rule-7\"?\n",
    )
    assert (known.exit_code, former.exit_code) == (0, 0)
    assert len(dead) == 5


def test_dead_letters_are_replayed_by_id_by_filter_or_all(router: Router, dead: list[str]) -> None:
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
    assert json(router("dead-letters", "replay", "--all", "--json")) == {
        "replayed": 0,
        "stayed": 0,
        "destinations": {},
    }


@pytest.fixture
def overtaken(redis_url: Secret) -> None:
    """Leave two dead letters. The receiver has the end of the alert of one of them."""

    async def fill() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=2)
        outbox = Outbox(connection, system_clock())
        await outbox.open(message(1), message(2, key=OTHER), resolved(3))
        await outbox.give_up()
        await outbox.deliver()
        await connection.close()

    asyncio.run(fill())


@pytest.mark.usefixtures("overtaken")
def test_a_replay_says_what_it_dropped(router: Router) -> None:
    """Case D2."""
    replayed = router("dead-letters", "replay", "--all")

    assert replayed.exit_code == 0
    assert replayed.stdout.splitlines() == [
        "pager: 1 replayed",
        "1 replayed",
        "1 dropped: their receiver was told something later of the same alert",
    ]


@pytest.mark.usefixtures("overtaken")
def test_a_replay_says_what_it_dropped_to_programs(router: Router) -> None:
    """Case D2."""
    assert json(router("dead-letters", "replay", "--all", "--json")) == {
        "replayed": 1,
        "stayed": 0,
        "overtaken": 1,
        "destinations": {"pager": 1},
    }


@pytest.mark.usefixtures("dead")
def test_a_selection_is_required(router: Router) -> None:
    refused = router("dead-letters", "replay")
    assert refused.exit_code == 2
    assert "give IDs, a filter such as --reason, or --all" in refused.stderr
    assert router("dead-letters", "replay", "--older-than", "1parsec").exit_code == 2


@pytest.mark.usefixtures("dead")
def test_discard_asks_for_confirmation(router: Router) -> None:
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
    assert json(router("quarantine", "discard", "x", "--yes", "--json")) == {
        "discarded": 0,
        "stayed": 1,
    }
    assert router("quarantine", "discard", "q", "--yes").stdout == "1 discarded\n"
    assert router("quarantine", "list").stdout == "no quarantined events\n"
